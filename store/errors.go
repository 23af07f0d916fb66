package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/epidaurus-live/epidaurus/room"
)

// Code is the stable name of what went wrong.
type Code string

// What can go wrong. The first group is about what was asked for, the second about the files.
const (
	CodeNotFound    Code = "not_found"
	CodeExists      Code = "exists"
	CodeEnded       Code = "ended"
	CodeManyInvites Code = "many_invites"
	CodeManyCoHosts Code = "many_cohosts"
	CodeStep        Code = "step"
	CodeLinkUnknown Code = "link_unknown"
	CodeManySeats   Code = "many_seats"
	CodeLinkUsed    Code = "link_used"
	CodeLinkExpired Code = "link_expired"
	CodeCanceled    Code = "canceled"

	CodeLocked   Code = "locked"    // another program holds the file
	CodeReadOnly Code = "read_only" // the file or the folder cannot be written to
	CodeCorrupt  Code = "corrupt"   // the file is damaged, or not a database
	CodeFull     Code = "full"      // the disk is full, or fails
	CodeNewer    Code = "newer"     // made by a newer version of this program
	CodeNoWAL    Code = "no_wal"    // the file system cannot carry a shared database
	CodeKey      Code = "key"       // the key file is damaged or open to others
	CodeInternal Code = "internal"
)

// Error is what every method returns when it fails.
type Error struct {
	Code   Code
	Op     string // which operation, such as "room add"
	Detail string // sentences that say what to do; empty where Err says all
	Err    error  // the cause
}

func (e *Error) Error() string {
	if e.Detail == "" {
		return fmt.Sprintf("store: %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("store: %s: %s (%v)", e.Op, e.Detail, e.Err)
}

// Unwrap gives the cause: one of the errors of room where the code is about what was asked for.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code that err carries; CodeInternal for any other error, and "" for none.
func CodeOf(err error) Code {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	}
	return CodeInternal
}

// known lists the causes that need no more words.
var known = []struct {
	err  error
	code Code
}{
	{room.ErrNotFound, CodeNotFound},
	{room.ErrExists, CodeExists},
	{room.ErrEnded, CodeEnded},
	{room.ErrManyInvites, CodeManyInvites},
	{room.ErrManyCoHosts, CodeManyCoHosts},
	{room.ErrManySeats, CodeManySeats},
	{room.ErrStep, CodeStep},
	{room.ErrLinkUnknown, CodeLinkUnknown},
	{room.ErrLinkUsed, CodeLinkUsed},
	{room.ErrLinkExpired, CodeLinkExpired},
	{context.Canceled, CodeCanceled},
	{context.DeadlineExceeded, CodeCanceled},
}

func (s *Store) wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		e.Op = op
		return e
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = room.ErrNotFound
	}
	for _, k := range known {
		if errors.Is(err, k.err) {
			return &Error{Code: k.code, Op: op, Err: err}
		}
	}
	code := codeOfFile(err)
	switch code {
	case CodeLocked, CodeReadOnly, CodeFull:
		err = fmt.Errorf("%w: %w", room.ErrUnwritable, err)
	}
	return &Error{Code: code, Op: op, Detail: s.advice(code), Err: err}
}

// codeOfFile finds the code of an error of the database's file.
func codeOfFile(err error) Code {
	switch {
	case errors.Is(err, errNewer):
		return CodeNewer
	case errors.Is(err, errNoWAL):
		return CodeNoWAL
	case errors.Is(err, errDamaged):
		return CodeCorrupt
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		return CodeReadOnly
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return CodeFull
	}
	switch resultCode(err) & 0xff { // the primary code; the bits above it say more
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return CodeLocked
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return CodeReadOnly
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return CodeCorrupt
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR:
		return CodeFull
	case sqlite3.SQLITE_INTERRUPT:
		return CodeCanceled
	}
	return CodeInternal
}

func resultCode(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return sqlite3.SQLITE_OK
	}
	return e.Code()
}

// conflict turns the refusal of a second row with the same name into room.ErrExists, and that of a row whose room is not there
// into room.ErrNotFound.
func conflict(err error) error {
	switch resultCode(err) {
	case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE:
		return room.ErrExists
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return room.ErrNotFound
	}
	return err
}

// advice says what a person can do about a file.
func (s *Store) advice(code Code) string {
	dir := filepath.Dir(s.path)
	switch code {
	case CodeLocked:
		return fmt.Sprintf("Another program holds the database %s. Close it (a backup, or a tool that looks into the file) and try again.", s.path)
	case CodeReadOnly:
		return fmt.Sprintf("The data folder %s cannot be written to. Give its files to the user this runs as (uid %d), or choose another folder.", dir, os.Getuid())
	case CodeCorrupt:
		return fmt.Sprintf("The database %s is damaged. Stop the program, keep a copy of the folder, and put back a backup, or try: sqlite3 %q .recover | sqlite3 repaired.db", s.path, s.path)
	case CodeFull:
		return fmt.Sprintf("The disk under %s is full or fails. Make room on it, or check it, and try again.", dir)
	case CodeNewer:
		return fmt.Sprintf("The database %s was made by a newer version of Epidaurus. Run that version, or put back the backup from before the upgrade.", s.path)
	case CodeNoWAL:
		return fmt.Sprintf("The data folder %s is on a file system, such as a network share, that cannot carry the database. Choose a folder on a local disk.", dir)
	}
	return ""
}
