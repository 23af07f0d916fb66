//go:build linux

package edge

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// watched serves the edge by a server that tells of the connections that it accepted.
func (h *house) watched() (address string, accepted func() int) {
	front := h.front()
	var mu sync.Mutex
	count := 0
	server := &http.Server{Handler: h.edge.Handler(), ConnState: func(_ net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		if state == http.StateNew {
			count++
		}
	}}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(front) })
	h.t.Cleanup(func() {
		_ = server.Close()
		serving.Wait()
	})
	return front.Addr().String(), func() int {
		mu.Lock()
		defer mu.Unlock()
		return count
	}
}

const usual = "GET /r/harbour/live.mp4?variant=opus-24 HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\n\r\n"

// The front seats a request of the usual form itself, and leaves everything else to net/http, as if it were not there.
func TestFront(t *testing.T) {
	for _, c := range []struct {
		name     string
		parts    []string
		status   int
		accepted int
		seats    int
	}{
		{"Usual", []string{usual}, 200, 0, 1},
		{"Browser", []string{"GET /r/harbour/live.ogg HTTP/1.1\r\nHost: x:80\r\nConnection: keep-alive\r\nAccept: */*\r\nOrigin: http://y\r\n\r\n"}, 200, 0, 1},
		{"InParts", []string{usual[:20], usual[20:]}, 200, 1, 1},
		{"HTTP10", []string{"GET /r/harbour/live.mp4 HTTP/1.0\r\n\r\n"}, 200, 1, 1},
		{"Channel", []string{"GET /r/harbour/floor/live.mp4 HTTP/1.1\r\nHost: x\r\n\r\n"}, 200, 1, 1},
		{"Body", []string{"GET /r/harbour/live.mp4 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"}, 200, 1, 1},
		{"Head", []string{"HEAD /r/harbour/live.mp4 HTTP/1.1\r\nHost: x\r\n\r\n"}, 200, 1, 0},
		{"NoHost", []string{"GET /r/harbour/live.mp4 HTTP/1.1\r\n\r\n"}, 400, 1, 0},
		{"TwoHosts", []string{"GET /r/harbour/live.mp4 HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"}, 400, 1, 0},
		{"NoRoom", []string{"GET /r/nowhere/live.mp4 HTTP/1.1\r\nHost: x\r\n\r\n"}, 404, 1, 0},
		{"BadQuery", []string{"GET /r/harbour/live.mp4?variant=loud HTTP/1.1\r\nHost: x\r\n\r\n"}, 400, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t, nil)
			h.play(250)
			address, accepted := h.watched()
			conn := dialTo(t, address)
			for i, part := range c.parts {
				if i > 0 {
					h.await(func() bool { return accepted() > 0 }) // who sends half a request is left to net/http at once
				}
				_, err := conn.Write([]byte(part))
				if err != nil {
					t.Fatal(err)
				}
			}
			method := http.MethodGet
			if c.name == "Head" {
				method = http.MethodHead
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != c.status {
				t.Errorf("status %d, want %d", resp.StatusCode, c.status)
			}
			if n := accepted(); n != c.accepted {
				t.Errorf("net/http accepted %d connections, want %d", n, c.accepted)
			}
			if s := h.edge.Stats(); s.Seats != c.seats || s.Seated != uint64(c.seats) {
				t.Errorf("%d seats, %d seated, want %d", s.Seats, s.Seated, c.seats)
			}
		})
	}
}

// await waits until what others do has come true.
func (h *house) await(done func() bool) {
	h.t.Helper()
	for until := time.Now().Add(patience); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			h.t.Fatalf("it has not come true within %v", patience)
		}
	}
}

// Who comes through a balancer is told by a header, which the front does not read.
func TestFrontBehindBalancer(t *testing.T) {
	h := open(t, func(c *Config) {
		c.ProxyHeader, c.ProxyFrom, c.PerAddress = "X-Forwarded-For", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, 1
	})
	h.play(250)
	address, accepted := h.watched()
	for i := range 2 {
		conn := dialTo(t, address)
		fmt.Fprintf(conn, "GET /r/harbour/live.mp4 HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.%d\r\n\r\n", i)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%+v, %v", resp, err)
		}
	}
	if n := accepted(); n != 2 {
		t.Errorf("net/http accepted %d, want 2", n)
	}
}

// A seat of the front is limited and refused like any other, and by the same answer, which the front gives itself.
func TestFrontRefuses(t *testing.T) {
	h := open(t, func(c *Config) { c.PerAddress, c.Inside = 1, func(room.ID) int { return 12 } })
	h.play(250)
	address, accepted := h.watched()
	for i, want := range []int{http.StatusOK, http.StatusTooManyRequests} {
		conn := dialTo(t, address)
		_, err := io.WriteString(conn, usual)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != want {
			t.Fatalf("listener %d: %+v, %v; want %d", i, resp, err, want)
		}
	}
	if s := h.edge.Stats(); s.Offered != 2 || s.Seated != 1 || s.Refused[problem.TooMany] != 1 || accepted() != 0 {
		t.Errorf("%d offered, %d seated, %v refused, want 2, 1 and 1; net/http accepted %d", s.Offered, s.Seated, s.Refused, accepted())
	}
	answers := make([]string, 2)
	for i, request := range []string{usual, strings.Replace(usual, "HTTP/1.1", "HTTP/1.0", 1)} { // net/http has to answer the second
		conn := dialTo(t, address)
		_, err := io.WriteString(conn, request)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		resp.Header.Del("Date")
		resp.Header.Del("Connection")
		answers[i] = fmt.Sprint(resp.StatusCode, resp.Header, string(body))
	}
	if answers[0] != answers[1] || accepted() != 1 {
		t.Errorf("the front says\n%s\nwhere net/http says\n%s", answers[0], answers[1])
	}
}

// Without a descriptor left the front waits, says so, and goes on.
func TestFrontOutOfFiles(t *testing.T) {
	var limit unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	if err != nil {
		t.Fatal(err)
	}
	restore := sync.OnceFunc(func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &limit) })
	defer restore()
	said := make(chan struct{}, 100)
	h := open(t, func(c *Config) { c.Log = slog.New(signal{slog.DiscardHandler, said}) })
	h.play(250)
	conn := dialTo(t, h.server.Listener.Addr().String())
	err = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: limit.Max}) // what is open stays open
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.WriteString(conn, usual)
	if err != nil {
		t.Fatal(err)
	}
	<-said
	restore()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%+v, %v", resp, err)
	}
}

// signal tells of each line of a log.
type signal struct {
	slog.Handler
	said chan struct{}
}

func (s signal) Enabled(context.Context, slog.Level) bool { return true }

func (s signal) Handle(_ context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "no connection can be accepted") {
		s.said <- struct{}{}
	}
	return nil
}

// When net/http does not keep up, who would have to wait for it is turned away with an answer.
func TestFrontTurnsAway(t *testing.T) {
	h := open(t, nil)
	h.play(250)
	port := h.front() // nobody accepts
	t.Cleanup(func() { _ = port.Close() })
	for range cap(port.(*front).passed) {
		port.(*front).passed <- passed{fd: -1}
	}
	conn := dialTo(t, port.Addr().String())
	_, err := io.WriteString(conn, "GET /r/harbour HTTP/1.1\r\nHost: x\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Fatalf("%+v, %v", resp, err)
	}
	conn = dialTo(t, port.Addr().String())
	_, err = io.WriteString(conn, usual)
	if err != nil {
		t.Fatal(err)
	}
	resp, err = http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("a seat: %+v, %v", resp, err)
	}
}

// What the front takes for a request of the usual form net/http takes for the same request.
func FuzzUsualRequest(f *testing.F) {
	for _, head := range []string{
		usual, "GET /r/harbour/live.ogg HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n", "GET /r/a-b/live.mp4?from=%31&depth=4000+ HTTP/1.1\r\nhOST:x\r\n\r\n",
		"GET /r/harbour/live.mp4? HTTP/1.1\r\nHost: x\r\nX: \t\r\n\r\n", "GET /r/harbour/live.mp4 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n\r\n",
		"GET /r/harbour/live.mp4 HTTP/1.1\r\nHost: x\r\n\r\nGET", "GET /r/harbour/../live.mp4 HTTP/1.1\r\nHost: x\r\n\r\n", "GET /r/harbour/live.mp4?a=%zz HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		f.Add([]byte(head))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		id, file, query, ok := usualRequest(head)
		if !ok {
			return
		}
		rest := bufio.NewReader(bytes.NewReader(head))
		r, err := http.ReadRequest(rest)
		if err != nil {
			t.Fatalf("%q: net/http says %v", head, err)
		}
		if r.Method != http.MethodGet || r.Proto != "HTTP/1.1" || r.URL.Path != "/r/"+string(id)+"/"+file || r.URL.RawQuery != query {
			t.Errorf("%q: net/http reads %s %s %s", head, r.Method, r.URL, r.Proto)
		}
		if r.Host == "" || r.ContentLength != 0 || len(r.TransferEncoding) > 0 || rest.Buffered() > 0 {
			t.Errorf("%q: net/http reads host %q, length %d, %d bytes behind it", head, r.Host, r.ContentLength, rest.Buffered())
		}
		ask, err := parseQuery(query)
		if err == nil && ask.from < -1 {
			t.Errorf("%q: %+v", head, ask)
		}
	})
}
