//go:build linux

package edge

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
)

// fakeConn is a connection that knows whether it was closed, and what was written to it.
type fakeConn struct {
	net.Conn
	name    string
	from    net.IP
	closed  bool
	written []byte
}

func (c *fakeConn) Close() error         { c.closed = true; return nil }
func (c *fakeConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: c.from, Port: 1} }
func (c *fakeConn) Write(b []byte) (int, error) {
	c.written = append(c.written, b...)
	return len(b), nil
}

func TestDoorOrder(t *testing.T) {
	now := time.Duration(0)
	d := newDoor(4, func() float64 { return 0.5 }, func() time.Duration { return now })
	var all []*fakeConn
	come := func(name string, states ...http.ConnState) *fakeConn {
		c := &fakeConn{name: name}
		all = append(all, c)
		for _, s := range append([]http.ConnState{http.StateNew}, states...) {
			d.connState(c, s)
		}
		return c
	}
	closed := func() (names []string) {
		for _, c := range all {
			if c.closed {
				names = append(names, c.name)
				d.connState(c, http.StateClosed) // as the server says when its goroutine finds out
			}
		}
		return names
	}
	come("seat", http.StateActive, http.StateHijacked)
	come("active", http.StateActive)
	come("idle", http.StateActive, http.StateIdle)
	come("old")
	come("young")
	if got := closed(); got != nil {
		t.Fatalf("closed %v while there is room", got)
	}
	for _, step := range []struct {
		name   string
		states []http.ConnState
		want   []string
	}{
		{"A", []http.ConnState{http.StateActive}, []string{"old"}},
		{"B", []http.ConnState{http.StateActive}, []string{"old", "young"}},
		{"C", []http.ConnState{http.StateActive}, []string{"old", "young", "idle"}},
		{"D", nil, []string{"old", "young", "idle", "D"}}, // all are served: it is the newcomer who goes
	} {
		come(step.name, step.states...)
		if got := closed(); !sameNames(got, step.want) {
			t.Fatalf("%s came: closed %v, want %v", step.name, got, step.want)
		}
	}
	if got := string(all[len(all)-1].written); got != string(turnedAway[1]) {
		t.Errorf("turned away with %q", got)
	}
	now = activeLeast
	come("E")
	if got := closed(); !sameNames(got, []string{"old", "young", "idle", "active", "D"}) {
		t.Errorf("closed %v, want the one that is served for too long too", got)
	}
	var s Stats
	d.addTo(&s)
	if s.Waiting != 4 || s.MaxWaiting != 4 || s.Evicted != 4 || s.TurnedAway != 1 {
		t.Errorf("%+v", s)
	}
}

func sameNames(got, want []string) bool {
	slices.Sort(got)
	want = slices.Sorted(slices.Values(want))
	return slices.Equal(got, want)
}

// Who is between two requests may use what the seats leave, and gives it back as they come; half-open requests get none of it.
func TestDoorLendsWhatSeatsLeave(t *testing.T) {
	spare := 3
	d := newDoor(2, func() float64 { return 0.5 }, func() time.Duration { return 0 })
	d.spare = func() int { return spare }
	var all []*fakeConn
	come := func(states ...http.ConnState) *fakeConn {
		c := &fakeConn{name: string(rune('a' + len(all)))}
		all = append(all, c)
		for _, s := range append([]http.ConnState{http.StateNew}, states...) {
			d.connState(c, s)
		}
		return c
	}
	open := func() (names string) {
		for _, c := range all {
			if !c.closed {
				names += c.name
			} else {
				d.connState(c, http.StateClosed)
			}
		}
		return names
	}
	for range 5 {
		come(http.StateActive, http.StateIdle)
	}
	if got := open(); got != "abcde" {
		t.Fatalf("%q are open of five between two requests, where two may be and three are lent", got)
	}
	come(http.StateActive, http.StateIdle)
	if got := open(); got != "bcdef" {
		t.Fatalf("%q are open after a sixth came", got)
	}
	spare = 1 // seats were taken
	d.fit()
	d.fit()
	if got := open(); got != "def" {
		t.Fatalf("%q are open after seats were taken", got)
	}
	d.fit()
	if got := open(); got != "def" {
		t.Errorf("%q are open where nobody had to go", got)
	}
	for range 4 {
		come()
	}
	if got := open(); len(got) > 3 {
		t.Errorf("%q are open: half-open requests were lent something", got)
	}
}

// A request that may last counts for nothing and gives way to nobody, until it is over.
func TestDoorKeeps(t *testing.T) {
	now := time.Duration(0)
	d := Door{newDoor(2, func() float64 { return 0.5 }, func() time.Duration { return now })}
	come := func(states ...http.ConnState) *fakeConn {
		c := &fakeConn{}
		for _, s := range append([]http.ConnState{http.StateNew}, states...) {
			d.ConnState(c, s)
		}
		return c
	}
	var kept []*fakeConn
	for range 10 {
		c := come(http.StateActive)
		d.Keep(c)
		kept = append(kept, c)
	}
	now = 2 * activeLeast
	first, second := come(), come()
	third := come()
	if !first.closed || second.closed || third.closed {
		t.Errorf("closed %v, %v, %v: want the oldest that is half open", first.closed, second.closed, third.closed)
	}
	d.ConnState(first, http.StateClosed)
	for _, c := range kept {
		if c.closed {
			t.Fatal("one that is kept was closed")
		}
	}
	if s := d.Stats(); s != (DoorStats{Open: 2, Most: 2, Kept: 10, Evicted: 1}) {
		t.Errorf("%+v", s)
	}
	d.ConnState(kept[0], http.StateIdle)
	d.ConnState(kept[1], http.StateClosed)
	d.ConnState(second, http.StateHijacked)
	if s := d.Stats(); s.Open != 2 || s.Kept != 8 {
		t.Errorf("when some were over: %+v", s)
	}
	come()
	if !third.closed || kept[0].closed {
		t.Error("one whose request is over counts again")
	}
}

// A server that is slow to close what was evicted gets nobody new meanwhile.
func TestDoorCountsThoseWhoGo(t *testing.T) {
	d := newDoor(8, func() float64 { return 0 }, func() time.Duration { return 0 })
	d.patience = 0
	for range 100 {
		d.connState(&fakeConn{}, http.StateNew)
	}
	if n := len(d.known); n != 10 {
		t.Errorf("%d connections are open, want 8 and a quarter", n)
	}
	if d.evicted.Load() != 2 || d.turnedAway.Load() != 90 {
		t.Errorf("%d evicted, %d turned away", d.evicted.Load(), d.turnedAway.Load())
	}
}

// guard serves the edge behind its door, and returns where. A test server of httptest will not do: it holds a lock while it tells of states.
func (h *house) guard(secure *tls.Config) (address string) {
	server := &http.Server{
		Handler: h.edge.Handler(), ConnState: h.edge.ConnState, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	var serving sync.WaitGroup
	on := h.front()
	if secure != nil {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			h.t.Fatal(err)
		}
		_ = on.Close()
		on = NewTLSListener(ln, secure, 0)
	}
	serving.Go(func() { _ = server.Serve(on) })
	h.t.Cleanup(func() {
		_ = server.Close()
		serving.Wait()
	})
	return on.Addr().String()
}

func dialTo(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// Hundreds who begin a request and do not end it keep nobody out, and take few descriptors.
func TestHalfOpenAmongHonest(t *testing.T) {
	h := open(t, func(c *Config) { c.MaxWaiting = 20 })
	h.record(300)
	server := h.guard(nil)
	for i := range 400 {
		conn := dialTo(t, server)
		if i%2 == 0 { // others send nothing at all, and the kernel keeps them to itself for a while
			_, err := io.WriteString(conn, "GET /r/harbour/live.mp4 HTTP/1.1\r\nHost: te")
			if err != nil {
				t.Fatal(err)
			}
		}
		if i%8 == 0 {
			if l := ask(t, dialTo(t, server), joinMP4); l.resp.StatusCode != 200 {
				t.Fatalf("an honest join gets %d", l.resp.StatusCode)
			}
		}
		if s := h.edge.Stats(); s.Waiting > 25 {
			t.Fatalf("%+v", s)
		}
	}
	if s := h.edge.Stats(); s.Evicted < 100 || s.Seats != 50 {
		t.Errorf("%+v", s)
	}
}

// Handshakes that nobody ends are half-open too.
func TestHalfOpenHandshakes(t *testing.T) {
	h := open(t, func(c *Config) { c.MaxWaiting = 4 })
	h.record(300)
	certified := httptest.NewTLSServer(nil)
	defer certified.Close()
	server := h.guard(&tls.Config{Certificates: certified.TLS.Certificates})
	for range 30 {
		_, err := io.WriteString(dialTo(t, server), "\x16\x03\x01\x02\x00")
		if err != nil {
			t.Fatal(err)
		}
	}
	trust := certified.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	trust.ServerName = "example.com"
	secure := tls.Client(dialTo(t, server), trust)
	defer secure.Close()
	if l := ask(t, secure, joinMP4); l.resp.StatusCode != 200 {
		t.Errorf("an honest join gets %d", l.resp.StatusCode)
	}
	if s := h.edge.Stats(); s.Evicted < 20 || s.Waiting > 5 {
		t.Errorf("%+v", s)
	}
}

// When all who are there are being served, a newcomer hears so without being read.
func TestTurnedAway(t *testing.T) {
	h := open(t, func(c *Config) { c.MaxWaiting = 1 })
	server := h.guard(nil)
	patient := make(chan *listener)
	conn := dialTo(t, server)
	go func() { patient <- ask(t, conn, joinMP4) }()
	h.until("the request's arrival", func(s Stats) bool { return s.Seats == 1 && h.active() == 1 })
	answer, err := io.ReadAll(dialTo(t, server))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), nil)
	if err != nil {
		t.Fatalf("%q: %v", answer, err)
	}
	checkProblem(t, resp, 503, problem.Busy)
	h.record(24)
	if l := <-patient; l.resp.StatusCode != 200 {
		t.Errorf("who was there gets %d", l.resp.StatusCode)
	}
	if s := h.edge.Stats(); s.TurnedAway != 1 || s.Evicted != 0 {
		t.Errorf("%+v", s)
	}
}

func (h *house) active() int {
	h.edge.door.mu.Lock()
	defer h.edge.door.mu.Unlock()
	return h.edge.door.queues[activeQueue].length
}

func TestTurnedAwayAnswers(t *testing.T) {
	for i, answer := range turnedAway {
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		var p struct {
			Status int
			Code   problem.Code
			Retry  int `json:"retry_after_ms"`
		}
		if err = errors.Join(err, json.Unmarshal(body, &p)); err != nil || p.Status != 503 || p.Code != problem.Busy || p.Retry != (i+1)*1000 {
			t.Errorf("%s: %v", body, err)
		}
		if len(answer) > 600 || int64(len(body)) != resp.ContentLength {
			t.Errorf("%d bytes, %d of body, %d said", len(answer), len(body), resp.ContentLength)
		}
	}
}

// Whoever fills the door from one place closes his own half-open requests, and lets strangers finish theirs.
func TestDoorClosesTheCrowdsOwn(t *testing.T) {
	d := newDoor(64, func() float64 { return 0 }, func() time.Duration { return 0 })
	come := func(from byte) *fakeConn {
		c := &fakeConn{from: net.IPv4(192, 0, 2, from)}
		d.connState(c, http.StateNew)
		return c
	}
	stranger := come(1)
	var crowd []*fakeConn
	for range 200 {
		c := come(2)
		crowd = append(crowd, c)
		for _, old := range crowd {
			if old.closed {
				d.connState(old, http.StateClosed)
			}
		}
	}
	late := come(3)
	if stranger.closed || late.closed {
		t.Errorf("closed: who came first %v, who came last %v", stranger.closed, late.closed)
	}
	open := 0
	for i, c := range crowd {
		if !c.closed {
			open++
		} else if i > 0 && !crowd[i-1].closed {
			t.Errorf("the crowd's number %d was closed before an older one", i)
		}
	}
	if open < 60 || open > 63 {
		t.Errorf("%d of the crowd are open", open)
	}
	for _, c := range append(crowd, stranger, late) {
		d.connState(c, http.StateClosed)
	}
	if len(d.kin) != 0 || d.crowd != nil || len(d.known) != 0 {
		t.Errorf("%d origins and %d connections are left", len(d.kin), len(d.known))
	}
}
