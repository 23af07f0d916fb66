//go:build linux

package edge

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

func TestJoin(t *testing.T) {
	tests := []struct {
		name    string
		low     bool
		query   string
		variant tape.Variant
		depth   tape.Number // at least, in frames; up to a cadence more may be behind the newest frame
	}{
		{"Default", false, "", tape.Opus48, 200},
		{"LowDelay", true, "", tape.Opus48, 37},
		{"Variant", false, "?variant=opus-12", tape.Opus12, 200},
		{"UnknownParametersAreIgnored", false, "?utm_source=x", tape.Opus48, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := open(t, nil)
			h.rooms.set(room.Facts{ID: harbour, State: room.Live, LowDelay: tt.low})
			h.record(500)
			l := h.get("/r/harbour/live.mp4" + tt.query)
			first := l.frame()
			if depth := 500 - first; depth < tt.depth || depth >= tt.depth+tape.PageFrames {
				t.Errorf("the burst begins %d frames before the newest one, want %d", depth, tt.depth)
			}
			h.play(100)
			checkSound(t, tt.variant, first, l.hear(first, 588))
		})
	}
}

func TestJoinHeaders(t *testing.T) {
	h := open(t, nil)
	h.record(300)
	l := h.get("/r/harbour/floor/live.ogg")
	for name, want := range map[string]string{
		"Content-Type":                  "audio/ogg; codecs=opus",
		"Cache-Control":                 "no-store",
		"Access-Control-Allow-Origin":   "*",
		"Access-Control-Expose-Headers": "Epidaurus-Frame",
		"X-Content-Type-Options":        "nosniff",
		"Date":                          "Mon, 23 Nov 2026 20:00:06 GMT",
	} {
		if got := l.resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := l.resp.TransferEncoding; len(got) != 1 || got[0] != "chunked" {
		t.Errorf("transfer encoding: %v", got)
	}
	if l.resp.ProtoMinor != 1 || !l.resp.Close {
		t.Errorf("proto %s, close %v", l.resp.Proto, l.resp.Close)
	}
}

func TestJoinByHTTP10IsDelimitedByItsEnd(t *testing.T) {
	h := open(t, nil)
	h.record(300)
	l := ask(t, h.dial(), "GET /r/harbour/live.ogg HTTP/1.0")
	if l.resp.ProtoMinor != 0 || len(l.resp.TransferEncoding) != 0 {
		t.Fatalf("%s, %v", l.resp.Proto, l.resp.TransferEncoding)
	}
	first := l.frame()
	h.play(50)
	h.endRoom()
	checkSound(t, tape.Opus48, first, l.hearOgg(first, h.head))
}

func TestJoinWithoutDepthGivesWhatThereIs(t *testing.T) {
	for _, file := range []string{"live.mp4", "live.ogg"} {
		for _, there := range []int{1, 7, 12, 13, 30} {
			h := open(t, nil)
			h.head = 100005
			h.record(there)
			l := h.get("/r/harbour/" + file)
			if first := l.frame(); first != 100005 {
				t.Errorf("%s: with %d frames there the first is %d", file, there, first)
			}
			h.play(60)
			if file == "live.mp4" {
				checkSound(t, tape.Opus48, 100005, l.hear(100005, 100053))
			} else {
				checkSound(t, tape.Opus48, 100005, l.hearOgg(100005, 100044))
			}
		}
	}
}

func TestJoinWaitsForTheFirstFrame(t *testing.T) {
	h := open(t, nil)
	answered := make(chan *listener)
	conn := h.dial()
	go func() { answered <- ask(t, conn, "GET /r/harbour/live.mp4 HTTP/1.1") }()
	h.until("the request's arrival", func(s Stats) bool { return s.Seats == 1 })
	h.record(24)
	l := <-answered
	h.play(12)
	checkSound(t, tape.Opus48, 0, l.hear(0, 24))
}

func TestRefusals(t *testing.T) {
	h := open(t, nil)
	h.rooms.set(room.Facts{ID: "over", State: room.Ended})
	h.record(300)
	tests := []struct {
		line   string
		status int
		code   problem.Code
	}{
		{"GET /r/nobody/live.mp4", 404, problem.RoomUnknown},
		{"GET /r/NO/live.mp4", 404, problem.RoomUnknown},
		{"GET /r/over/live.mp4", 410, problem.RoomEnded},
		{"GET /r/over/live.ogg", 410, problem.RoomEnded},
		{"GET /r/harbour/fr/live.mp4", 404, problem.ChannelUnknown},
		{"GET /r/harbour/live.mp4?from=x", 400, problem.BadRequest},
		{"GET /r/harbour/live.mp4?from=", 400, problem.BadRequest},
		{"GET /r/harbour/live.mp4?from=-1", 400, problem.BadRequest},
		{"GET /r/harbour/live.mp4?from=9223372036854775808", 400, problem.BadRequest},
		{"GET /r/harbour/live.mp4?variant=opus-96", 400, problem.BadRequest},
		{"GET /r/harbour/live.mp4?variant=", 400, problem.BadRequest},
		{"GET /r/harbour/live.mp4?a=%zz", 400, problem.BadRequest},
		{"POST /r/harbour/live.mp4", 405, problem.MethodNotAllowed},
		{"GET /r/harbour/live.flac", 404, problem.NotFound},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			l := ask(t, h.dial(), tt.line+" HTTP/1.1", "Content-Length: 0")
			checkProblem(t, l.resp, tt.status, tt.code)
		})
	}
	if n := h.edge.Stats().Seats; n != 0 {
		t.Errorf("%d seats are taken after refusals", n)
	}
	s := h.edge.Stats()
	if s.Refused[problem.RoomEnded] != 2 || s.Refused[problem.BadRequest] != 7 || s.Offered != 12 || s.Seated != 0 {
		t.Errorf("counted %+v", s)
	}
}

func checkProblem(t *testing.T, resp *http.Response, status int, code problem.Code) {
	t.Helper()
	var p struct {
		Code  problem.Code `json:"code"`
		Retry int          `json:"retry_after_ms"`
	}
	err := json.NewDecoder(resp.Body).Decode(&p)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != status || p.Code != code {
		t.Errorf("%d %s, want %d %s", resp.StatusCode, p.Code, status, code)
	}
	if got := resp.Header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("a script cannot read the refusal: %q", got)
	}
	if wait := resp.Header.Get("Retry-After"); (wait != "") != (p.Retry > 0) {
		t.Errorf("Retry-After %q, %d ms", wait, p.Retry)
	}
}

func TestRefusesWhenFull(t *testing.T) {
	h := open(t, func(c *Config) { c.MaxSeats = 2 })
	h.record(300)
	one, two := h.get("/r/harbour/live.mp4"), h.get("/r/harbour/live.mp4")
	three := h.get("/r/harbour/live.mp4")
	if got := three.resp.Header.Get("Retry-After"); got != "15" {
		t.Errorf("Retry-After is %q, want 15 when the dice say a half", got)
	}
	checkProblem(t, three.resp, 503, problem.Full)
	one.conn.Close()
	h.until("a free seat", func(s Stats) bool { return s.Seats == 1 })
	four := h.get("/r/harbour/live.mp4")
	if four.resp.StatusCode != 200 {
		t.Errorf("status %d with a free seat", four.resp.StatusCode)
	}
	if n := h.edge.Seats()[harbour]; n != 2 {
		t.Errorf("%d seats, want 2", n)
	}
	h.play(50)
	first := two.frame()
	checkSound(t, tape.Opus48, first, two.hear(first, 300))
}

func TestRefusesWhenThereIsNothingToHear(t *testing.T) {
	h := open(t, func(c *Config) { c.FirstWait = 1 })
	l := h.get("/r/harbour/live.mp4")
	checkProblem(t, l.resp, 425, problem.RoomNotOpen)
}

func TestRefusesWhenTheFeedFails(t *testing.T) {
	h := open(t, nil)
	h.rooms.set(room.Facts{ID: "other", State: room.Live})
	h.feed.mu.Lock()
	h.feed.fail = errors.New("the bus is gone")
	h.feed.mu.Unlock()
	l := h.get("/r/other/live.mp4")
	checkProblem(t, l.resp, 503, problem.Internal)

	// The next listener tries again.
	h.feed.mu.Lock()
	h.feed.fail = nil
	h.feed.mu.Unlock()
	go func() {
		to := h.feed.to("other")
		to.Takeover(tape.Takeover{Term: 1})
		to.Frame(tape.Opus48, tape.Frame{N: 3, Term: 1, Packet: packet(tape.Opus48, 3)})
	}()
	l = h.get("/r/other/live.mp4")
	if l.resp.StatusCode != 200 || l.frame() != 3 {
		t.Errorf("status %d, frame %d", l.resp.StatusCode, l.frame())
	}
}

func TestHeadAndOptionsTakeNoSeat(t *testing.T) {
	h := open(t, nil)
	h.rooms.set(room.Facts{ID: "quiet", State: room.Doors})
	l := ask(t, h.dial(), "HEAD /r/quiet/live.mp4 HTTP/1.1")
	if l.resp.StatusCode != 200 || l.resp.Header.Get("Content-Type") != `audio/mp4; codecs="opus"` {
		t.Errorf("HEAD: %d %v", l.resp.StatusCode, l.resp.Header)
	}
	l = ask(t, h.dial(), "OPTIONS /r/quiet/live.mp4 HTTP/1.1")
	if l.resp.StatusCode != 204 || l.resp.Header.Get("Access-Control-Allow-Methods") != "GET, HEAD" {
		t.Errorf("OPTIONS: %d %v", l.resp.StatusCode, l.resp.Header)
	}
	if s := h.edge.Stats(); s.Offered != 0 || s.Seats != 0 || h.feed.count() != 1 {
		t.Errorf("%+v, %d subscriptions", s, h.feed.count())
	}
}

func TestRefusesHTTP2(t *testing.T) {
	h := open(t, nil)
	h.record(300)
	server := httptest.NewUnstartedServer(h.edge.Handler())
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	resp, err := server.Client().Get(server.URL + "/r/harbour/live.mp4")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.ProtoMajor != 2 {
		t.Fatalf("the client spoke %s", resp.Proto)
	}
	checkProblem(t, resp, 505, problem.BadRequest)
}

// A server whose connections cannot be taken over is told so, and no seat stays taken.
func TestRefusesWhatCannotBeTakenOver(t *testing.T) {
	h := open(t, nil)
	h.record(300)
	w := httptest.NewRecorder()
	h.edge.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/r/harbour/live.mp4", nil))
	checkProblem(t, w.Result(), 500, problem.Internal)
	if s := h.edge.Stats(); s.Seats != 0 || h.edge.Seats()[harbour] != 0 {
		t.Errorf("%+v", s)
	}
}

// A connection without a socket of its own is closed, and leaves no seat taken.
func TestConnectionWithoutSocketIsClosed(t *testing.T) {
	h := open(t, nil)
	h.record(300)
	for name, wrap := range map[string]func(net.Conn) net.Conn{
		"Unknown":  func(c net.Conn) net.Conn { return struct{ net.Conn }{c} },
		"OtherTLS": func(c net.Conn) net.Conn { return tls.Server(c, serverTLS(t)) },
		"TLSInTLS": func(c net.Conn) net.Conn { return TLSServer(tls.Server(c, serverTLS(t)), serverTLS(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			near, far := net.Pipe()
			defer near.Close()
			defer far.Close()
			err := new(seat).connect(wrap(near), time.Minute)
			if err == nil {
				t.Error("it was taken")
			}
		})
	}
	server := httptest.NewUnstartedServer(h.edge.Handler())
	server.Listener = wrapped{server.Listener}
	server.Start()
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = io.WriteString(conn, joinMP4+"\r\nHost: test\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, conn)
	if n != 0 || err != nil {
		t.Errorf("%d bytes and %v, want a closed connection", n, err)
	}
	h.until("the place given back", func(s Stats) bool { return s.Seats == 0 && h.edge.Seats()[harbour] == 0 })
}

// wrapped hides what kind of connections a listener accepts.
type wrapped struct{ net.Listener }

func (w wrapped) Accept() (net.Conn, error) {
	conn, err := w.Listener.Accept()
	return struct{ net.Conn }{conn}, err
}

func TestOggAnswer(t *testing.T) {
	h := open(t, nil)
	h.record(500)
	l := h.get("/r/harbour/live.ogg")
	first := l.frame()
	if first%tape.PageFrames != 0 {
		t.Errorf("the answer begins at frame %d, off the grid of pages", first)
	}
	h.play(100)
	checkSound(t, tape.Opus48, first, l.hearOgg(first, 570))
}

// hearOgg reads packets up to frame to, and checks their place in time. It ends early where the answer does.
func (l *listener) hearOgg(from, to tape.Number) (packets [][]byte) {
	l.t.Helper()
	for from < to {
		p, err := l.ogg.Next()
		if err != nil {
			l.t.Fatalf("at frame %d: %v", from, err)
		}
		if end := (from + 1).Samples(); p.End != end {
			l.t.Fatalf("frame %d ends at sample %d, want %d", from, p.End, end)
		}
		packets = append(packets, append([]byte(nil), p.Data...))
		from++
	}
	return packets
}

func TestOggEndIsProper(t *testing.T) {
	h := open(t, nil)
	h.record(100)
	l := h.get("/r/harbour/live.ogg")
	h.play(7)
	h.endRoom()
	l.hearOgg(0, h.head)
	for {
		_, err := l.ogg.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !l.ogg.Ended() {
		t.Error("the last page does not end the stream")
	}
	if !strings.HasPrefix(l.ogg.Head().Vendor, "epidaurus") {
		t.Errorf("vendor %q", l.ogg.Head().Vendor)
	}
}

// Whatever the address says, a request is refused or names a room that exists, a variant and a frame.
func FuzzRequest(f *testing.F) {
	for _, target := range []string{
		"/r/harbour/live.mp4", "/r/harbour/floor/live.ogg?from=12&variant=opus-24", "/r/%2e%2e/live.mp4?from=1e9", "/r/harbour/live.mp4?from=1&from=x",
		"/r/harbour/live.mp4?variant=opus-48;from=3", "/r//live.mp4?from=%00", "/r/harbour/%66loor/live.mp4?from=+1", "http://x/r/harbour/live.ogg",
	} {
		f.Add(target)
	}
	known := &rooms{facts: map[room.ID]room.Facts{harbour: {ID: harbour, State: room.Live}}}
	e := &Edge{config: Config{Rooms: known}}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		mux := http.NewServeMux()
		check := func(_ http.ResponseWriter, r *http.Request) {
			ask, err := e.parse(r, mp4)
			if err != nil {
				if _, ok := errors.AsType[problem.Problem](err); !ok {
					t.Errorf("%q: %v is no problem", target, err)
				}
				return
			}
			if ask.key != (hubKey{harbour, tape.Floor}) || ask.from < -1 || ask.variant < 0 || ask.variant >= len(tape.Variants) {
				t.Errorf("%q: %+v", target, ask)
			}
		}
		mux.HandleFunc("/r/{room}/live.mp4", check)
		mux.HandleFunc("/r/{room}/{channel}/live.mp4", check)
		mux.ServeHTTP(httptest.NewRecorder(), &http.Request{Method: http.MethodGet, URL: u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1})
	})
}

// What docs/PROTOCOL.md says a seat is: an open answer, from the moment it was let in, and nothing else that comes to the port.
func TestWhatCountsAsASeat(t *testing.T) {
	h := open(t, nil)
	seats := func(what string, want int) {
		t.Helper()
		h.until(what, func(s Stats) bool { return s.Seats == want && h.edge.Seats()[harbour] == want })
	}
	first, answered := h.dial(), make(chan *listener, 1)
	go func() { answered <- ask(t, first, joinMP4) }()
	seats("a request on its way", 1)
	h.play(100)
	<-answered
	seats("its seat", 1)
	h.get("/r/harbour/live.ogg")
	seats("a second tab", 2)
	h.dial() // says nothing
	for _, line := range []string{"HEAD /r/harbour/live.mp4 HTTP/1.1", "GET /r/nowhere/live.mp4 HTTP/1.1", "POST /r/harbour/live.mp4 HTTP/1.1"} {
		ask(t, h.dial(), line)
		seats(line, 2)
	}
	_ = first.Close()
	seats("the first has left", 1)
}
