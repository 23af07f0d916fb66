package store

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/epidaurus-live/epidaurus/room"
)

// SetLife keeps where a room is in its life, what is known of its course, and what it is called. What is older than what is kept changes nothing. The error is
// room.ErrNotFound when there is no such room.
func (s *Store) SetLife(ctx context.Context, f room.Facts) error {
	return s.write(ctx, "room life", func(tx *sql.Tx) error {
		var (
			state room.State
			text  []byte
			kept  room.Life
		)
		err := tx.QueryRowContext(ctx, "SELECT state, life FROM rooms WHERE id = ?", f.ID).Scan(&state, &text)
		if err == nil {
			err = json.Unmarshal(text, &kept)
		}
		if err != nil {
			return err
		}
		if room.Step(state, f.State) == nil {
			_, err = tx.ExecContext(ctx, "UPDATE rooms SET state = ?, ended_at = ? WHERE id = ?", f.State, maybeMillis(f.EndedAt), f.ID)
		}
		if err != nil || f.Life.Revision <= kept.Revision {
			return err
		}
		text, err = json.Marshal(f.Life)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE rooms SET life = ?, title = coalesce(nullif(?, ''), title), lang = coalesce(nullif(?, ''), lang) WHERE id = ?", string(text), f.Title, f.Language, f.ID)
		return err
	})
}
