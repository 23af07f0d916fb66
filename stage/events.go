package stage

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/beacon"
	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// event is one server-sent event.
type event struct {
	name string
	data []byte // one line of JSON
}

// stream is one page's event stream. What it has not written yet is kept once: the latest state and the latest levels, so
// that a slow reader is never more than one step behind and costs no memory.
type stream struct {
	// immutable
	person room.PersonID
	opened time.Time
	wake   chan struct{} // holds one token

	handsTold int // guarded by the scene's mu: the version of the queue that was posted last
	cuesTold  int // guarded by the scene's mu: likewise of the cues
	chatTold  int // guarded by the scene's mu: the chat's last line that was posted; -1: none was

	mu       sync.Mutex
	state    []byte     // guarded by mu; nil when written
	levels   []byte     // guarded by mu; nil when written
	air      []byte     // guarded by mu; nil when written
	hands    []byte     // guarded by mu; nil when written
	cues     []byte     // guarded by mu; nil when written
	chat     *chatEvent // guarded by mu; lines that are not written yet, nil when there are none
	last     *event     // guarded by mu; ends the stream
	finished bool       // guarded by mu
}

func (st *stream) post(state, levels []byte) {
	st.mu.Lock()
	if state != nil {
		st.state = state
	}
	if levels != nil {
		st.levels = levels
	}
	st.mu.Unlock()
	st.poke()
}

func (st *stream) postAir(air []byte) {
	st.mu.Lock()
	st.air = air
	st.mu.Unlock()
	st.poke()
}

func (st *stream) postHands(hands []byte) {
	st.mu.Lock()
	st.hands = hands
	st.mu.Unlock()
	st.poke()
}

func (st *stream) postCues(cues []byte) {
	st.mu.Lock()
	st.cues = cues
	st.mu.Unlock()
	st.poke()
}

// finish ends the stream, with a last event or without.
func (st *stream) finish(last *event) {
	st.mu.Lock()
	if !st.finished {
		st.finished, st.last = true, last
	}
	st.mu.Unlock()
	st.poke()
}

func (st *stream) poke() {
	select {
	case st.wake <- struct{}{}:
	default:
	}
}

// take returns what is to be written, in order, and whether the stream ends after it.
func (st *stream) take() (events []event, finished bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.finished {
		if st.last != nil {
			events = append(events, *st.last)
		}
		return events, true
	}
	if st.state != nil {
		events = append(events, event{"state", st.state})
	}
	if st.levels != nil {
		events = append(events, event{"levels", st.levels})
	}
	if st.air != nil {
		events = append(events, event{"air", st.air})
	}
	if st.hands != nil {
		events = append(events, event{"hands", st.hands})
	}
	if st.cues != nil {
		events = append(events, event{"cues", st.cues})
	}
	if st.chat != nil {
		events = append(events, event{"chat", st.chat.json()})
	}
	st.state, st.levels, st.air, st.hands, st.cues, st.chat = nil, nil, nil, nil, nil, nil
	return events, false
}

// serve writes events until the stream or its reader ends. A reader that takes nothing ends it too: each write has a deadline.
func (st *stream) serve(w http.ResponseWriter, r *http.Request, cfg *Config) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // a server's timeout for requests must not end a stream
	heartbeat := time.NewTicker(cfg.Heartbeat)
	defer heartbeat.Stop()
	for {
		var buf []byte
		finished := false
		select {
		case <-r.Context().Done():
			return
		case <-heartbeat.C:
			buf = []byte(":\n\n")
		case <-st.wake:
			var events []event
			events, finished = st.take()
			for _, e := range events {
				buf = appendEvent(buf, e)
			}
		}
		if len(buf) > 0 {
			err := control.SetWriteDeadline(time.Now().Add(cfg.WriteTimeout))
			if err != nil {
				cfg.Log.Debug("event stream without write deadline", "err", err)
			}
			_, err = w.Write(buf)
			if err == nil {
				err = control.Flush()
			}
			if err != nil {
				return
			}
		}
		if finished {
			return
		}
	}
}

func appendEvent(dst []byte, e event) []byte {
	dst = append(dst, "event: "...)
	dst = append(dst, e.name...)
	dst = append(dst, "\ndata: "...)
	dst = append(dst, e.data...)
	return append(dst, "\n\n"...)
}

// watch opens a stream for a person. The oldest of too many of the same person gives way: it is most likely a page that is no
// more. The caller ends it by unwatch.
func (sc *scene) watch(g room.Grant) (*stream, error) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	switch {
	case sc.ended:
		return nil, errRoomEnded
	case sc.closed:
		return nil, errShuttingDown
	case sc.removed[g.Person]:
		return nil, errRemoved
	}
	sc.profileLocked(g)
	own, oldest := 0, -1
	for i, st := range sc.streams {
		if st.person == g.Person {
			own++
			if oldest < 0 {
				oldest = i
			}
		}
	}
	switch {
	case own >= maxOwnStreams:
		sc.streams[oldest].finish(nil)
		sc.streams = slices.Delete(sc.streams, oldest, oldest+1)
	case len(sc.streams) >= maxStreams:
		return nil, problem.Problem{
			Code: problem.TooMany, RetryAfter: 10 * time.Second,
			Detail: "Too many pages watch this stage. Close some, then try again.",
		}
	}
	st := &stream{person: g.Person, opened: time.Now(), wake: make(chan struct{}, 1), air: sc.airTold, handsTold: -1, cuesTold: -1, chatTold: -1}
	sc.streams = append(sc.streams, st)
	sc.reachLocked(g.Person)
	sc.wg.Add(1)
	sc.changed()
	return st, nil
}

func (sc *scene) unwatch(st *stream) {
	sc.mu.Lock()
	sc.streams = slices.DeleteFunc(sc.streams, func(o *stream) bool { return o == st })
	if !sc.watchesLocked(st.person) {
		sc.hushLocked(st.person) // whoever closed the page cannot let go of the button any more
	}
	sc.changed() // who was seen backstage by it is gone
	sc.mu.Unlock()
	sc.wg.Done()
}

// The state event's parts; docs/PROTOCOL.md has the words.
type (
	stateEvent struct {
		You       youState      `json:"you"`
		Room      roomState     `json:"room"`
		People    []personState `json:"people"`
		Backstage []offStage    `json:"backstage"`
		Slots     slots         `json:"slots"`
		Listening int           `json:"listening"`

		Behind *beacon.Estimate `json:"behind_caches,omitempty"`

		Frame tape.Number `json:"frame"`

		Consents map[room.PersonID]room.ConsentState `json:"consents,omitempty"` // to those who lead
		Checks   map[room.PersonID]room.Verdict      `json:"checks,omitempty"`   // to those who lead

		Ear  *speaker   `json:"ear,omitempty"`  // who speaks to you alone
		Talk *talkState `json:"talk,omitempty"` // to whom you speak so
	}
	youState struct {
		ID   room.PersonID `json:"id"`
		Name string        `json:"name"`
		Role room.Role     `json:"role"`

		SentBack bool `json:"sent_back,omitempty"`

		Consent room.ConsentState `json:"consent,omitempty"`
	}
	offStage struct {
		ID       room.PersonID `json:"id"`
		Name     string        `json:"name"`
		Role     room.Role     `json:"role"`
		SentBack bool          `json:"sent_back,omitempty"`

		Here bool `json:"here,omitempty"` // connected backstage: hears, and may be heard there
		Open bool `json:"open,omitempty"` // those backstage hear them
		Away bool `json:"away,omitempty"`
		Ear  bool `json:"ear,omitempty"`
	}
	roomState struct {
		ID        room.ID    `json:"id"`
		Title     string     `json:"title"`
		Language  string     `json:"lang"`
		State     room.State `json:"state"`
		LowDelay  bool       `json:"low_delay"`
		ListenURL string     `json:"listen_url"`
		Tape      string     `json:"tape,omitempty"`
		Unwritten bool       `json:"unwritten,omitempty"`
		Life      room.Life  `json:"life,omitzero"`

		ConsentText int        `json:"consent_text,omitempty"`
		Lead        *leadState `json:"lead,omitempty"`
	}
	personState struct {
		room.Person
		MutedBy room.PersonID `json:"muted_by,omitempty"` // somebody else

		Heard bool `json:"heard"`
		Away  bool `json:"away"`
		Ear   bool `json:"ear,omitempty"` // can be spoken to alone

		Encoder *encoderState `json:"encoder,omitempty"` // of who sends by a radio encoder
	}
)

// tellStreamsLocked gives each stream the whole state as its person may see it.
func (sc *scene) tellStreamsLocked() {
	if len(sc.streams) == 0 {
		return
	}
	facts, _ := sc.cfg.Rooms.Facts(sc.id)
	life := facts.Life
	life.Access.Key, life.Access.Revoked = nil, nil // nobody on stage needs them, and the second may be long
	now := time.Now()
	state := stateEvent{
		Room: roomState{
			ID: sc.id, Title: facts.Title, Language: facts.Language, State: facts.State, LowDelay: facts.LowDelay,
			ListenURL: sc.cfg.ListenURL(sc.id), Tape: sc.cfg.Tape(sc.id), Unwritten: sc.cfg.Unwritten(sc.id), Life: life,
		},
		People:    make([]personState, len(sc.people)),
		Backstage: sc.backstageLocked(now),
		Listening: sc.listening, Behind: sc.behind,
		Frame: sc.cfg.Frame(sc.id),
	}
	state.Room.Lead = sc.leadLocked(now)
	if facts.Tape == room.TapeOn {
		state.Room.ConsentText = facts.ConsentText()
	}
	consents, checks := sc.consentsLocked(facts), sc.checksLocked()
	for i, p := range sc.personsLocked() {
		m := sc.people[i]
		state.People[i] = personState{Person: p, MutedBy: m.profile.mutedBy, Heard: m.heard, Away: m.isAway(now), Ear: m.hasEar(), Encoder: m.encoderLocked()}
	}
	for _, st := range sc.streams {
		p := sc.profiles[st.person]
		state.You = youState{ID: st.person, Name: p.name, Role: p.role, SentBack: p.sentBack, Consent: facts.Consent(st.person, p.role)}
		state.Consents, state.Checks = nil, nil
		if room.May(p.role, room.ActSeeConsents, facts.State) == nil {
			state.Consents, state.Checks = consents, checks
		}
		state.Slots, state.Ear, state.Talk = sc.hearingLocked(st.person), sc.whoSpeaksToLocked(st.person), sc.talkStateLocked(st.person)
		data, err := json.Marshal(state)
		if err != nil {
			panic(err) // strings, numbers and flags always marshal
		}
		st.post(data, nil)
	}
	sc.tellHandsLocked(facts)
	sc.tellCuesLocked(facts, now)
	sc.tellChatLocked(facts)
}

// setLevels sends the meters, and the state where somebody began or ceased to be heard.
func (sc *scene) setLevels(levels []Level) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.watchLinesLocked(time.Now())
	meters := make(map[room.PersonID]float64, len(levels))
	for _, l := range levels {
		m := sc.memberLocked(l.ID)
		if m == nil {
			continue
		}
		meters[l.ID] = math.Round(max(l.DB, -60)*10) / 10
		if heard := l.Heard && m.session != nil; heard != m.heard {
			m.heard = heard
			sc.changed()
		}
	}
	if len(sc.streams) == 0 {
		return
	}
	data, err := json.Marshal(meters)
	if err != nil {
		sc.log.Warn("levels are no numbers", "err", err)
		return
	}
	for _, st := range sc.streams {
		st.post(nil, data)
	}
}

func (sc *scene) setListening(n int, behind *beacon.Estimate) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	same := sc.behind == behind || sc.behind != nil && behind != nil && *sc.behind == *behind
	if sc.listening != n || !same {
		sc.listening, sc.behind = n, behind
		sc.changed()
	}
}
