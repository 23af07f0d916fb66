package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// linkMemory is how long a link is remembered after its end, so that whoever opens it late reads why it is void.
const linkMemory = 30 * 24 * time.Hour

// AddLink makes a link that lets its bearer in as host, once, before lifetime is over. The secret is returned here and kept
// nowhere.
func (s *Store) AddLink(ctx context.Context, host room.HostID, now time.Time, lifetime time.Duration) (room.Secret, error) {
	secret, err := room.NewSecret(rand.Reader)
	if err != nil {
		return "", s.wrap("link add", err)
	}
	hash := secret.Hash()
	err = s.write(ctx, "link add", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM host_links WHERE expires_at < ?", toMillis(now.Add(-linkMemory)))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO host_links (hash, host_id, created_at, expires_at) VALUES (?, ?, ?, ?)",
			hash[:], host, toMillis(now), toMillis(now.Add(lifetime)))
		return conflict(err)
	})
	if err != nil {
		return "", err
	}
	return secret, nil
}

// Redeem uses a link up and begins a session, both or neither; of all that try one link exactly one succeeds. The errors are
// room.ErrLinkUnknown, room.ErrLinkUsed and room.ErrLinkExpired.
func (s *Store) Redeem(ctx context.Context, link, session room.SecretHash, now time.Time) (room.HostID, error) {
	var host room.HostID
	err := s.write(ctx, "link redeem", func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, "UPDATE host_links SET used_at = ? WHERE hash = ? AND used_at IS NULL AND expires_at > ? RETURNING host_id",
			toMillis(now), link[:], toMillis(now)).Scan(&host)
		if errors.Is(err, sql.ErrNoRows) {
			return whyNot(ctx, tx, link)
		}
		if err != nil {
			return err
		}
		return beginSession(ctx, tx, host, session, now)
	})
	if err != nil {
		return "", err
	}
	return host, nil
}

func whyNot(ctx context.Context, tx *sql.Tx, link room.SecretHash) error {
	var used sql.NullInt64
	err := tx.QueryRowContext(ctx, "SELECT used_at FROM host_links WHERE hash = ?", link[:]).Scan(&used)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return room.ErrLinkUnknown
	case err != nil:
		return err
	case used.Valid:
		return room.ErrLinkUsed
	}
	return room.ErrLinkExpired
}

// Claimed reports whether any host has ever come in, so that a server can greet its first one with a link.
func (s *Store) Claimed(ctx context.Context) (bool, error) {
	var claimed bool
	err := s.reads.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM host_sessions)").Scan(&claimed)
	return claimed, s.wrap("link claimed", err)
}
