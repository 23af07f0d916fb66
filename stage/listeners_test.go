package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/stage/internal/cutnet"
	"github.com/epidaurus-live/epidaurus/stage/whep"
	"github.com/epidaurus-live/epidaurus/tape"
)

// audience is Listeners behind a server, with what they depend on in the test's hand.
type audience struct {
	*Listeners
	t     *testing.T
	url   string // of the room
	rooms *fakeRooms
	most  atomic.Int64 // of the room
	drain atomic.Bool
	seats atomic.Int64 // taken
	sat   atomic.Int64
	token string // without it nobody is let in

	mu   sync.Mutex
	feed tape.Receiver // guarded by mu; nil: nobody has subscribed
	said []tape.Event  // guarded by mu
}

func newAudience(t *testing.T, change ...func(*ListenersConfig)) *audience {
	t.Helper()
	media, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &audience{t: t, rooms: &fakeRooms{facts: map[room.ID]room.Facts{testRoom: {ID: testRoom, State: room.Live}}}}
	a.most.Store(10)
	cfg := ListenersConfig{
		Media: media, Feed: a, Facts: a.rooms.Facts, Most: 20, MostOf: func(room.ID) int { return int(a.most.Load()) },
		Seat: a.seat, Refuse: func(w http.ResponseWriter, _ *http.Request, err error) {
			var p problem.Problem
			if !errors.As(err, &p) {
				t.Errorf("%v is no problem", err)
			}
			problem.Write(w, p)
		},
		Said:     func(room.ID) []tape.Event { a.mu.Lock(); defer a.mu.Unlock(); return a.said },
		Notices:  func() (uint16, []tape.Event) { return 1, []tape.Event{{Kind: "edges", Data: []byte(`{"t":"edges"}`)}} },
		Draining: a.drain.Load, Random: func() float64 { return 0.5 },
	}
	for _, c := range change {
		c(&cfg)
	}
	a.Listeners, err = NewListeners(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(a.Handler())
	a.url = server.URL + "/r/" + string(testRoom)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		server.CloseClientConnections()
		server.Close()
		err := a.Close(ctx)
		if err != nil {
			t.Error(err)
		}
		if n := a.seats.Load(); n != 0 {
			t.Errorf("%d seats were not given back", n)
		}
	})
	return a
}

// Subscribe implements Feed.
func (a *audience) Subscribe(_ room.ID, _ tape.Channel, to tape.Receiver) (func(), error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.feed = to
	to.Takeover(tape.Takeover{Term: 1})
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.feed = nil
	}, nil
}

// play sends frames from n on as a maker does, until the test says stop.
func (a *audience) play(n tape.Number) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(tape.FrameDuration)
		defer tick.Stop()
		for ; ; n++ {
			a.frame(n)
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

func payload(n tape.Number) []byte { return fmt.Appendf(nil, "frame %d", n) }

func (a *audience) frame(n tape.Number) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.feed != nil {
		for _, v := range tape.Variants {
			a.feed.Frame(v, tape.Frame{N: n, Term: 1, Packet: append(payload(n), v[len("opus-"):]...)})
		}
	}
}

func (a *audience) event(e tape.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.feed != nil {
		a.feed.Event(e)
	}
}

type fakeSeat struct {
	of   *audience
	once sync.Once
	sat  sync.Once
}

func (s *fakeSeat) Sit()   { s.sat.Do(func() { s.of.sat.Add(1) }) }
func (s *fakeSeat) Leave() { s.once.Do(func() { s.of.seats.Add(-1) }) }

func (a *audience) seat(r *http.Request) (Seat, error) {
	if a.token != "" && r.Header.Get("Authorization") != "Bearer "+a.token {
		return nil, problem.New(problem.InvitationNeeded, "By invitation.")
	}
	a.seats.Add(1)
	return &fakeSeat{of: a}, nil
}

// listen takes a seat. What it hears is checked against what the number of its packets says.
func (a *audience) listen(cfg whep.Config) *whep.Listener {
	a.t.Helper()
	if cfg.OnPacket == nil {
		cfg.OnPacket = a.check
	}
	l, err := whep.Listen(a.t.Context(), a.url+"/whep", cfg)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = l.Close() })
	return l
}

func (a *audience) check(p *rtp.Packet) {
	n := tape.Number(p.Timestamp / tape.FrameSamples)
	if want := append(payload(n), "48"...); !bytes.Equal(p.Payload, want) || p.SequenceNumber != uint16(n) || p.Timestamp%tape.FrameSamples != 0 {
		a.t.Errorf("packet %d at %d is %q, want %q", p.SequenceNumber, p.Timestamp, p.Payload, want)
	}
}

func within(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("not within %v: %s", patience, what)
	}
}

// refusal tries to listen, and returns why that was refused.
func (a *audience) refusal() whep.Refused {
	a.t.Helper()
	l, err := whep.Listen(a.t.Context(), a.url+"/whep", whep.Config{})
	var refused whep.Refused
	if !errors.As(err, &refused) {
		if l != nil {
			_ = l.Close()
		}
		a.t.Fatalf("it was let in: %v", err)
	}
	return refused
}

// Listeners hear the frames as they are, each with its number, and what is said of the room; who leaves gives his seat back at once.
func TestListenersHear(t *testing.T) {
	t.Parallel()
	a := newAudience(t)
	a.said = []tape.Event{{At: 70_000, Kind: "stage", Data: []byte(`{"t":"stage"}`)}}
	defer a.play(70_000)()
	heard := make(chan string, 16)
	first := a.listen(whep.Config{OnEvent: func(e []byte) { heard <- string(e) }})
	others := []*whep.Listener{a.listen(whep.Config{}), a.listen(whep.Config{})}
	for _, l := range append(others, first) {
		within(t, "sound comes", l.Connected())
	}
	for _, want := range []string{`{"at":70000,"e":{"t":"stage"}}`, `{"at":0,"e":{"t":"edges"}}`} {
		if got := <-heard; got != want {
			t.Errorf("told %s, want %s", got, want)
		}
	}
	a.event(tape.Event{At: 70_500, Term: 1, Kind: "speaking", Data: []byte(`{"t":"speaking","ids":[]}`)})
	for got := range heard {
		if got == `{"at":70500,"e":{"t":"speaking","ids":[]}}` {
			break
		}
	}
	eventually(t, "all sit", func() bool { return a.sat.Load() == 3 })
	before, _ := first.Received()
	eventually(t, "sound goes on", func() bool { n, _ := first.Received(); return n > before+50 })
	err := others[0].Leave(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := a.seats.Load(); n != 2 {
		t.Errorf("%d seats are taken after one of three left", n)
	}
	if s := a.Stats(); s.Listeners != 2 || s.Pending != 0 || s.Joined != 3 || s.Packets == 0 || s.Bytes <= 12*s.Packets {
		t.Errorf("%+v", s)
	}
	_ = others[1].Close() // its connection says so, and no request does
	eventually(t, "who closed his connection is gone", func() bool { return a.seats.Load() == 1 })
	_ = first.Close()
	eventually(t, "nobody hears the room", func() bool { a.mu.Lock(); defer a.mu.Unlock(); return a.feed == nil })
}

// More than the room's host allows, or the node, are refused with a time; who has no seat is refused as everywhere.
func TestListenersAreBounded(t *testing.T) {
	a := newAudience(t, func(c *ListenersConfig) { c.Most = 3 })
	a.most.Store(2)
	defer a.play(0)()
	l := a.listen(whep.Config{})
	a.listen(whep.Config{})
	full := a.refusal()
	if full.Status != http.StatusServiceUnavailable || problemOf(t, full.Body) != problem.Full || full.RetryAfter != 15*time.Second {
		t.Errorf("the third: %+v", full)
	}
	err := l.Leave(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a.listen(whep.Config{})
	a.most.Store(10)
	a.listen(whep.Config{})
	if full := a.refusal(); problemOf(t, full.Body) != problem.Full {
		t.Errorf("one more than the node has: %+v", full)
	}
	a.most.Store(0)
	if none := a.refusal(); none.Status != http.StatusNotFound || problemOf(t, none.Body) != problem.NotOffered {
		t.Errorf("a room without: %+v", none)
	}
	a.token = "s1.x"
	if none := a.refusal(); none.Status != http.StatusUnauthorized {
		t.Errorf("without a token: %+v", none)
	}
	if s := a.Stats(); s.Listeners != 3 || a.seats.Load() != 3 {
		t.Errorf("%+v, %d seats", s, a.seats.Load())
	}
}

// An offer whose maker never connects holds its seat for Pending, and there are so many of them at most.
func TestPendingListenersAreFreed(t *testing.T) {
	t.Parallel()
	a := newAudience(t, func(c *ListenersConfig) {
		c.Most, c.Pending = 1000, 2*time.Second
		c.Origin = func(*http.Request) string { return "192.0.2.1" }
	})
	a.most.Store(1000)
	codes := map[int]int{}
	for range maxPendingOfOrigin + 1 {
		resp, body := a.post(sdpHead + audio("0", "recvonly"))
		codes[resp.StatusCode]++
		if resp.StatusCode == http.StatusTooManyRequests && (problemOf(t, body) != problem.TooMany || resp.Header.Get("Retry-After") == "") {
			t.Errorf("%s", body)
		}
	}
	if codes[http.StatusCreated] == 0 || codes[http.StatusTooManyRequests] == 0 && a.Stats().Pending == maxPendingOfOrigin+1 {
		t.Errorf("answers: %v", codes)
	}
	eventually(t, "all are freed", func() bool { return a.seats.Load() == 0 && a.Stats() == ListenersStats{Most: 1000} })
	if a.sat.Load() != 0 {
		t.Error("who never heard anything counts as a listener")
	}
}

// post sends an offer as it is.
func (a *audience) post(offer string) (*http.Response, []byte) {
	a.t.Helper()
	return a.do(http.MethodPost, a.url+"/whep", map[string]string{"Content-Type": typeSDP}, offer)
}

func (a *audience) do(method, url string, header map[string]string, body string) (*http.Response, []byte) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return resp, answer
}

// A listener whose network is cut is let go after Lost.
func TestLostListenersAreFreed(t *testing.T) {
	t.Parallel()
	a := newAudience(t, func(c *ListenersConfig) { c.Lost = 6 * time.Second })
	defer a.play(0)()
	var network cutnet.Net
	mux := network.Mux(t)
	l := a.listen(whep.Config{Settings: func(s *webrtc.SettingEngine) { s.SetICEUDPMux(mux) }})
	within(t, "sound comes", l.Connected())
	network.Cut(true)
	eventually(t, "who cannot be reached is let go", func() bool { return a.seats.Load() == 0 })
}

// At the end of a room its listeners hear the last frame, are told, and are let go; and those of a node that is emptied.
func TestListenersGoWithTheRoom(t *testing.T) {
	t.Parallel()
	t.Run("by its last word", func(t *testing.T) {
		a := newAudience(t)
		stop := a.play(0)
		greeted, told := make(chan struct{}), make(chan struct{})
		greet := sync.OnceFunc(func() { close(greeted) })
		var last atomic.Int64
		l := a.listen(whep.Config{
			OnEvent:  func(e []byte) { greet(); ended(e, told) },
			OnPacket: func(p *rtp.Packet) { last.Store(int64(p.Timestamp / tape.FrameSamples)) },
		})
		within(t, "sound comes", l.Connected())
		within(t, "it is told what there is", greeted) // from here on it misses no event
		stop()
		a.event(tape.Event{At: 100_000, Term: 1, Kind: room.KindRoom, Data: []byte(`{"t":"room","state":"ended"}`)})
		within(t, "it is told", told)
		a.rooms.mu.Lock()
		a.rooms.facts[testRoom] = room.Facts{ID: testRoom, State: room.Ended}
		a.rooms.mu.Unlock()
		a.frame(99_999)
		within(t, "it is let go", l.Ended())
		if last.Load() != 99_999 {
			t.Errorf("the last frame it heard is %d", last.Load())
		}
	})
	t.Run("whose end nobody told", func(t *testing.T) {
		a := newAudience(t)
		defer a.play(0)()
		l := a.listen(whep.Config{})
		within(t, "sound comes", l.Connected())
		a.rooms.mu.Lock()
		delete(a.rooms.facts, testRoom)
		a.rooms.mu.Unlock()
		within(t, "it is let go", l.Ended())
	})
	t.Run("drained", func(t *testing.T) {
		a := newAudience(t)
		defer a.play(0)()
		ls := []*whep.Listener{a.listen(whep.Config{}), a.listen(whep.Config{})}
		a.drain.Store(true)
		for _, l := range ls {
			within(t, "it is let go", l.Ended())
		}
	})
}

// ended closes told where an event, as a data channel carries it, is that the room ended.
func ended(e []byte, told chan struct{}) {
	if strings.Contains(string(e), `"ended"`) {
		close(told)
	}
}

// Who opens data channels of his own is let go: each would cost the server memory.
func TestListenerWithChannels(t *testing.T) {
	a := newAudience(t)
	defer a.play(0)()
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pc.GracefulClose() }()
	_, err = pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"takes the number of the events", "mine"} {
		_, err = pc.CreateDataChannel(name, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	err = pc.SetLocalDescription(offer)
	if err != nil {
		t.Fatal(err)
	}
	resp, body := a.post(offer.SDP)
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	err = pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(body)})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it came", func() bool { return a.sat.Load() == 1 })
	eventually(t, "it is let go", func() bool { return a.seats.Load() == 0 })
}

// A session's address takes candidates, restarts and its end, and nothing else; what is no offer is refused with a reason.
func TestWHEPRequests(t *testing.T) {
	a := newAudience(t)
	defer a.play(0)()
	l := a.listen(whep.Config{})
	sdpType, fragmentType := map[string]string{"Content-Type": typeSDP}, map[string]string{"Content-Type": typeFragment, "If-Match": l.ETag}
	tests := []struct {
		name, method, url string
		header            map[string]string
		body              string
		status            int
		code              problem.Code
	}{
		{"nonsense", "POST", a.url + "/whep", sdpType, "hello", 400, problem.BadOffer},
		{"a voice", "POST", a.url + "/whep", sdpType, sdpHead + audio("0", "sendonly"), 400, problem.BadOffer},
		{"too much", "POST", a.url + "/whep", sdpType, strings.Repeat("a=x\r\n", maxListenOffer), 413, problem.TooLarge},
		{"no SDP", "POST", a.url + "/whep", map[string]string{"Content-Type": "text/plain"}, "v=0", 415, problem.WrongType},
		{"reading", "GET", a.url + "/whep", nil, "", 405, problem.MethodNotAllowed},
		{"a session that there is not", "DELETE", a.url + "/whep/x", nil, "", 404, problem.SessionUnknown},
		{"of another room", "DELETE", strings.Replace(l.Session, string(testRoom), "other-room", 1), nil, "", 404, problem.SessionUnknown},
		{"candidates", "PATCH", l.Session, fragmentType, "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n", 200, ""},
		{"candidates of before", "PATCH", l.Session, fragmentType, "a=end-of-candidates\r\n", 412, problem.VersionStale},
		{"no fragment", "PATCH", l.Session, fragmentType, "hello", 400, problem.BadFragment},
		{"offering again", "POST", l.Session, sdpType, sdpHead, 405, problem.MethodNotAllowed},
		{"asking what may be", "OPTIONS", a.url + "/whep", nil, "", 204, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp, body := a.do(tt.method, tt.url, tt.header, tt.body)
			if resp.StatusCode != tt.status || tt.code != "" && problemOf(t, body) != tt.code {
				t.Errorf("%d %s, want %d %s", resp.StatusCode, body, tt.status, tt.code)
			}
			if resp.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Error("a page of another origin may not read it")
			}
		})
	}
}

func TestParseListenOffer(t *testing.T) {
	const data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=sctp-port:5000\r\na=max-message-size:262144\r\na=mid:d\r\n"
	tests := []struct {
		name, offer string
		used        int
		data        bool
		err         string
	}{
		{"the sound", sdpHead + audio("0", "recvonly"), 1, false, ""},
		{"and events", sdpHead + audio("0", "recvonly") + data, 2, true, ""},
		{"events first", sdpHead + data + audio("0", "recvonly"), 2, true, ""},
		{"an old player says sendrecv", sdpHead + audio("0", "sendrecv"), 1, false, ""},
		{"video beside it", sdpHead + strings.ReplaceAll(sdpVideo, "sendonly", "recvonly") + "a=mid:1\r\n" + audio("0", "recvonly"), 1, false, ""},
		{"two sounds", sdpHead + audio("0", "recvonly") + audio("1", "recvonly"), 1, false, ""},
		{"data that is none", sdpHead + audio("0", "recvonly") + strings.Replace(data, "webrtc-datachannel", "x", 1), 1, false, ""},
		{"a voice", sdpHead + audio("0", "sendonly"), 0, false, "no audio section that receives"},
		{"events alone", sdpHead + data, 0, false, "no audio section that receives"},
		{"no Opus", sdpHead + strings.ReplaceAll(audio("0", "recvonly"), "opus", "PCMU"), 0, false, "Opus"},
		{"the same name twice", sdpHead + audio("0", "recvonly") + audio("0", "recvonly"), 0, false, "a=mid"},
		{"very many", sdpHead + strings.Repeat(audio("0", "recvonly"), maxListenSections+1), 0, false, "too many"},
		{"nonsense", "hello", 0, false, "no"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, err := parseListenOffer([]byte(tt.offer))
			if tt.err != "" {
				if err == nil || !errors.As(err, new(clientError)) || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%v, want something of %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if n := len(o.session.MediaDescriptions); n != tt.used || o.data != tt.data {
				t.Errorf("%d sections, events %t", n, o.data)
			}
		})
	}
}

// Whatever passes for an offer to listen gets an answer or a sentence, with all its sections, and leaves no panic and no connection.
func FuzzListenOffer(f *testing.F) {
	f.Add(sdpHead + audio("0", "recvonly"))
	f.Add(sdpHead + audio("0", "sendrecv") + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=sctp-port:5000\r\na=mid:d\r\n")
	f.Add(sdpHead + sdpVideo + "a=mid:1\r\n" + audio("0", "recvonly"))
	for _, s := range offerSeeds {
		f.Add(s)
	}
	media, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	l, err := NewListeners(ListenersConfig{
		Media: media, Most: 1, Feed: &audience{}, Facts: (&fakeRooms{}).Facts, MostOf: func(room.ID) int { return 1 },
		Seat: (&audience{}).seat, Refuse: func(http.ResponseWriter, *http.Request, error) {},
		Said: func(room.ID) []tape.Event { return nil }, Notices: func() (uint16, []tape.Event) { return 0, nil },
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		err := l.Close(context.Background())
		if err != nil {
			f.Error(err)
		}
	})
	r := httptest.NewRequest(http.MethodPost, "/r/x/whep", nil)
	f.Fuzz(func(t *testing.T, text string) {
		o, err := parseListenOffer([]byte(text))
		if err == nil {
			var e *ear
			var answer string
			e, answer, err = newEar(t.Context(), l, newFanout(l, "x"), "", r, o)
			if err == nil {
				if got := strings.Count(answer, "\r\nm="); got != len(o.all) {
					t.Errorf("%d sections answer %d", got, len(o.all))
				}
				e.close()
			}
		}
		if err != nil && !errors.As(err, new(clientError)) && !errors.Is(err, context.Canceled) {
			t.Fatalf("an offer made the server fail: %v", err)
		}
	})
}
