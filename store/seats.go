package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// AddSeats keeps invitations to listen to one room, all or none. The errors are room.ErrNotFound (no such room), room.ErrExists (it has one of
// that name) and room.ErrManySeats.
func (s *Store) AddSeats(ctx context.Context, id room.ID, all []room.Invitation) error {
	return s.write(ctx, "seats add", func(tx *sql.Tx) error {
		_, err := stateOf(ctx, tx, id)
		if err != nil {
			return err
		}
		var n int
		err = tx.QueryRowContext(ctx, "SELECT count(*) FROM seat_invitations WHERE room_id = ?", id).Scan(&n)
		if err != nil {
			return err
		}
		if n+len(all) > room.MaxSeatTokens {
			return room.ErrManySeats
		}
		insert, err := tx.PrepareContext(ctx, `INSERT INTO seat_invitations (room_id, seat_id, generation, name, seats, created_at, expires_at)
			VALUES (?, ?, ?, ?, ?, ?, ?)`)
		if err != nil {
			return err
		}
		defer insert.Close() //nolint:errcheck // the transaction's end closes it, too
		for _, i := range all {
			_, err = insert.ExecContext(ctx, id, i.Seat, i.Generation, i.Name, i.Seats, toMillis(i.Created), i.Expires)
			if err != nil {
				return conflict(err)
			}
		}
		return nil
	})
}

// Seats returns the invitations to listen to a room, in the order in which they were made.
func (s *Store) Seats(ctx context.Context, id room.ID) ([]room.Invitation, error) {
	all, err := s.querySeats(ctx, id)
	return all, s.wrap("seats", err)
}

func (s *Store) querySeats(ctx context.Context, id room.ID) ([]room.Invitation, error) {
	rows, err := s.reads.QueryContext(ctx, `SELECT room_id, seat_id, generation, name, seats, created_at, expires_at, revoked_at
		FROM seat_invitations WHERE room_id = ? ORDER BY created_at, rowid`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []room.Invitation
	for rows.Next() {
		var (
			i       room.Invitation
			created int64
			revoked sql.NullInt64
		)
		err = rows.Scan(&i.Room, &i.Seat, &i.Generation, &i.Name, &i.Seats, &created, &i.Expires, &revoked)
		if err != nil {
			return nil, err
		}
		i.Created, i.Revoked = fromMillis(created), maybeTime(revoked)
		all = append(all, i)
	}
	return all, rows.Err()
}

// RevokeSeats notes that an invitation was withdrawn; an empty name means all of the room. To be withdrawn already is no error, and it is kept
// when that was first. The error is room.ErrNotFound where there is no such invitation.
func (s *Store) RevokeSeats(ctx context.Context, id room.ID, seat room.SeatID, at time.Time) error {
	return s.write(ctx, "seats revoke", func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, "UPDATE seat_invitations SET revoked_at = coalesce(revoked_at, ?) WHERE room_id = ? AND (? = '' OR seat_id = ?)",
			toMillis(at), id, seat, seat)
		if err != nil || seat == "" {
			return err
		}
		n, err := done.RowsAffected()
		if err == nil && n == 0 {
			err = room.ErrNotFound
		}
		return err
	})
}

// SetPicture keeps a room's own picture, in the place of the one before; nil drops it. The error is room.ErrNotFound when there is no such room.
func (s *Store) SetPicture(ctx context.Context, id room.ID, sum string, image []byte) error {
	return s.write(ctx, "picture set", func(tx *sql.Tx) error {
		_, err := stateOf(ctx, tx, id)
		if err != nil {
			return err
		}
		if image == nil {
			_, err = tx.ExecContext(ctx, "DELETE FROM pictures WHERE room_id = ?", id)
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO pictures (room_id, sum, image) VALUES (?, ?, ?)
			ON CONFLICT (room_id) DO UPDATE SET sum = excluded.sum, image = excluded.image`, id, sum, image)
		return err
	})
}

// Picture returns a room's own picture; the error is room.ErrNotFound where it has none of that sum.
func (s *Store) Picture(ctx context.Context, id room.ID, sum string) (image []byte, err error) {
	err = s.reads.QueryRowContext(ctx, "SELECT image FROM pictures WHERE room_id = ? AND sum = ?", id, sum).Scan(&image)
	return image, s.wrap("picture", err)
}
