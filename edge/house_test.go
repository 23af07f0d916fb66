//go:build linux

package edge

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// patience is how long anything may take on a machine that does other work beside.
const patience = time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// harbour is the room of most tests.
const harbour room.ID = "harbour"

// clock is exactly as patient as it is told to be.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// rooms is a Rooms made of a map.
type rooms struct {
	mu    sync.Mutex
	facts map[room.ID]room.Facts
}

func (r *rooms) Facts(id room.ID) (room.Facts, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, ok := r.facts[id]
	return f, ok
}

func (r *rooms) set(f room.Facts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.facts[f.ID] = f
}

// feed is a Feed whose calls are the test's own.
type feed struct {
	mu         sync.Mutex
	receivers  map[hubKey]tape.Receiver
	subscribed int
	fail       error
	told       *sync.Cond
}

func newFeed() *feed {
	f := &feed{receivers: make(map[hubKey]tape.Receiver)}
	f.told = sync.NewCond(&f.mu)
	return f
}

func (f *feed) Subscribe(r room.ID, c tape.Channel, to tape.Receiver) (func(), error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail != nil {
		return nil, f.fail
	}
	key := hubKey{r, c}
	f.receivers[key] = to
	f.subscribed++
	f.told.Broadcast()
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.receivers, key)
	}, nil
}

// to returns the receiver of a room's floor, once there is one.
func (f *feed) to(id room.ID) tape.Receiver {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.receivers[hubKey{id, tape.Floor}] == nil {
		f.told.Wait()
	}
	return f.receivers[hubKey{id, tape.Floor}]
}

func (f *feed) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.receivers)
}

// house is an edge behind a server, with everything that it depends on in the test's hand.
type house struct {
	t      testing.TB
	edge   *Edge
	server *httptest.Server
	feed   *feed
	rooms  *rooms
	clock  *clock
	client *tls.Config // of listeners; nil: they speak plain HTTP
	term   tape.Term
	head   tape.Number // the next frame to play
}

// open makes a house with one live room whose doors are open.
func open(t testing.TB, change func(*Config)) *house {
	t.Helper()
	h := &house{t: t, feed: newFeed(), rooms: &rooms{facts: make(map[room.ID]room.Facts)}, clock: newClock(), term: 1}
	h.rooms.set(room.Facts{ID: harbour, State: room.Live})
	c := Config{Rooms: h.rooms, Feed: h.feed, Now: h.clock.Now, Sections: 2, MaxSeats: 5000, Random: func() float64 { return 0.5 }}
	if change != nil {
		change(&c)
	}
	edge, err := newEdge(c, false)
	if err != nil {
		t.Fatal(err)
	}
	h.edge = edge
	h.server = httptest.NewUnstartedServer(edge.Handler())
	_ = h.server.Listener.Close()
	h.server.Listener = h.front()
	h.server.Start()
	t.Cleanup(h.close)
	err = edge.Open(harbour)
	if err != nil {
		t.Fatal(err)
	}
	h.feed.to(harbour).Takeover(tape.Takeover{Term: 1})
	return h
}

// front opens a port as listeners of a plain one meet it.
func (h *house) front() net.Listener {
	h.t.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	ln, err := config.Listen(h.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	front, err := h.edge.Front(ln.(*net.TCPListener))
	if err != nil {
		h.t.Fatal(err)
	}
	return front
}

func (h *house) close() {
	h.server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := h.edge.Close(ctx)
	if err != nil {
		h.t.Error(err)
	}
}

// packet is what frame n of a variant carries in tests.
func packet(v tape.Variant, n tape.Number) []byte {
	return fmt.Appendf(nil, "\xf8%s frame %d%*s", v, n, int(n%40), "")
}

// play feeds frames in all variants, and ticks after each.
func (h *house) play(count int) {
	for range count {
		for _, v := range tape.Variants {
			h.feed.to(harbour).Frame(v, tape.Frame{N: h.head, Term: h.term, Packet: packet(v, h.head)})
		}
		h.head++
		h.clock.advance(tape.FrameDuration)
		h.step()
	}
}

// record feeds frames without a tick.
func (h *house) record(count int) {
	for range count {
		for _, v := range tape.Variants {
			h.feed.to(harbour).Frame(v, tape.Frame{N: h.head, Term: h.term, Packet: packet(v, h.head)})
		}
		h.head++
		h.clock.advance(tape.FrameDuration)
	}
}

// step makes all sections tick once, and returns when they have.
func (h *house) step() {
	for _, s := range h.edge.sections {
		s.step()
	}
}

// step makes a section that is paced by hand tick, and returns when it has.
func (s *section) step() { s.after(func() {}) }

// after makes a section tick, and returns when it has called do behind that.
func (s *section) after(do func()) {
	stepped := make(chan struct{})
	s.mail.mu.Lock()
	if s.mail.closing {
		s.mail.mu.Unlock()
		return
	}
	s.mail.steps = append(s.mail.steps, func() {
		do()
		close(stepped)
	})
	s.poll.wake()
	s.mail.mu.Unlock()
	<-stepped
}

// while steps until do has returned: what is queued goes out with ticks.
func (h *house) while(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	for {
		select {
		case <-done:
			return
		default:
			h.step()
		}
	}
}

// until steps until a condition holds that depends on the other end of a socket.
func (h *house) until(what string, cond func(Stats) bool) {
	h.t.Helper()
	deadline := time.Now().Add(patience)
	for !cond(h.edge.Stats()) {
		if time.Now().After(deadline) {
			h.t.Fatalf("%s did not come about: %+v", what, h.edge.Stats())
		}
		h.step()
	}
}

// listener is a client with a response.
type listener struct {
	t    testing.TB
	conn net.Conn
	resp *http.Response
	mp4  *fmp4.Reader
	ogg  *ogg.Reader
}

// get sends a request on a connection of its own and reads the answer's head.
func (h *house) get(path string, more ...string) *listener {
	h.t.Helper()
	return ask(h.t, h.dial(), "GET "+path+" HTTP/1.1", more...)
}

func (h *house) dial() net.Conn {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.server.Listener.Addr().String())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	return h.secured(conn)
}

func ask(t testing.TB, conn net.Conn, line string, more ...string) *listener {
	t.Helper()
	request := line + "\r\nHost: test\r\n"
	for _, field := range more {
		request += field + "\r\n"
	}
	_, err := io.WriteString(conn, request+"\r\n")
	if err != nil {
		t.Fatal(err)
	}
	method := http.MethodGet
	fmt.Sscan(line, &method)
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	l := &listener{t: t, conn: conn, resp: resp}
	l.mp4, l.ogg = fmp4.NewReader(resp.Body), ogg.NewReader(resp.Body)
	return l
}

// frame is the first frame that the answer names.
func (l *listener) frame() tape.Number {
	l.t.Helper()
	var n tape.Number
	_, err := fmt.Sscan(l.resp.Header.Get(frameHeader), &n)
	if err != nil {
		l.t.Fatalf("%s: %q", frameHeader, l.resp.Header.Get(frameHeader))
	}
	return n
}

// hear reads fragments until frame to, and checks that their timeline is whole. It returns the packets.
func (l *listener) hear(from, to tape.Number) (packets [][]byte) {
	l.t.Helper()
	for from < to {
		f, err := l.mp4.Next()
		if err != nil {
			l.t.Fatalf("at frame %d: %v", from, err)
		}
		if len(f.Packets) == 0 {
			continue
		}
		if f.From != from {
			l.t.Fatalf("the fragment begins at frame %d, want %d", f.From, from)
		}
		for _, p := range f.Packets {
			packets = append(packets, append([]byte(nil), p...))
		}
		from += tape.Number(len(f.Packets))
	}
	return packets
}

// checkSound checks that packets are those of a variant from a frame on.
func checkSound(t testing.TB, v tape.Variant, from tape.Number, packets [][]byte) {
	t.Helper()
	for i, p := range packets {
		want := packet(v, from+tape.Number(i))
		if string(p) != string(want) {
			t.Fatalf("frame %d is %q, want %q", from+tape.Number(i), p, want)
		}
	}
}

// end reads to the proper end of the answer.
func (l *listener) end() {
	l.t.Helper()
	_, err := io.Copy(io.Discard, l.resp.Body)
	if err != nil {
		l.t.Fatalf("the answer was cut: %v", err)
	}
}

// isCut reads until the connection breaks, and checks that it does not look like an end.
func (l *listener) isCut() {
	l.t.Helper()
	_, err := io.Copy(io.Discard, l.resp.Body)
	if err == nil {
		l.t.Fatal("the answer ended properly, want a cut")
	}
	if errors.Is(err, context.DeadlineExceeded) {
		l.t.Fatal("the connection is still open")
	}
}

// endRoom says that the room ends before the next frame, and ticks.
func (h *house) endRoom() {
	h.t.Helper()
	h.say(room.RoomEvent{Kind: room.KindRoom, ID: harbour, State: room.Ended})
	h.rooms.set(room.Facts{ID: harbour, State: room.Ended})
	h.step()
}

// say adds an event at the next frame.
func (h *house) say(event any) {
	h.t.Helper()
	data, err := json.Marshal(event)
	if err != nil {
		h.t.Fatal(err)
	}
	var kind struct {
		T string `json:"t"`
	}
	err = json.Unmarshal(data, &kind)
	if err != nil {
		h.t.Fatal(err)
	}
	h.feed.to(harbour).Event(tape.Event{At: h.head, Term: h.term, Kind: kind.T, Data: data})
}
