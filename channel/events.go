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

// moment is how it is on stage at a moment of its sound. It is told with that sound, after the delay, and with what is dumped it is not
// told at all.
type moment struct {
	at       int64           // as Air counts
	facts    room.Facts      // immutable, as all that follows
	people   []room.Person   // on stage
	speaking []room.PersonID // those who speak
	heard    bool            // a voice that is not muted
	cart     bool            // a cart plays
}

// events turns what is so into events for the frames at which it became so to the listeners' ears.
type events struct {
	mu        sync.Mutex
	facts     room.Facts    // guarded by mu
	people    []room.Person // guarded by mu
	listening int           // guarded by mu
	dirty     bool          // guarded by mu; facts or people changed
	now       moment        // owned by the tick; on stage
	coming    []moment      // owned by the tick; in the delay, the oldest first
	out       moment        // owned by the tick; what listeners are told
	held      bool          // owned by the tick; the stage is held back from listeners: nobody speaks
	fresh     bool          // owned by the tick; out or held changed
	said      []tape.Event  // owned by the tick; the last event of each kind
	repeated  tape.Number   // owned by the tick; when all was said again
	chapter   room.Chapter  // owned by the tick; the one that was said last
	counted   int           // owned by the tick; the count said last, -1 before the first
	countedAt tape.Number   // owned by the tick

	captions captions // has a lock of its own
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

// pass takes what is so on stage into the delay, and takes out what has become so for listeners. It is called by the tick, after that of
// the mix.
func (s *events) pass(levels []Level, air Air) (now, out moment) {
	if s.look(levels, air) {
		s.coming = append(s.coming, s.now)
	}
	gone := 0
	for gone < len(s.coming) && s.coming[gone].at <= air.Out {
		gone++
	}
	if gone > 0 {
		s.out, s.fresh = s.coming[gone-1], true
		s.coming = slices.Delete(s.coming, 0, gone)
	}
	if s.held == air.Sounding {
		s.held, s.fresh = !air.Sounding, true
	}
	return s.now, s.out
}

// look finds out how it is on stage, and reports whether that changed.
func (s *events) look(levels []Level, air Air) (changed bool) {
	s.mu.Lock()
	changed = s.dirty
	s.dirty = false
	s.now.facts, s.now.people = s.facts, s.people
	s.mu.Unlock()
	if s.now.facts.Curtained() {
		levels = nil // who speaks behind the curtain speaks to nobody outside
	}
	heard := slices.ContainsFunc(levels, func(l Level) bool {
		return l.Heard && !slices.ContainsFunc(s.now.people, func(p room.Person) bool { return p.ID == l.ID && p.Muted })
	})
	cart := air.Cart != ""
	changed = changed || heard != s.now.heard || cart != s.now.cart
	s.now.at, s.now.heard, s.now.cart = air.In, heard, cart
	if speaks(levels, s.now.speaking) {
		return changed
	}
	s.now.speaking = nil
	for _, l := range levels {
		if l.Speaking {
			s.now.speaking = append(s.now.speaking, l.ID)
		}
	}
	return true
}

// speaks reports whether these, and no others, speak.
func speaks(levels []Level, ids []room.PersonID) bool {
	i := 0
	for _, l := range levels {
		if !l.Speaking {
			continue
		}
		if i == len(ids) || ids[i] != l.ID {
			return false
		}
		i++
	}
	return i == len(ids)
}

// restart forgets what was said: a new term says everything again. The seats are counted by then: edges may just have come, too.
func (s *events) restart(n tape.Number) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said, s.dirty, s.fresh = nil, true, true
	s.chapter = room.Chapter{}
	if s.out.at == 0 {
		s.out = moment{facts: s.facts, people: s.people}
	}
	s.repeated, s.counted, s.countedAt = n, -1, n
	s.captions.restart()
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
	listening := s.listening
	chapter, _ := s.facts.Life.ChapterAt(int64(n)) // which knows its frame, and so needs no delay
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
	if s.fresh {
		s.fresh = false
		facts, speaking := s.out.facts, s.out.speaking
		if s.held {
			speaking = nil
		}
		say(room.KindRoom, room.RoomEvent{Kind: room.KindRoom, ID: facts.ID, Title: facts.Title, Language: facts.Language, State: facts.State, Tape: facts.Tape == room.TapeOn, Start: startOf(facts)})
		if moved := facts.Life.Moved; moved != nil && moved.Signed != "" {
			say(room.KindMoved, moved)
		}
		say(room.KindStage, room.StageEvent{Kind: room.KindStage, People: append([]room.Person{}, s.out.people...)})
		say(room.KindSpeaking, room.SpeakingEvent{Kind: room.KindSpeaking, IDs: append([]room.PersonID{}, speaking...)})
	}
	if chapter != s.chapter {
		s.chapter = chapter
		say(room.KindChapter, room.ChapterEvent{Kind: room.KindChapter, ID: chapter.ID, At: chapter.At, Title: chapter.Title})
	}
	if e, ok := s.captions.due(n); ok {
		say(room.KindCaption, e)
	}
	if listening != s.counted && n-s.countedAt >= listeningEvery {
		s.counted, s.countedAt = listening, n
		say(room.KindListening, room.ListeningEvent{Kind: room.KindListening, N: listening})
	}
	return news
}

// startOf is when a room begins that has not begun, in Unix milliseconds; 0: nobody said.
func startOf(f room.Facts) int64 {
	if !f.Curtained() {
		return 0
	}
	return f.Life.Plan.Start.UnixMilli()
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
		s.fresh = true
		return tape.Event{}, false
	default:
		s.said[i] = e
	}
	return e, true
}
