package store

import (
	"context"
	"database/sql"

	"github.com/epidaurus-live/epidaurus/room"
)

// SetDelay keeps a room's broadcast delay, in milliseconds. The error is room.ErrNotFound when there is no such room.
func (s *Store) SetDelay(ctx context.Context, id room.ID, ms int) error {
	return s.write(ctx, "delay set", func(tx *sql.Tx) error {
		_, err := stateOf(ctx, tx, id)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE rooms SET delay_ms = ? WHERE id = ?", ms, id)
		return err
	})
}

// SetCart keeps a room's own sound for a cart, a file as its host gave it, in the place of the one before; nil drops it. The error is
// room.ErrNotFound when there is no such room.
func (s *Store) SetCart(ctx context.Context, id room.ID, name room.Cart, sound []byte) error {
	return s.write(ctx, "cart set", func(tx *sql.Tx) error {
		_, err := stateOf(ctx, tx, id)
		if err != nil {
			return err
		}
		if sound == nil {
			_, err = tx.ExecContext(ctx, "DELETE FROM carts WHERE room_id = ? AND name = ?", id, name)
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO carts (room_id, name, sound) VALUES (?, ?, ?)
			ON CONFLICT (room_id, name) DO UPDATE SET sound = excluded.sound`, id, name, sound)
		return err
	})
}

// Carts returns a room's own sounds.
func (s *Store) Carts(ctx context.Context, id room.ID) (map[room.Cart][]byte, error) {
	carts, err := s.queryCarts(ctx, id)
	return carts, s.wrap("carts", err)
}

func (s *Store) queryCarts(ctx context.Context, id room.ID) (map[room.Cart][]byte, error) {
	rows, err := s.reads.QueryContext(ctx, "SELECT name, sound FROM carts WHERE room_id = ?", id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	carts := map[room.Cart][]byte{}
	for rows.Next() {
		var (
			name  room.Cart
			sound []byte
		)
		err = rows.Scan(&name, &sound)
		if err != nil {
			return nil, err
		}
		carts[name] = sound
	}
	return carts, rows.Err()
}
