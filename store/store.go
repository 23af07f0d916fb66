// Package store keeps what must outlive the process: hosts and their links and sessions, rooms with their lives, invites of
// speakers and of listeners, removals, consents, carts, pictures, and the key that signs stage tokens. It is the only user of database drivers.
//
// Everything is in one folder: epidaurus.db (SQLite) and stage.key. Nothing in the database lets its reader in: secrets are kept
// as hashes, and the key is a file of its own, so a copy of the database can be given away to be looked at.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

const fileName = "epidaurus.db"

// readers is how many questions are answered at once. Few, because many busy readers starve the one writer.
const readers = 2

// busyTimeout is how long a write waits for another process that writes to the same file.
const busyTimeout = 2 * time.Second

// Store keeps everything in one folder. All methods may be called by any goroutine, and two processes may have the same folder
// open. Times are kept to the millisecond, in UTC.
type Store struct {
	// immutable
	path   string
	reads  *sql.DB
	writes *sql.DB // one connection: writers queue here, in order, and not in SQLite's lock, by chance
	key    room.Key
	fault  func(op string, when moment) error // set by tests only

	unseen atomic.Int64 // Unix ms: when it last could not be written down that a session was seen
}

// moment is where in a write a test may make it fail.
type moment int

const (
	beforeWrite moment = iota // it fails and is not done
	afterCommit               // it fails but is done
)

// Open opens the store in dir, which it makes if need be, and brings the database to this program's version. The caller closes
// the store. Errors are of type *Error, and say what to do.
func Open(ctx context.Context, dir string) (*Store, error) {
	return open(ctx, dir, busyTimeout)
}

func open(ctx context.Context, dir string, busy time.Duration) (*Store, error) {
	s := &Store{path: filepath.Join(dir, fileName)}
	err := s.prepare(ctx, dir, busy)
	if err != nil {
		return nil, errors.Join(s.wrap("open", err), s.Close())
	}
	return s, nil
}

func (s *Store) prepare(ctx context.Context, dir string, busy time.Duration) error {
	err := os.MkdirAll(dir, 0o700)
	if err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	err = createFile(s.path)
	if err != nil {
		return fmt.Errorf("make the database file: %w", err)
	}
	s.key, err = loadKey(dir)
	if err != nil {
		return err
	}
	s.writes, err = connect(s.path, busy, 1, "_txlock=immediate")
	if err != nil {
		return err
	}
	err = settle(ctx, s.path, s.writes)
	if err != nil {
		return err
	}
	s.reads, err = connect(s.path, busy, readers, "_pragma=query_only(1)")
	return err
}

// Close closes the database. Calls that are under way end first.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.reads, s.writes} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// Key is what signs this server's stage tokens.
func (s *Store) Key() *room.Key { return &s.key }

// write does f in one transaction. Whatever error it returns, f was done whole or not at all; after an error of the commit itself
// nobody can tell which, and so each operation may be tried again.
func (s *Store) write(ctx context.Context, op string, f func(*sql.Tx) error) error {
	err := s.injected(op, beforeWrite)
	if err == nil {
		err = transact(ctx, s.writes, f)
	}
	if err == nil {
		err = s.injected(op, afterCommit)
	}
	return s.wrap(op, err)
}

func (s *Store) injected(op string, when moment) error {
	if s.fault == nil {
		return nil
	}
	return s.fault(op, when)
}

func transact(ctx context.Context, db *sql.DB, f func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	err = f(tx)
	if err != nil {
		_ = tx.Rollback() // what f says is the cause; a transaction that ended with ctx is rolled back already
		return err
	}
	return tx.Commit()
}

func toMillis(t time.Time) int64 { return t.UnixMilli() }

func fromMillis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// maybeTime is a time that may not have come yet.
func maybeTime(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return fromMillis(ms.Int64)
}

func maybeMillis(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMilli(), Valid: !t.IsZero()}
}
