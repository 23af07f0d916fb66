package store

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/room"
)

// filled makes a folder with a closed database of some size.
func filled(t *testing.T) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	addRoom(t, s, "harbour-k3f9x2")
	for i := range 200 {
		err = s.SetSetting(t.Context(), strings.Repeat("k", i+1), strings.Repeat("v", 500))
		if err != nil {
			t.Fatal(err)
		}
	}
	closed(t, s)
	return dir, filepath.Join(dir, fileName)
}

func TestOpenRefusesDamagedFiles(t *testing.T) {
	tests := []struct {
		name   string
		damage func(b []byte) []byte
	}{
		{"the header is gone", func(b []byte) []byte { copy(b, strings.Repeat("x", 100)); return b }},
		{"it is another kind of file", func([]byte) []byte { return []byte(strings.Repeat("I am a letter to my aunt. ", 500)) }},
		{"the second half is gone", func(b []byte) []byte { return b[:len(b)/2] }},
		{"pages in the middle are noise", func(b []byte) []byte {
			for i := len(b) / 3; i < len(b)*2/3; i++ {
				b[i] = byte(i * 31)
			}
			return b
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, file := filled(t)
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			damaged := tt.damage(b)
			err = os.WriteFile(file, damaged, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Open(t.Context(), dir)
			wantCode(t, err, CodeCorrupt)
			if !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "backup") {
				t.Errorf("%q does not say which file, or not what to do", err)
			}
			after, err := os.ReadFile(file)
			if err != nil || string(after) != string(damaged) {
				t.Errorf("the damaged file was changed (%v): it is what a repair begins with", err)
			}
		})
	}
}

func TestALockedFile(t *testing.T) {
	dir, file := filled(t)
	s, err := open(t.Context(), dir, 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, s) })
	other, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	tx, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	_, err = tx.Exec("UPDATE settings SET value = 'held'")
	if err != nil {
		t.Fatal(err)
	}

	err = s.SetSetting(t.Context(), "colour", "blue")
	wantCode(t, err, CodeLocked)
	if !strings.Contains(err.Error(), "Close it") {
		t.Errorf("%q does not say what to do", err)
	}
	_, err = s.Room(t.Context(), "harbour-k3f9x2")
	if err != nil {
		t.Errorf("a reader waits for a writer: %v", err)
	}

	err = tx.Rollback()
	if err != nil {
		t.Fatal(err)
	}
	err = s.SetSetting(t.Context(), "colour", "blue")
	if err != nil {
		t.Errorf("after the lock is gone: %v", err)
	}
}

// asNobody runs f with the rights of a user who owns nothing: root may write anywhere. It needs a thread of its own, which ends
// with the goroutine.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Getuid() != 0 {
		f()
		return
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := errors.Join(unix.Setfsgid(65534), unix.Setfsuid(65534))
		if err == nil {
			f()
		}
		done <- err
	}()
	err := <-done
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFolderThatCannotBeWrittenTo(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(dir string) error
	}{
		{"a folder that is read-only", func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, fileName)), os.Chmod(dir, 0o555))
		}},
		{"a file that is read-only", func(dir string) error {
			return errors.Join(os.Chmod(filepath.Join(dir, fileName), 0o444), os.Chmod(dir, 0o555))
		}},
		{"a file where the folder should be", func(dir string) error {
			return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o444))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, _ := filled(t)
			err := os.Chmod(filepath.Dir(dir), 0o755)
			if err != nil {
				t.Fatal(err)
			}
			err = tt.prepare(dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(dir, 0o755) })
			asNobody(t, func() { _, err = Open(t.Context(), dir) })
			wantCode(t, err, CodeReadOnly)
			if !strings.Contains(err.Error(), "choose another folder") {
				t.Errorf("%q does not say what to do", err)
			}
		})
	}
}

// What cannot be brought about here is at least named right.
func TestCodesOfTheSystem(t *testing.T) {
	tests := []struct {
		err  error
		want Code
	}{
		{&os.PathError{Op: "write", Err: syscall.ENOSPC}, CodeFull},
		{&os.PathError{Op: "write", Err: syscall.EDQUOT}, CodeFull},
		{&os.PathError{Op: "open", Err: syscall.EROFS}, CodeReadOnly},
		{errNoWAL, CodeNoWAL},
		{errors.New("something else"), CodeInternal},
	}
	for _, tt := range tests {
		s := &Store{path: "/data/epidaurus.db"}
		wantCode(t, s.wrap("open", tt.err), tt.want)
	}
}

func TestAFullDisk(t *testing.T) {
	s := openIn(t, t.TempDir())
	_, err := s.writes.Exec("PRAGMA max_page_count = 1") // no page more than there are
	if err != nil {
		t.Fatal(err)
	}
	err = s.SetSetting(t.Context(), "colour", strings.Repeat("blue", 10_000))
	wantCode(t, err, CodeFull)
	_, err = s.Setting(t.Context(), "colour")
	if !errors.Is(err, room.ErrNotFound) {
		t.Errorf("a write that failed left something: %v", err)
	}
}
