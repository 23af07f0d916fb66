package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// SessionIdle is how long a session lives after it was last seen.
const SessionIdle = 90 * 24 * time.Hour

// seenStep is how often it is written down that a session was seen: reading stays reading.
const seenStep = time.Hour

// unseenStep is how long no session is written down as seen after that failed once.
const unseenStep = time.Minute

func beginSession(ctx context.Context, tx *sql.Tx, host room.HostID, session room.SecretHash, now time.Time) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO host_sessions (hash, host_id, created_at, seen_at) VALUES (?, ?, ?, ?)",
		session[:], host, toMillis(now), toMillis(now))
	return conflict(err)
}

// Session returns whose session it is. The error is room.ErrNotFound when there is none, or it was not seen for SessionIdle.
func (s *Store) Session(ctx context.Context, session room.SecretHash, now time.Time) (room.HostID, error) {
	var (
		host room.HostID
		seen int64
	)
	err := s.reads.QueryRowContext(ctx, "SELECT host_id, seen_at FROM host_sessions WHERE hash = ?", session[:]).Scan(&host, &seen)
	if err != nil {
		return "", s.wrap("session", err)
	}
	idle := now.Sub(fromMillis(seen))
	if idle > SessionIdle {
		return "", s.wrap("session", room.ErrNotFound)
	}
	if idle > seenStep && now.Sub(fromMillis(s.unseen.Load())).Abs() > unseenStep {
		// Who is host is known. If this cannot be written down now, a later request tries again: none waits long for it.
		err = s.write(ctx, "session seen", func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE host_sessions SET seen_at = ? WHERE hash = ? AND seen_at < ?", toMillis(now), session[:], toMillis(now))
			return err
		})
		if err != nil {
			s.unseen.Store(toMillis(now))
		}
	}
	return host, nil
}
