package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// createFile makes an empty database file that only its owner may read; the files SQLite puts beside it take its mode.
func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// connect gives a pool of at most n connections. WAL lets readers go on while one writes. Synchronous is FULL and not NORMAL,
// which in WAL mode may lose the last commits when the power fails: a used link would be good again, a removed person welcome,
// an ended room open. There are few writes, and a sync costs each a few milliseconds.
func connect(path string, busy time.Duration, n int, more string) (*sql.DB, error) {
	file := url.URL{Scheme: "file", Path: path}
	if !strings.HasPrefix(path, "/") {
		file = url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}
	}
	file.RawQuery = fmt.Sprintf("_pragma=busy_timeout(%d)&_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=foreign_keys(1)&%s",
		busy.Milliseconds(), more)
	db, err := sql.Open("sqlite", file.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// check finds a damaged file now, and not in the middle of a conversation.
func check(ctx context.Context, db *sql.DB) error {
	var mode string
	err := db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode)
	if err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("%w: its journal mode is %s", errNoWAL, mode)
	}
	var verdict string
	err = db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict)
	if err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s", errDamaged, verdict)
	}
	return nil
}

var (
	errNoWAL   = errors.New("the file system cannot share memory between processes")
	errDamaged = errors.New("quick_check")
)
