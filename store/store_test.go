package store

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/epidaurus-live/epidaurus/room"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.UnixMilli(1_800_000_000_000).UTC()

func openIn(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, s) })
	return s
}

func closed(t *testing.T, s *Store) {
	t.Helper()
	err := s.Close()
	if err != nil {
		t.Errorf("close: %v", err)
	}
}

func firstHost(t *testing.T, s *Store) room.HostID {
	t.Helper()
	host, err := s.FirstHost(t.Context(), noon)
	if err != nil {
		t.Fatal(err)
	}
	return host
}

func addRoom(t *testing.T, s *Store, id room.ID) room.Record {
	t.Helper()
	r := room.Record{
		Facts: room.Facts{ID: id, Title: "Harbour talk", Language: "en", State: room.Doors, LowDelay: true, Created: noon},
		Host:  firstHost(t, s), HostPerson: "h1",
	}
	err := s.AddRoom(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantCode(t *testing.T, err error, want Code) {
	t.Helper()
	if got := CodeOf(err); got != want {
		t.Fatalf("code = %q (%v), want %q", got, err, want)
	}
}

func TestARestartKeepsEverything(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "when needed")
	s, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	want := addRoom(t, s, "harbour-k3f9x2")
	link, err := s.AddLink(t.Context(), want.Host, noon, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	cookie := room.Secret("cookie").Hash()
	_, err = s.Redeem(t.Context(), link.Hash(), cookie, noon)
	if err != nil {
		t.Fatal(err)
	}
	key := *s.Key()
	if key == (room.Key{}) {
		t.Error("the key is all zeros")
	}
	closed(t, s)

	s = openIn(t, dir)
	if *s.Key() != key {
		t.Error("the key changed: every link would be void")
	}
	got, err := s.Room(t.Context(), "harbour-k3f9x2")
	if err != nil {
		t.Fatal(err)
	}
	if got.Facts.Title != want.Facts.Title || got.Host != want.Host || !got.Facts.Created.Equal(noon) || !got.Facts.LowDelay {
		t.Errorf("room = %+v, want %+v", got, want)
	}
	host, err := s.Session(t.Context(), cookie, noon)
	if err != nil || host != want.Host {
		t.Errorf("session = %q, %v, want %q", host, err, want.Host)
	}
}

func TestFoldersWithAwkwardNames(t *testing.T) {
	for _, name := range []string{"a b", "what?", "100%", "a#b", "%2e%2e", "é", "x;y&z=1", "'quoted\""} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), name)
			s := openIn(t, dir)
			addRoom(t, s, "abc")
			_, err := os.Stat(filepath.Join(dir, "epidaurus.db"))
			if err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("relative", func(t *testing.T) {
		t.Chdir(t.TempDir())
		s := openIn(t, "data?x")
		addRoom(t, s, "abc")
		_, err := os.Stat("data?x/epidaurus.db")
		if err != nil {
			t.Error(err)
		}
	})
}

func TestNobodyElseReadsTheFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := openIn(t, dir)
	addRoom(t, s, "abc")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) < 4 {
		t.Errorf("only %d files: the ones SQLite puts beside the database are missing", len(entries))
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
}

func TestManyOpenAtOnce(t *testing.T) {
	dir := t.TempDir()
	stores := make([]*Store, 8)
	errs := make([]error, len(stores))
	var wg sync.WaitGroup
	for i := range stores {
		wg.Go(func() { stores[i], errs[i] = Open(t.Context(), dir) })
	}
	wg.Wait()
	for i, s := range stores {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		if *s.Key() != *stores[0].Key() {
			t.Error("two processes made two keys")
		}
		closed(t, s)
	}
}

const helperFolder = "EPIDAURUS_STORE_TEST_FOLDER"

// TestHelperProcess is the other process of TestTwoProcesses: it writes a link while the first one has the store open.
func TestHelperProcess(t *testing.T) {
	dir := os.Getenv(helperFolder)
	if dir == "" {
		t.Skip("runs in a process of its own, started by TestTwoProcesses")
	}
	s := openIn(t, dir)
	link, err := s.AddLink(t.Context(), firstHost(t, s), noon, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	err = os.WriteFile(filepath.Join(dir, "link"), []byte(link), 0o600)
	if err != nil {
		t.Fatal(err)
	}
}

func TestTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	s := openIn(t, dir)
	host := firstHost(t, s)
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelperProcess$")
	cmd.Env = append(os.Environ(), helperFolder+"="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	link, err := os.ReadFile(filepath.Join(dir, "link"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Redeem(t.Context(), room.Secret(link).Hash(), room.SecretHash{1}, noon)
	if err != nil || got != host {
		t.Errorf("Redeem = %q, %v, want %q", got, err, host)
	}
}

func TestACanceledContext(t *testing.T) {
	s := openIn(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.AddRoom(ctx, room.Record{})
	wantCode(t, err, CodeCanceled)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
	addRoom(t, s, "abc") // the one connection that writes is free again
}

func TestErrorsReadAsSentences(t *testing.T) {
	s := openIn(t, t.TempDir())
	_, err := s.Room(t.Context(), "nowhere")
	if want := "store: room: not found"; err == nil || err.Error() != want {
		t.Errorf("error = %v, want %q", err, want)
	}
	for _, code := range []Code{CodeLocked, CodeReadOnly, CodeCorrupt, CodeFull, CodeNewer, CodeNoWAL} {
		advice := s.advice(code)
		if !strings.Contains(advice, filepath.Dir(s.path)) || !strings.Contains(advice, ". ") {
			t.Errorf("%s: %q does not say which file, or not what to do", code, advice)
		}
	}
	if CodeOf(nil) != "" || CodeOf(os.ErrClosed) != CodeInternal {
		t.Error("CodeOf: other errors are internal, none is none")
	}
}
