package store

import (
	"context"
	"database/sql"
)

// Setting returns what was set under a name. The error is room.ErrNotFound when nothing was.
func (s *Store) Setting(ctx context.Context, name string) (string, error) {
	var value string
	err := s.reads.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = ?", name).Scan(&value)
	return value, s.wrap("setting", err)
}

// SetSetting keeps value under name in place of what was there.
func (s *Store) SetSetting(ctx context.Context, name, value string) error {
	return s.write(ctx, "setting set", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
		return err
	})
}
