package web

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
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
	start   time.Time
	packets [][]byte // a loop of sound

	mu     sync.Mutex // guards the following fields
	facts  room.Facts
	events []tape.Event
	refuse func(w http.ResponseWriter) // answers instead of sound, when set
	hole   tape.Number                 // an edge that lost its memory has no frame before this one
	shift  tape.Number                 // added to the clock
	froms  []string                    // the query of each request that got sound
	rough  bool                        // the line carries nothing for some time, again and again
	cut    chan struct{}               // closed to cut all lines
	frozen chan struct{}               // closed to let all lines fall silent
}

func newFakeEdge(t *testing.T, lowDelay bool) *fakeEdge {
	t.Helper()
	packets, err := tonePackets()
	if err != nil {
		t.Fatal(err)
	}
	e := &fakeEdge{
		start:   time.Now().Add(-time.Minute),
		packets: packets,
		facts:   room.Facts{ID: testRoom, Title: "Harbour talk: what the sea remembers", Language: "en", State: room.Live, LowDelay: lowDelay},
		cut:     make(chan struct{}),
		frozen:  make(chan struct{}),
	}
	mux := http.NewServeMux()
	mux.Handle("/r/{room}", ListenPage(func(id room.ID) bool { return id == testRoom }))
	mux.HandleFunc("GET /r/{room}/live.mp4", e.live)
	mux.HandleFunc("GET /r/{room}/live.ogg", e.live) // a browser looks at what comes, not at the name
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

// tonePackets encodes three seconds of a voice-like sound, once for all edges: a tone that swells and pauses.
var tonePackets = sync.OnceValues(func() ([][]byte, error) {
	encoder, err := codec.NewOpusEncoder(codec.ForVariant(tape.Opus48))
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
})

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
	e.mu.Lock()
	refuse, cut, frozen, depth := e.refuse, e.cut, e.frozen, e.facts.Depth()
	next := e.nowLocked() - tape.Number(depth/tape.FrameDuration)
	if from, err := strconv.ParseInt(r.FormValue("from"), 10, 64); err == nil {
		if n := tape.Number(from); n <= e.nowLocked() && n >= e.nowLocked()-kept && n >= e.hole {
			next = n
		}
	}
	next = max(next, e.hole)
	if refuse == nil {
		e.froms = append(e.froms, r.URL.RawQuery)
	}
	e.mu.Unlock()
	if refuse != nil {
		refuse(w)
		return
	}
	w.Header().Set("Content-Type", `audio/mp4; codecs="opus"`)
	w.Header().Set("Epidaurus-Frame", fmt.Sprint(next))
	body := fmp4.Init(codec.OpusPreSkip)
	body = fmp4.AppendEvent(body, seatEvent(next, depth))
	e.stream(r.Context(), w, cut, frozen, body, next)
}

// stream writes fragments from next on until the room ends or the line is cut.
func (e *fakeEdge) stream(gone context.Context, w http.ResponseWriter, cut, frozen chan struct{}, body []byte, next tape.Number) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	first := true
	for {
		now := e.now()
		if e.held(now) {
			now = next
		}
		for first && next < now || next+tape.PageFrames <= now {
			to := min(next+tape.PageFrames-next%tape.PageFrames, now)
			body = fmp4.AppendFragment(body, next, e.between(next, to), e.eventsIn(next, to, first))
			next, first = to, false
		}
		if len(body) > 0 {
			_, err := w.Write(body)
			if err != nil {
				return
			}
			w.(http.Flusher).Flush()
			body = body[:0]
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

func seatEvent(at tape.Number, depth time.Duration) tape.Event {
	data, err := json.Marshal(room.SeatEvent{Kind: room.KindSeat, DepthMS: int(depth.Milliseconds()), CadenceMS: 240})
	if err != nil {
		panic(err)
	}
	return tape.Event{At: at, Kind: room.KindSeat, Data: data}
}
