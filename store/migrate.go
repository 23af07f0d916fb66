package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/sqlite/*.sql
var migrations embed.FS

var errNewer = errors.New("made by a newer version of this program")

func newProvider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
}

// settle checks the database and brings it to the last version this program knows. Processes that start at once take turns from their
// first look on: that look turns a new file to WAL, for which SQLite does not wait however long it may.
func settle(ctx context.Context, path string, db *sql.DB) error {
	unlock, err := lockFile(path + ".lock")
	if err != nil {
		return fmt.Errorf("lock the database for its upgrade: %w", err)
	}
	defer unlock()
	err = check(ctx, db)
	if err != nil {
		return err
	}
	return migrate(ctx, db)
}

func migrate(ctx context.Context, db *sql.DB) error {
	provider, err := newProvider(db)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	have, want, err := provider.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read the database's version: %w", err)
	}
	if have > want {
		return fmt.Errorf("%w: it has version %d, and this program knows %d", errNewer, have, want)
	}
	_, err = provider.Up(ctx)
	if err != nil {
		return fmt.Errorf("upgrade the database from version %d to %d: %w", have, want, err)
	}
	return nil
}

// lockFile waits until no other process holds the lock. The kernel gives it back when a process dies.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil // closing unlocks; nothing was written that could be lost
}
