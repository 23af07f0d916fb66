package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// SetRoles keeps roles that differ from what tokens say: all of them or none. The error is room.ErrNotFound when there is no such room.
func (s *Store) SetRoles(ctx context.Context, id room.ID, roles map[room.PersonID]room.Role) error {
	return s.write(ctx, "roles set", func(tx *sql.Tx) error {
		for person, role := range roles {
			_, err := tx.ExecContext(ctx, `INSERT INTO room_roles (room_id, person_id, role) VALUES (?, ?, ?)
				ON CONFLICT (room_id, person_id) DO UPDATE SET role = excluded.role`, id, person, role)
			if err != nil {
				return conflict(err)
			}
		}
		return nil
	})
}

// Block keeps that a room takes no hand from an origin. To be blocked already is no error; room.ErrNotFound says that there is no such room.
func (s *Store) Block(ctx context.Context, id room.ID, origin string, at time.Time) error {
	return s.write(ctx, "origin block", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO room_blocks (room_id, origin, blocked_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
			id, origin, toMillis(at))
		return conflict(err)
	})
}

// addPeople reads what is kept of the rooms' people beside the rooms.
func (s *Store) addPeople(ctx context.Context, records []room.Record) error {
	for i := range records {
		f := &records[i].Facts
		err := s.each(ctx, "SELECT person_id, role FROM room_roles WHERE room_id = ?", f.ID, func(scan func(...any) error) error {
			var (
				person room.PersonID
				role   room.Role
			)
			err := scan(&person, &role)
			if err == nil && f.Roles == nil {
				f.Roles = map[room.PersonID]room.Role{}
			}
			if err == nil {
				f.Roles[person] = role
			}
			return err
		})
		if err != nil {
			return err
		}
		err = s.each(ctx, "SELECT origin FROM room_blocks WHERE room_id = ? ORDER BY blocked_at, origin", f.ID, func(scan func(...any) error) error {
			var origin string
			err := scan(&origin)
			if err == nil {
				f.Blocked = append(f.Blocked, origin)
			}
			return err
		})
		if err != nil {
			return err
		}
		f.Consents, err = s.lastConsents(ctx, f.ID)
		if err != nil {
			return err
		}
	}
	return nil
}

// each calls fn for each row that a statement about one room gives.
func (s *Store) each(ctx context.Context, statement string, id room.ID, fn func(scan func(...any) error) error) error {
	rows, err := s.reads.QueryContext(ctx, statement, id)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		err = fn(rows.Scan)
		if err != nil {
			return err
		}
	}
	return rows.Err()
}

// manyCoHosts reports whether a room has all the co-hosts that it may have.
func manyCoHosts(ctx context.Context, tx *sql.Tx, id room.ID) (bool, error) {
	var n int
	err := tx.QueryRowContext(ctx, `SELECT count(*) FROM (
			SELECT i.person_id FROM invites i LEFT JOIN room_roles o ON o.room_id = i.room_id AND o.person_id = i.person_id
				WHERE i.room_id = ?1 AND coalesce(o.role, i.role) = ?2
			UNION SELECT person_id FROM room_roles WHERE room_id = ?1 AND role = ?2)
		WHERE person_id NOT IN (SELECT person_id FROM removals WHERE room_id = ?1)`, id, room.CoHost).Scan(&n)
	return n >= room.MaxCoHosts, err
}
