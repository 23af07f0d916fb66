package e2e

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/api/client"
	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/internal/wav"
	"github.com/epidaurus-live/epidaurus/room"
)

// patience is how long anything may take on a machine that does other work beside.
const patience = time.Minute

// exactly says that figures have to meet their bars as they are, on a machine that does nothing else: EPIDAURUS_BARS=1. Otherwise they have ten
// times as much, so that a busy machine fails no test and a program that hangs does.
var exactly = os.Getenv("EPIDAURUS_BARS") != ""

func bar(limit time.Duration) time.Duration {
	if exactly {
		return limit
	}
	return 10 * limit
}

// together is how many tests run at the same time, where -parallel does not say it: most of them wait for sound, in real time. Where figures
// have to meet their bars, one has the machine for itself. A test with a server takes its parts one after the other: go test begins parts that
// are parallel behind all tests that are, and until then the server, and who speaks there, would take their share of the machine.
func together() string {
	if exactly {
		return "1"
	}
	return "3"
}

// program is the binary under test, built once.
var program string

// The Chromiums that tests share, by what their microphones hear; listeners have none.
var listeners, ada, grace, silent, clicking *browsertest.Shared

// launch names the Chromiums, whose microphones are files of a folder.
func launch(dir string) (closeAll func(), err error) {
	listeners = browsertest.Share(browsertest.Autoplay, browsertest.Still)
	microphone := func(name string, pcm []float32) *browsertest.Shared {
		file := filepath.Join(dir, name+".wav")
		err = errors.Join(err, wav.WriteFile(file, pcm))
		return browsertest.Share(browsertest.Microphone(file), browsertest.Autoplay, browsertest.Still)
	}
	ada = microphone("ada", tone(440))
	grace = microphone("grace", tone(660))
	silent = microphone("silent", make([]float32, sampleRate))
	clicking = microphone("clicking", clicks())
	return func() {
		for _, b := range []*browsertest.Shared{listeners, ada, grace, silent, clicking} {
			b.Close()
		}
	}, err
}

func TestMain(m *testing.M) {
	os.Exit(func() int {
		flag.Parse()
		parallel := flag.Lookup("test.parallel")
		if parallel.Value.String() == parallel.DefValue {
			_ = flag.Set(parallel.Name, together()) // it is a number
		}
		dir, err := os.MkdirTemp("", "epidaurus-e2e")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
		program = filepath.Join(dir, "epidaurus")
		build := exec.Command("go", "build", "-o", program, "../cmd/epidaurus")
		build.Stdout, build.Stderr = os.Stderr, os.Stderr
		err = build.Run()
		if err != nil {
			fmt.Fprintln(os.Stderr, "build the program:", err)
			return 1
		}
		closeAll, err := launch(dir)
		defer closeAll()
		if err != nil {
			fmt.Fprintln(os.Stderr, "write the microphones:", err)
			return 1
		}
		return m.Run()
	}())
}

// server is a running program. It keeps its ports over restarts.
type server struct {
	t         testing.TB
	dir       string
	listeners string // URL
	stage     string
	private   string
	claim     string // the first host's link
	command   func(args []string) *exec.Cmd

	cmd    *exec.Cmd
	exited chan struct{}
	output sync.WaitGroup
}

// serve starts an empty server on ports of its own.
func serve(t testing.TB, args ...string) *server {
	t.Helper()
	return serveWith(t, func(args []string) *exec.Cmd { return exec.Command(program, args...) }, args...)
}

// serveWith starts it by a command.
func serveWith(t testing.TB, command func(args []string) *exec.Cmd, args ...string) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), command: command}
	s.start(append([]string{"--listen", "127.0.0.1:0", "--stage", "127.0.0.1:0", "--private", "127.0.0.1:0"}, args...)...)
	if s.claim == "" {
		t.Fatal("a new server prints no link for its first host")
	}
	t.Cleanup(func() { s.signal(syscall.SIGTERM) })
	return s
}

var (
	readyLine = regexp.MustCompile(`^\s+(listeners|stage|private)\s+(\S+)`)
	claimLine = regexp.MustCompile(`^\s+(http\S+#claim=\S+)`)
)

func (s *server) start(args ...string) {
	s.t.Helper()
	s.cmd = s.command(append([]string{"serve", "--data", filepath.Join(s.dir, "data")}, args...))
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd.Stderr = log
	err = s.cmd.Start()
	if err != nil {
		s.t.Fatal(err)
	}
	_ = log.Close()
	ready := make(chan struct{})
	s.exited = make(chan struct{})
	s.output.Go(func() { s.read(stdout, ready) })
	select {
	case <-ready:
	case <-time.After(patience):
		s.t.Fatalf("the server is not ready after %v: %s", patience, s.log())
	case <-s.exited:
		s.t.Fatalf("the server ended: %s", s.log())
	}
}

// read learns the addresses from what the server prints.
func (s *server) read(stdout io.Reader, ready chan struct{}) {
	lines := bufio.NewScanner(stdout)
	addresses := map[string]*string{"listeners": &s.listeners, "stage": &s.stage, "private": &s.private}
	for lines.Scan() {
		if m := claimLine.FindStringSubmatch(lines.Text()); m != nil {
			s.claim = m[1]
		}
		if m := readyLine.FindStringSubmatch(lines.Text()); m != nil {
			u, err := url.Parse(m[2])
			if err != nil {
				continue
			}
			*addresses[m[1]] = "http://" + u.Host
		}
		if strings.HasPrefix(lines.Text(), "Ready.") {
			close(ready)
		}
	}
	_ = s.cmd.Wait()
	close(s.exited)
}

func (s *server) log() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return string(text)
}

// signal ends the server and waits for it.
func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	select {
	case <-s.exited:
		return
	default:
	}
	_ = s.cmd.Process.Signal(sig)
	select {
	case <-s.exited:
	case <-time.After(patience):
		s.t.Errorf("the server goes on %v after %v: %s", patience, sig, s.log())
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
	s.output.Wait()
	if sig == syscall.SIGTERM && s.cmd.ProcessState.ExitCode() != 0 {
		s.t.Errorf("the server ended with %v: %s", s.cmd.ProcessState, s.log())
	}
}

// restart starts it again on the same folder and ports.
func (s *server) restart() {
	s.t.Helper()
	args := []string{}
	for flag, address := range map[string]string{"--listen": s.listeners, "--stage": s.stage, "--private": s.private} {
		u, err := url.Parse(address)
		if err != nil {
			s.t.Fatal(err)
		}
		args = append(args, flag, "127.0.0.1:"+u.Port())
	}
	s.start(args...)
}

// host claims the first link, once.
func (s *server) host() *client.Client {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := client.Claim(ctx, s.claim)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// show is a room with a host who makes it.
type show struct {
	*server
	client *client.Client
	room   client.Room
}

func (s *server) open(title string, lowDelay bool) *show {
	s.t.Helper()
	c := s.host()
	r, err := c.CreateRoom(s.t.Context(), title, "en", lowDelay)
	if err != nil {
		s.t.Fatal(err)
	}
	return &show{s, c, r}
}

// hostDesk is the host's own link to the desk.
func (s *show) hostDesk() string {
	s.t.Helper()
	token, err := s.client.Token(s.t.Context(), s.room.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.room.DeskURL + "#" + token
}

// invite is a place on stage for somebody.
func (s *show) invite(name string) client.Invite {
	s.t.Helper()
	i, err := s.client.Invite(s.t.Context(), s.room.ID, name, room.Speaker)
	if err != nil {
		s.t.Fatal(err)
	}
	return i
}

// raw is a desk's link without echo cancellation, noise suppression and gain control: tones are not voices.
func raw(desk string) string {
	u, err := url.Parse(desk)
	if err != nil {
		panic(err)
	}
	u.RawQuery = "raw=1"
	return u.String()
}
