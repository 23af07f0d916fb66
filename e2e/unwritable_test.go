package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
)

// trouble is something that keeps a server's database from taking anything.
type trouble interface {
	begin(t *testing.T)
	end(t *testing.T)
}

// lock is another program that holds the database for itself.
type lock struct {
	file string
	db   *sql.DB
	conn *sql.Conn
}

func (l *lock) begin(t *testing.T) {
	t.Helper()
	var err error
	l.db, err = sql.Open("sqlite", "file:"+l.file+"?_pragma=busy_timeout(60000)")
	if err == nil {
		l.conn, err = l.db.Conn(t.Context())
	}
	if err == nil {
		_, err = l.conn.ExecContext(t.Context(), "BEGIN EXCLUSIVE")
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (l *lock) end(t *testing.T) {
	t.Helper()
	_, err := l.conn.ExecContext(t.Context(), "ROLLBACK")
	err = errors.Join(err, l.conn.Close(), l.db.Close())
	if err != nil {
		t.Fatal(err)
	}
}

// fullDisk is a small disk with the database on it, which something else fills.
type fullDisk struct{ dir string }

func (d *fullDisk) begin(t *testing.T) {
	t.Helper()
	f, err := os.Create(filepath.Join(d.dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	for size := 64 << 10; size > 0; size /= 2 {
		for err == nil {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
		err = nil
	}
	_ = f.Close() // it is as full as can be
}

func (d *fullDisk) end(t *testing.T) {
	t.Helper()
	err := os.Remove(filepath.Join(d.dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
}

// onSmallDisk puts the database of a new server on a disk of its own.
func onSmallDisk(t *testing.T, data string) *fullDisk {
	t.Helper()
	d := &fullDisk{t.TempDir()}
	err := unix.Mount("tmpfs", d.dir, "tmpfs", 0, "size=1m")
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		t.Skip("only root can make a small disk")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := unix.Unmount(d.dir, 0)
		if err != nil {
			t.Error(err)
		}
	})
	err = os.MkdirAll(data, 0o700)
	if err == nil {
		err = os.Symlink(filepath.Join(d.dir, "epidaurus.db"), filepath.Join(data, "epidaurus.db"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const immutableFlag = 0x10 // FS_IMMUTABLE_FL of linux/fs.h

// readOnly makes the files of a database immutable, which holds for who has them open already too.
type readOnly struct{ file string }

func (r *readOnly) begin(t *testing.T) {
	t.Helper()
	t.Cleanup(func() { r.set(t, false) }) // what is immutable cannot be deleted
	r.set(t, true)
}

func (r *readOnly) end(t *testing.T) {
	t.Helper()
	r.set(t, false)
}

func (r *readOnly) set(t *testing.T, immutable bool) {
	t.Helper()
	for _, name := range []string{r.file, r.file + "-wal"} {
		f, err := os.Open(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		flags, err := unix.IoctlGetUint32(int(f.Fd()), unix.FS_IOC_GETFLAGS)
		if immutable {
			flags |= immutableFlag
		} else {
			flags &^= immutableFlag
		}
		if err == nil {
			err = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, int(flags))
		}
		_ = f.Close()
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EOPNOTSUPP) {
			t.Skip("only root can make a file immutable, on a disk that knows what that is:", err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A database that another program holds, whose disk is full, or whose files nobody may write, in the middle of a show: sound, seats, mute, dump, removal and the end go on;
// the desk says so; what cannot be done without it is refused; and what it lacks it gets when it can.
func TestUnwritableDatabase(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		place func(t *testing.T, data string) trouble
	}{
		{"Locked", func(_ *testing.T, data string) trouble { return &lock{file: filepath.Join(data, "epidaurus.db")} }},
		{"FullDisk", func(t *testing.T, data string) trouble { return onSmallDisk(t, data) }},
		{"ReadOnly", func(_ *testing.T, data string) trouble { return &readOnly{file: filepath.Join(data, "epidaurus.db")} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var in trouble
			s := serveWith(t, func(args []string) *exec.Cmd {
				if in == nil {
					in = tt.place(t, args[2])
				}
				return exec.Command(program, args...)
			}).open("Harbour talk", false)
			testUnwritable(t, s, in)
		})
	}
}

func testUnwritable(t *testing.T, s *show, in trouble) {
	token := s.hostToken()
	managed, onStage := "/api/rooms/"+string(s.room.ID), "/r/"+string(s.room.ID)+"/stage"
	ask := func(status int, method, path, body string) {
		t.Helper()
		if answer := s.do(method, path, token, "application/json", body); answer.StatusCode != status {
			t.Errorf("%s %s answers %d: %s", method, path, answer.StatusCode, text(answer))
		}
	}
	ask(200, "PATCH", managed+"/delay", `{"delay_ms":3000}`)
	nikos, mallory := s.invite("Nikos"), s.invite("Mallory")
	speak(t, nikos, hostVoice)
	desk := browsertest.Open(t, listeners.New(t), s.hostDesk())
	desk.Until(browsertest.At("person-"+string(nikos.Person))+`.dataset.heard === "true"`, browsertest.Body)
	heard := make(chan report, 1)
	seated, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { heard <- listenToTheEnd(seated, s.room.ListenURL) }()

	in.begin(t)
	ask(204, "PUT", onStage+"/people/"+string(nikos.Person)+"/muted", "true")
	ask(204, "DELETE", onStage+"/people/"+string(mallory.Person), "")
	desk.Until(browsertest.At("unwritten"), browsertest.Body)
	ask(200, "PATCH", managed+"/delay", `{"delay_ms":5000}`)
	ask(200, "POST", managed+"/dump", `{"fill":"none"}`)
	ask(200, "PUT", managed+"/doors", `{"closed_at":1000,"notice":"Full."}`)
	answer := s.do("POST", managed+"/invites", token, "application/json", `{"name":"Grace","role":"speaker"}`)
	if said := text(answer); answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(said, "not_kept") || answer.Header.Get("Retry-After") == "" {
		t.Errorf("an invitation that cannot be kept: %d %s", answer.StatusCode, said)
	}
	if r, err := listen(t, s.room.ListenURL, time.Second); err != nil || r.Frames == 0 {
		t.Errorf("a newcomer hears %+v (%v)", r, err)
	}
	in.end(t)
	desk.Until("!"+browsertest.At("unwritten"), browsertest.Body)

	in.begin(t)
	ask(204, "POST", managed+"/end", "")
	if r := <-heard; r.Frames == 0 || r.GapCount != 0 || r.Undecodable != 0 {
		t.Errorf("who was seated all the while heard %+v", r)
	}
	in.end(t)
	s.keeps(t, `SELECT state = 'ended' AND delay_ms >= 5000 AND life LIKE '%Full.%' FROM rooms WHERE id = '`+string(s.room.ID)+`'`)
	s.keeps(t, `SELECT count(*) = 1 FROM removals WHERE person_id = '`+string(mallory.Person)+`'`)
}

func text(answer *http.Response) string {
	var b bytes.Buffer
	_, _ = b.ReadFrom(answer.Body)
	return b.String()
}

// listenToTheEnd takes a seat until the room ends.
func listenToTheEnd(ctx context.Context, url string) (r report) {
	out, _ := exec.CommandContext(ctx, program, "listen", url, "--json", "--for", patience.String()).Output()
	_ = json.Unmarshal(out, &r) // a report without frames says that it failed
	return r
}

// keeps waits until a question to the server's database is answered by yes.
func (s *show) keeps(t *testing.T, question string) {
	t.Helper()
	db, err := sql.Open("sqlite", fmt.Sprintf("file:%s?mode=ro&_pragma=busy_timeout(60000)", filepath.Join(s.dir, "data", "epidaurus.db")))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // nothing was written
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		var yes bool
		err = db.QueryRowContext(t.Context(), question).Scan(&yes)
		if err == nil && yes {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the database never says yes to %s (%v)\n%s", question, err, s.log())
		}
	}
}
