package web

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

const (
	testRoom = "harbour-talk-k3f9x2"
	// firstFrame stands for a room that has been open for days: sample times that no longer fit into 32 bits.
	firstFrame = 20_000_000
	// kept is how far back an answer may resume.
	kept = 60 * tape.FramesPerSec
)

// fakeEdge is an edge for one room, as far as docs/PROTOCOL.md goes, whose line can be cut and whose door can be shut.
type fakeEdge struct {
	*httptest.Server
	start time.Time

	noClips atomic.Bool // of the tape

	mu      sync.Mutex // guards the following fields
	facts   room.Facts
	events  []tape.Event
	packets [][]byte                    // a loop of sound
	cadence tape.Number                 // frames between two writes
	depth   time.Duration               // of a seat at its join
	said    []said                      // what this edge has to say of itself, in this order
	refuse  func(w http.ResponseWriter) // answers instead of sound, when set
	hole    tape.Number                 // an edge that lost its memory has no frame before this one
	shift   tape.Number                 // added to the clock
	froms   []string                    // the query of each request that got sound
	refused int                         // requests that got none
	sent    tape.Number                 // the frame after the last one that was written to any seat
	rough   bool                        // the line carries nothing for some time, again and again
	cut     chan struct{}               // closed to cut all lines
	frozen  chan struct{}               // closed to let all lines fall silent
}

// said is an event of a seat or of the edge, outside the function of frames.
type said struct {
	kind string
	data []byte
}

// seatSaid is a seat event as docs/PROTOCOL.md has it.
type seatSaid struct {
	Kind      string       `json:"t"`
	DepthMS   int64        `json:"depth_ms"`
	CadenceMS int64        `json:"cadence_ms"`
	Variant   tape.Variant `json:"variant"`
	GrowMS    int64        `json:"grow_ms,omitempty"`
}

func newFakeEdge(t *testing.T, lowDelay bool) *fakeEdge {
	t.Helper()
	facts := room.Facts{ID: testRoom, Title: "Harbour talk: what the sea remembers", Language: "en", State: room.Live, LowDelay: lowDelay}
	return serveFakeEdge(t, time.Now().Add(-time.Minute), facts)
}

// beside is another edge with the same room.
func (e *fakeEdge) beside(t *testing.T) *fakeEdge {
	t.Helper()
	return serveFakeEdge(t, e.start, e.facts)
}

func serveFakeEdge(t *testing.T, start time.Time, facts room.Facts) *fakeEdge {
	t.Helper()
	e := &fakeEdge{
		start:   start,
		packets: tonePackets(t, tape.Opus48),
		facts:   facts,
		cadence: tape.PageFrames,
		depth:   facts.Depth(),
		cut:     make(chan struct{}),
		frozen:  make(chan struct{}),
	}
	mux := http.NewServeMux()
	mux.Handle("/r/{room}", ListenPage(func(id room.ID) (room.Facts, bool) { return facts, id == testRoom }, testImage))
	mux.Handle("/r/{room}/", Elsewhere(func(id room.ID) bool { return id == testRoom }, func(r *http.Request, id room.ID) string { return "http://" + r.Host + "/r/" + string(id) }))
	mux.HandleFunc("GET /r/{room}/live.mp4", e.live)
	mux.HandleFunc("GET /r/{room}/live.ogg", e.live) // a browser looks at what comes, not at the name
	later := Event(EventConfig{Facts: testFacts, Now: time.Now, Picture: testImage, URL: func(*http.Request, room.ID) string { return "" }})
	mux.Handle("GET /r/{room}/moved.js", later)
	mux.Handle("GET /r/{room}/more.js", later)
	mux.HandleFunc("GET /r/{room}/status.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"state":"live","seated":12345,"refused":67,"delay_ms":14000,"since_ms":%d,"late_ms":1300,"now_ms":%[1]d}`, time.Now().UnixMilli())
	})
	mux.HandleFunc("GET /r/{room}/tape/index.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"v":1,"clips":%t}`, !e.noClips.Load())
	})
	e.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		e.cutLines()
		e.Close()
	})
	e.happen(room.KindStage, room.StageEvent{Kind: room.KindStage, People: []room.Person{
		{ID: "p1", Name: "Ada Lovelace", Role: room.Host}, {ID: "p2", Name: "Grace Hopper", Role: room.Speaker},
	}})
	e.happen(room.KindSpeaking, room.SpeakingEvent{Kind: room.KindSpeaking, IDs: []room.PersonID{"p1"}})
	e.happen(room.KindListening, room.ListeningEvent{Kind: room.KindListening, N: 12})
	e.setState(room.Live)
	for i := range e.events {
		e.events[i].At = firstFrame // it has been so for a minute
	}
	return e
}

// tones are made once for all edges.
var tones = map[tape.Variant]func() ([][]byte, error){
	tape.Opus48: sync.OnceValues(func() ([][]byte, error) { return encodeTone(tape.Opus48) }),
	tape.Opus24: sync.OnceValues(func() ([][]byte, error) { return encodeTone(tape.Opus24) }),
}

func tonePackets(t *testing.T, v tape.Variant) [][]byte {
	t.Helper()
	packets, err := tones[v]()
	if err != nil {
		t.Fatal(err)
	}
	return packets
}

// encodeTone encodes three seconds of a voice-like sound: a tone that swells and pauses.
func encodeTone(v tape.Variant) ([][]byte, error) {
	encoder, err := codec.NewOpusEncoder(codec.ForVariant(v))
	if err != nil {
		return nil, err
	}
	packets := make([][]byte, 150)
	pcm := make([]float32, tape.FrameSamples)
	for i := range packets {
		for s := range pcm {
			at := float64(i*tape.FrameSamples+s) / tape.SampleRate
			loud := math.Max(0, math.Sin(2*math.Pi*at/1.5)) * (0.6 + 0.4*math.Sin(2*math.Pi*4*at))
			pcm[s] = float32(0.2 * loud * (math.Sin(2*math.Pi*220*at) + 0.5*math.Sin(2*math.Pi*660*at)))
		}
		packet := make([]byte, codec.MaxPacketBytes)
		n, err := encoder.Encode(pcm, packet)
		if err != nil {
			return nil, err
		}
		packets[i] = packet[:n]
	}
	return packets, nil
}

func (e *fakeEdge) url() string { return e.URL + "/r/" + testRoom }

// now is the number of the frame that is being made.
func (e *fakeEdge) now() tape.Number {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.nowLocked()
}

func (e *fakeEdge) nowLocked() tape.Number {
	return firstFrame + e.shift + tape.Number(time.Since(e.start)/tape.FrameDuration)
}

// happen makes something true from the present frame on, which it returns.
func (e *fakeEdge) happen(kind string, v any) tape.Number {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	at := e.nowLocked()
	e.events = append(e.events, tape.Event{At: at, Kind: kind, Data: data})
	return at
}

func (e *fakeEdge) setState(s room.State) {
	e.mu.Lock()
	e.facts.State = s
	f := e.facts
	e.mu.Unlock()
	e.happen(room.KindRoom, room.RoomEvent{Kind: room.KindRoom, ID: f.ID, Title: f.Title, Language: f.Language, State: s})
}

// say tells something of the edge to those who are seated and to those who come.
func (e *fakeEdge) say(kind string, v any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sayLocked(kind, v)
}

func (e *fakeEdge) sayLocked(kind string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	e.said = append(e.said, said{kind, data})
}

// change gives all seats another cadence and variant, from their next write on.
func (e *fakeEdge) change(t *testing.T, cadence tape.Number, v tape.Variant) {
	packets := tonePackets(t, v)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cadence, e.packets = cadence, packets
	e.sayLocked(room.KindSeat, seatSaid{room.KindSeat, e.depth.Milliseconds(), cadence.Duration().Milliseconds(), v, 0})
}

// grow asks all seats for more depth.
func (e *fakeEdge) grow(depth time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	more := (depth - e.depth).Milliseconds() * 100 / 3
	e.depth = depth
	e.sayLocked(room.KindSeat, seatSaid{room.KindSeat, depth.Milliseconds(), e.cadence.Duration().Milliseconds(), tape.Opus48, more})
}

// door sets what is answered instead of sound; nil opens it.
func (e *fakeEdge) door(refuse func(http.ResponseWriter)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refuse = refuse
}

// cutLines breaks all lines in the middle of a chunk.
func (e *fakeEdge) cutLines() {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.cut)
	e.cut = make(chan struct{})
}

// freezeLines lets all lines fall silent without closing them.
func (e *fakeEdge) freezeLines() {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.frozen)
	e.frozen = make(chan struct{})
}

// requests returns the queries of the answers given so far.
func (e *fakeEdge) requests() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.froms...)
}

// refusals counts the requests that got no sound.
func (e *fakeEdge) refusals() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.refused
}

// die breaks all lines, and makes no new ones until the door is opened.
func (e *fakeEdge) die() {
	e.door(crash)
	e.cutLines()
}

// crash is what a line looks like from the outside when the process dies.
func crash(http.ResponseWriter) { panic(http.ErrAbortHandler) }

func full(after time.Duration) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		problem.Write(w, problem.Problem{Code: problem.Full, Detail: "Every seat is taken.", RetryAfter: after})
	}
}

func writeProblem(w http.ResponseWriter, code string) {
	problem.Write(w, problem.New(problem.Code(code), "This is a test."))
}

func (e *fakeEdge) live(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Expose-Headers", "Epidaurus-Frame")
	e.mu.Lock()
	refuse, cut, frozen, depth := e.refuse, e.cut, e.frozen, e.depth
	next := e.nowLocked() - tape.Number(depth/tape.FrameDuration)
	if from, err := strconv.ParseInt(r.FormValue("from"), 10, 64); err == nil {
		if n := tape.Number(from); n <= e.nowLocked() && n >= e.nowLocked()-kept && n >= e.hole {
			next = n
			if ms, err := strconv.Atoi(r.FormValue("depth")); err == nil {
				depth = time.Duration(ms) * time.Millisecond
			}
		}
	}
	next = max(next, e.hole)
	if refuse == nil {
		e.froms = append(e.froms, r.URL.RawQuery)
	} else {
		e.refused++
	}
	body := e.headLocked(next, depth)
	told := len(e.said)
	e.mu.Unlock()
	if refuse != nil {
		refuse(w)
		return
	}
	w.Header().Set("Content-Type", `audio/mp4; codecs="opus"`)
	w.Header().Set("Epidaurus-Frame", fmt.Sprint(next))
	e.stream(r.Context(), w, cut, frozen, body, next, told)
}

// headLocked is what an answer begins with: the container's head, the seat, and the last of what the edge says of each other kind.
func (e *fakeEdge) headLocked(next tape.Number, depth time.Duration) []byte {
	body := fmp4.Init(codec.OpusPreSkip)
	data, err := json.Marshal(seatSaid{room.KindSeat, depth.Milliseconds(), e.cadence.Duration().Milliseconds(), tape.Opus48, 0})
	if err != nil {
		panic(err)
	}
	last := map[string][]byte{}
	for _, s := range e.said {
		last[s.kind] = s.data
	}
	last[room.KindSeat] = data
	for kind, data := range last {
		body = fmp4.AppendEvent(body, tape.Event{At: next, Kind: kind, Data: data})
	}
	return body
}

// stream writes fragments from next on until the room ends or the line is cut, and between them what the edge says of itself
// after the first told events of it.
func (e *fakeEdge) stream(gone context.Context, w http.ResponseWriter, cut, frozen chan struct{}, body []byte, next tape.Number, told int) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	first := true
	for {
		now := e.now()
		if e.held(now) {
			now = next
		}
		e.mu.Lock()
		for ; told < len(e.said); told++ {
			body = fmp4.AppendEvent(body, tape.Event{At: next, Kind: e.said[told].kind, Data: e.said[told].data})
		}
		cadence := e.cadence
		e.mu.Unlock()
		for begins := first; begins && next < now || next+cadence-next%cadence <= now; first = false {
			to := min(next+cadence-next%cadence, now)
			body = fmp4.AppendFragment(body, next, e.between(next, to), e.eventsIn(next, to, first))
			next = to
		}
		if len(body) > 0 {
			_, err := w.Write(body)
			if err != nil {
				return
			}
			w.(http.Flusher).Flush()
			body = body[:0]
			e.mu.Lock()
			e.sent = max(e.sent, next)
			e.mu.Unlock()
		}
		e.mu.Lock()
		ended := e.facts.State == room.Ended && e.events[len(e.events)-1].At < next
		e.mu.Unlock()
		if ended {
			return
		}
		select {
		case <-cut:
			panic(http.ErrAbortHandler)
		case <-frozen:
			<-gone.Done()
			return
		case <-tick.C:
		}
	}
}

// held reports whether a rough line carries nothing just now: one second of every two.
func (e *fakeEdge) held(now tape.Number) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rough && now%100 < 50
}

func (e *fakeEdge) between(from, to tape.Number) [][]byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	var packets [][]byte
	for n := from; n < to; n++ {
		packets = append(packets, e.packets[int(n)%len(e.packets)])
	}
	return packets
}

// eventsIn lists what becomes true in [from, to), and at an answer's beginning the last of each kind.
func (e *fakeEdge) eventsIn(from, to tape.Number, first bool) []tape.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	var events []tape.Event
	last := map[string]tape.Event{}
	for _, ev := range e.events {
		if ev.At < from || first && ev.At < e.nowLocked()-kept {
			last[ev.Kind] = ev
		} else if ev.At < to {
			events = append(events, ev)
		}
	}
	if !first {
		return events
	}
	var head []tape.Event
	for _, ev := range last {
		ev.At = from
		head = append(head, ev)
	}
	return append(head, events...)
}

// list signs lists of edges as a cluster does.
type list struct{ key ed25519.PrivateKey }

func newList(t *testing.T) list {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return list{key}
}

// of is the event with a list of these origins.
func (l list) of(made time.Time, edges ...string) map[string]any {
	signed, err := json.Marshal(map[string]any{"v": 1, "edges": edges, "made": made.Unix(), "expires": made.Add(time.Hour).Unix()})
	if err != nil {
		panic(err)
	}
	text := base64.RawURLEncoding.EncodeToString
	return map[string]any{
		"t": "edges", "edges": edges, "signed": text(signed), "sig": text(ed25519.Sign(l.key, signed)),
		"key": text(l.key.Public().(ed25519.PublicKey)),
	}
}
