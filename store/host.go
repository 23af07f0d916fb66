package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

const hostChars = 8 // random characters in a host's ID

// FirstHost returns the host who has been here longest, and makes one where there is none.
func (s *Store) FirstHost(ctx context.Context, now time.Time) (room.HostID, error) {
	var id room.HostID
	err := s.write(ctx, "host first", func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, "SELECT id FROM hosts ORDER BY created_at, id LIMIT 1").Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			id, err = addHost(ctx, tx, now)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// AddHost makes another host, who sees only the rooms of her own.
func (s *Store) AddHost(ctx context.Context, now time.Time) (room.HostID, error) {
	var id room.HostID
	err := s.write(ctx, "host add", func(tx *sql.Tx) (err error) {
		id, err = addHost(ctx, tx, now)
		return err
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

func addHost(ctx context.Context, tx *sql.Tx, now time.Time) (room.HostID, error) {
	id, err := room.RandomChars(rand.Reader, hostChars)
	if err != nil {
		return "", err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO hosts (id, created_at) VALUES (?, ?)", id, toMillis(now))
	return room.HostID(id), conflict(err)
}
