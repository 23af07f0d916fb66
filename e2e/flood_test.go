package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// With few files to open, every seat taken and hundreds of half-open requests beside, the listeners' port refuses as it should, and stage,
// desk and health answer as if nothing was.
func TestFloodedListenersPort(t *testing.T) {
	t.Parallel()
	const files, seats = 512, 304
	s := serveWith(t, func(args []string) *exec.Cmd {
		return exec.Command("sh", append([]string{"-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, files), program}, args...)...)
	}).open("Crowded", false)
	live := fmt.Sprintf("GET /r/%s/live.mp4 HTTP/1.1\r\nHost: x\r\n\r\n", s.room.ID)
	for i := range seats {
		if code, body := s.sit(live); code != http.StatusOK {
			t.Fatalf("seat %d: %d %s", i, code, body)
		}
	}
	made, stop, flooded := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() { flooded <- s.halfOpen(live[:len(live)-3], 400, made, stop) }()
	select {
	case <-made:
	case err := <-flooded:
		t.Fatal(err)
	}
	for range 3 {
		s.answersFast(http.MethodGet, s.stage+"/desk/", http.StatusOK)
		s.answersFast(http.MethodGet, s.private+"/healthz", http.StatusOK)
		s.answersFast(http.MethodGet, s.private+"/metrics", http.StatusOK)
		start := time.Now()
		if token := s.hostToken(); token == "" {
			t.Error("the host gets no stage token")
		}
		s.invite("Ada")
		if took := time.Since(start); took > bar(2*time.Second) {
			t.Errorf("the host's tokens took %v", took)
		}
		code, body := s.sit(live)
		var p struct {
			Code  string
			Retry int `json:"retry_after_ms"`
		}
		if err := json.Unmarshal([]byte(body), &p); err != nil || code != 503 || p.Code != "full" || p.Retry < 10_000 {
			t.Errorf("beyond the limit a listener gets %d %s (%v)", code, body, err)
		}
	}
	close(stop)
	if err := <-flooded; err != nil {
		t.Error(err)
	}
	metrics := s.ask(t, "/metrics")
	for _, want := range []string{fmt.Sprintf("epidaurus_edge_seats %d\n", seats), fmt.Sprintf("epidaurus_edge_seats_max %d\n", seats)} {
		if !strings.Contains(metrics, want) {
			t.Errorf("there is no %q in the metrics", want)
		}
	}
	if strings.Contains(metrics, "epidaurus_edge_evicted_total 0\n") {
		t.Error("nobody was evicted")
	}
	if log := s.log(); strings.Contains(log, "too many open files") {
		t.Errorf("descriptors ran out: %s", log)
	}
}

func (s *show) listenersAddress() string {
	u, err := url.Parse(s.listeners)
	if err != nil {
		s.t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", u.Port())
}

// sit sends a request on a connection of its own, which stays open. The body is read where there is no seat.
func (s *show) sit(request string) (code int, body string) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.listenersAddress())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, err = io.WriteString(conn, request)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			s.t.Error(err)
		}
		body = string(text)
	}
	return resp.StatusCode, body
}

// halfOpen makes so many connections that do not end their request, says so, and replaces them by new ones until it is told to stop.
func (s *show) halfOpen(request string, count int, made chan<- struct{}, stop <-chan struct{}) error {
	conns := make([]net.Conn, count)
	defer func() {
		for _, c := range conns {
			if c != nil {
				_ = c.Close()
			}
		}
	}()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return nil
		default:
		}
		if i == count {
			close(made)
		}
		old := conns[i%count]
		if old != nil {
			_ = old.Close()
		}
		conn, err := net.DialTimeout("tcp", s.listenersAddress(), patience)
		if err != nil {
			return errors.Join(errors.New("the port is closed"), err)
		}
		_, _ = io.WriteString(conn, request) // the server may have closed it already
		conns[i%count] = conn
	}
}

func (s *show) answersFast(method, address string, status int) {
	s.t.Helper()
	start := time.Now()
	resp := s.doAt(address, method, "", "", "", nil)
	took := time.Since(start)
	if resp.StatusCode != status || took > bar(2*time.Second) {
		s.t.Errorf("%s answers %d after %v", address, resp.StatusCode, took)
	}
}
