package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// AddInvite keeps an invite. The errors are room.ErrNotFound (no such room), room.ErrEnded, room.ErrExists (the room has this
// person), room.ErrManyInvites and room.ErrManyCoHosts.
func (s *Store) AddInvite(ctx context.Context, i room.Invite) error {
	return s.write(ctx, "invite add", func(tx *sql.Tx) error {
		state, err := stateOf(ctx, tx, i.Room)
		if err != nil {
			return err
		}
		if state == room.Ended {
			return room.ErrEnded
		}
		var n int
		err = tx.QueryRowContext(ctx, "SELECT count(*) FROM invites WHERE room_id = ?", i.Room).Scan(&n)
		if err != nil {
			return err
		}
		if n >= room.MaxInvites {
			return room.ErrManyInvites
		}
		if i.Role == room.CoHost {
			full, err := manyCoHosts(ctx, tx, i.Room)
			if err != nil {
				return err
			}
			if full {
				return room.ErrManyCoHosts
			}
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO invites (room_id, person_id, role, name, created_at) VALUES (?, ?, ?, ?, ?)",
			i.Room, i.Person, i.Role, i.Name, toMillis(i.Created))
		return conflict(err)
	})
}

// Invites returns whom a room has invited, in the order of the invites.
func (s *Store) Invites(ctx context.Context, id room.ID) ([]room.Invite, error) {
	invites, err := s.queryInvites(ctx, id)
	return invites, s.wrap("invites", err)
}

func (s *Store) queryInvites(ctx context.Context, id room.ID) ([]room.Invite, error) {
	rows, err := s.reads.QueryContext(ctx, `SELECT i.room_id, i.person_id, i.role, i.name, i.created_at, r.removed_at
		FROM invites i LEFT JOIN removals r ON r.room_id = i.room_id AND r.person_id = i.person_id
		WHERE i.room_id = ? ORDER BY i.created_at, i.person_id`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var invites []room.Invite
	for rows.Next() {
		var (
			i       room.Invite
			created int64
			removed sql.NullInt64
		)
		err = rows.Scan(&i.Room, &i.Person, &i.Role, &i.Name, &created, &removed)
		if err != nil {
			return nil, err
		}
		i.Created, i.Removed = fromMillis(created), maybeTime(removed)
		invites = append(invites, i)
	}
	return invites, rows.Err()
}

// RemovePerson makes a person's token void in one room, for good. To be removed already is no error; room.ErrNotFound says that
// there is no such room.
func (s *Store) RemovePerson(ctx context.Context, id room.ID, person room.PersonID, at time.Time) error {
	return s.write(ctx, "person remove", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO removals (room_id, person_id, removed_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
			id, person, toMillis(at))
		return conflict(err)
	})
}
