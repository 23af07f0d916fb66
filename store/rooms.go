package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// AddRoom keeps a new room, with the roles and removals that a run-through has from its evening. The error is room.ErrExists when its ID is taken, and room.ErrNotFound when its host is not known.
func (s *Store) AddRoom(ctx context.Context, r room.Record) error {
	return s.write(ctx, "room add", func(tx *sql.Tx) error {
		f := r.Facts
		life, err := json.Marshal(f.Life)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO rooms (id, host_id, host_person, title, lang, state, low_delay, expect, delay_ms, tape, life, created_at, ended_at, run_of, listeners, tracks)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, f.ID, r.Host, r.HostPerson, f.Title, f.Language, f.State, f.LowDelay, f.Expect, f.DelayMS, f.Tape, string(life), toMillis(f.Created), maybeMillis(f.EndedAt),
			f.RunOf, append([]byte{}, f.Listeners...), f.Tracks)
		for person, role := range f.Roles {
			if err == nil {
				_, err = tx.ExecContext(ctx, "INSERT INTO room_roles (room_id, person_id, role) VALUES (?, ?, ?)", f.ID, person, role)
			}
		}
		for _, person := range f.Removed {
			if err == nil {
				_, err = tx.ExecContext(ctx, "INSERT INTO removals (room_id, person_id, removed_at) VALUES (?, ?, ?)", f.ID, person, toMillis(f.Created))
			}
		}
		return conflict(err)
	})
}

// DropRoom forgets a room that could not be opened. It is no error when there is none.
func (s *Store) DropRoom(ctx context.Context, id room.ID) error {
	return s.write(ctx, "room drop", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM rooms WHERE id = ?", id)
		return err
	})
}

// SetState takes a room to the next step of its life. To be there already is no error; room.ErrStep is, and room.ErrNotFound.
func (s *Store) SetState(ctx context.Context, id room.ID, to room.State, at time.Time) error {
	return s.write(ctx, "room state", func(tx *sql.Tx) error {
		from, err := stateOf(ctx, tx, id)
		if err != nil || from == to {
			return err
		}
		err = room.Step(from, to)
		if err != nil {
			return err
		}
		var ended time.Time
		if to == room.Ended {
			ended = at
		}
		_, err = tx.ExecContext(ctx, "UPDATE rooms SET state = ?, ended_at = ? WHERE id = ?", to, maybeMillis(ended), id)
		return err
	})
}

// SetTape keeps what became of a room's tape. The error is room.ErrNotFound when there is no such room.
func (s *Store) SetTape(ctx context.Context, id room.ID, to room.Taping) error {
	return s.write(ctx, "room tape", func(tx *sql.Tx) error {
		_, err := stateOf(ctx, tx, id)
		if err == nil {
			_, err = tx.ExecContext(ctx, "UPDATE rooms SET tape = ? WHERE id = ?", to, id)
		}
		return err
	})
}

func stateOf(ctx context.Context, tx *sql.Tx, id room.ID) (state room.State, err error) {
	err = tx.QueryRowContext(ctx, "SELECT state FROM rooms WHERE id = ?", id).Scan(&state)
	return state, err
}

// Room returns one room. The error is room.ErrNotFound when there is none.
func (s *Store) Room(ctx context.Context, id room.ID) (room.Record, error) {
	records, err := s.queryRooms(ctx, "WHERE id = ?", id)
	if err == nil && len(records) == 0 {
		err = room.ErrNotFound
	}
	if err != nil {
		return room.Record{}, s.wrap("room", err)
	}
	return records[0], nil
}

// Rooms returns every room, the newest first.
func (s *Store) Rooms(ctx context.Context) ([]room.Record, error) {
	records, err := s.queryRooms(ctx, "ORDER BY created_at DESC, id")
	return records, s.wrap("rooms", err)
}

// RoomsOf returns the rooms of one host, the newest first, without run-throughs.
func (s *Store) RoomsOf(ctx context.Context, host room.HostID) ([]room.Record, error) {
	records, err := s.queryRooms(ctx, "WHERE host_id = ? AND run_of = '' ORDER BY created_at DESC, id", host)
	return records, s.wrap("rooms of host", err)
}

// RunsOf returns the run-throughs of one room, the newest first.
func (s *Store) RunsOf(ctx context.Context, id room.ID) ([]room.Record, error) {
	records, err := s.queryRooms(ctx, "WHERE run_of = ? ORDER BY created_at DESC, id", id)
	return records, s.wrap("runs of room", err)
}

// CopyTeam takes over to a room whom another one has invited and not removed, and with carts its own sounds. Who is there already stays as he is,
// and a co-host who is one too many is a speaker. The error is room.ErrNotFound when there is no such room.
func (s *Store) CopyTeam(ctx context.Context, from, to room.ID, carts bool) error {
	return s.write(ctx, "team copy", func(tx *sql.Tx) error {
		_, err := stateOf(ctx, tx, to)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO invites (room_id, person_id, role, name, created_at)
			SELECT ?1, person_id, CASE WHEN role = ?3 AND (SELECT count(*) FROM invites WHERE room_id = ?1 AND role = ?3) > 0 THEN ?4 ELSE role END, name, created_at
			FROM invites i WHERE room_id = ?2
			AND NOT EXISTS (SELECT 1 FROM removals r WHERE r.room_id = i.room_id AND r.person_id = i.person_id)
			ON CONFLICT DO NOTHING`, to, from, room.CoHost, room.Speaker)
		if err == nil && carts {
			_, err = tx.ExecContext(ctx, "INSERT INTO carts (room_id, name, sound) SELECT ?, name, sound FROM carts WHERE room_id = ? ON CONFLICT DO NOTHING", to, from)
		}
		return err
	})
}

// queryRooms reads rooms, and what is kept of their people.
func (s *Store) queryRooms(ctx context.Context, which string, args ...any) ([]room.Record, error) {
	records, err := s.queryRecords(ctx, which, args...)
	if err == nil {
		err = s.addPeople(ctx, records)
	}
	return records, err
}

// queryRecords reads rooms with one statement, so that what it says was true at one moment.
func (s *Store) queryRecords(ctx context.Context, which string, args ...any) ([]room.Record, error) {
	rows, err := s.reads.QueryContext(ctx, `SELECT id, host_id, host_person, title, lang, state, low_delay, expect, delay_ms, tape, life, created_at, ended_at, run_of, listeners, tracks,
		(SELECT string_agg(person_id, ',' ORDER BY removed_at, person_id) FROM removals WHERE room_id = rooms.id)
		FROM rooms `+which, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var records []room.Record
	for rows.Next() {
		r, err := scanRoom(rows)
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, rows.Err()
}

func scanRoom(rows *sql.Rows) (room.Record, error) {
	var (
		r       room.Record
		created int64
		ended   sql.NullInt64
		removed sql.NullString
		life    []byte
	)
	f := &r.Facts
	err := rows.Scan(&f.ID, &r.Host, &r.HostPerson, &f.Title, &f.Language, &f.State, &f.LowDelay, &f.Expect, &f.DelayMS, &f.Tape, &life, &created, &ended, &f.RunOf, &f.Listeners, &f.Tracks, &removed)
	if err != nil {
		return room.Record{}, err
	}
	err = json.Unmarshal(life, &f.Life)
	if err != nil {
		return room.Record{}, fmt.Errorf("the life of room %s is unreadable: %w", f.ID, err)
	}
	if len(f.Listeners) == 0 {
		f.Listeners = nil
	}
	f.Created, f.EndedAt = fromMillis(created), maybeTime(ended)
	if removed.Valid {
		for id := range strings.SplitSeq(removed.String, ",") {
			f.Removed = append(f.Removed, room.PersonID(id))
		}
	}
	return r, nil
}
