package channel

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

const (
	listeningEvery = 2 * tape.FramesPerSec // frames pass at least between two counts of seats
	repeatEvery    = 2 * tape.FramesPerSec // events are said again for nodes that came late
)

// events turns what is so into events for the frames at which it became so.
type events struct {
	mu        sync.Mutex
	facts     room.Facts      // guarded by mu
	people    []room.Person   // guarded by mu
	listening int             // guarded by mu
	dirty     bool            // guarded by mu; facts, people or speaking changed
	speaking  []room.PersonID // owned by the tick
	said      []tape.Event    // owned by the tick; the last event of each kind
	repeated  tape.Number     // owned by the tick; when all was said again
	counted   int             // owned by the tick; the count said last, -1 before the first
	countedAt tape.Number     // owned by the tick
}

func newEvents(f room.Facts) *events { return &events{facts: f} }

func (s *events) setFacts(f room.Facts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.facts, s.dirty = f, true
}

func (s *events) setPeople(people []room.Person) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people, s.dirty = slices.Clone(people), true
}

func (s *events) setListening(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listening = n
}

// setSpeaking is called by the tick.
func (s *events) setSpeaking(levels []Level) {
	i := 0
	same := true
	for _, l := range levels {
		if !l.Speaking {
			continue
		}
		same = same && i < len(s.speaking) && s.speaking[i] == l.ID
		i++
	}
	if same && i == len(s.speaking) {
		return
	}
	s.speaking = nil
	for _, l := range levels {
		if l.Speaking {
			s.speaking = append(s.speaking, l.ID)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dirty = true
}

// restart forgets what was said: a new term says everything again. The seats are counted by then: edges may just have come, too.
func (s *events) restart(n tape.Number) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said, s.dirty = nil, true
	s.repeated, s.counted, s.countedAt = n, -1, n
}

// stage is who is on stage, and the room. The slice is replaced, never changed.
func (s *events) stage() (people []room.Person, f room.Facts) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.people, s.facts
}

// at returns the events that begin with frame n, and every repeatEvery frames also those that hold since earlier. It is called by the tick.
func (s *events) at(n tape.Number, term tape.Term) []tape.Event {
	s.mu.Lock()
	facts, people, listening, dirty := s.facts, s.people, s.listening, s.dirty
	s.dirty = false
	s.mu.Unlock()
	var news []tape.Event
	if n-s.repeated >= repeatEvery {
		s.repeated = n
		news = slices.Clone(s.said)
	}
	say := func(kind string, v any) {
		if e, changed := s.changed(n, term, kind, v); changed {
			news = append(news, e)
		}
	}
	if dirty {
		say(room.KindRoom, room.RoomEvent{
			Kind: room.KindRoom, ID: facts.ID, Title: facts.Title, Language: facts.Language, State: facts.State, Tape: facts.Tape == room.TapeOn,
		})
		say(room.KindStage, room.StageEvent{Kind: room.KindStage, People: append([]room.Person{}, people...)})
		say(room.KindSpeaking, room.SpeakingEvent{Kind: room.KindSpeaking, IDs: append([]room.PersonID{}, s.speaking...)})
	}
	if listening != s.counted && n-s.countedAt >= listeningEvery {
		s.counted, s.countedAt = listening, n
		say(room.KindListening, room.ListeningEvent{Kind: room.KindListening, N: listening})
	}
	return news
}

func (s *events) changed(n tape.Number, term tape.Term, kind string, v any) (tape.Event, bool) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // structs of strings, numbers and booleans always marshal
	}
	e := tape.Event{At: n, Term: term, Kind: kind, Data: data}
	i := slices.IndexFunc(s.said, func(o tape.Event) bool { return o.Kind == kind })
	switch {
	case i < 0:
		s.said = append(s.said, e)
	case bytes.Equal(s.said[i].Data, data):
		return tape.Event{}, false
	case s.said[i].At == n:
		// A frame has one event of a kind: what has changed since is said with the next one.
		s.mu.Lock()
		defer s.mu.Unlock()
		s.dirty = true
		return tape.Event{}, false
	default:
		s.said[i] = e
	}
	return e, true
}
