package stage

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// Talkback is speaking into somebody's ear: who holds a button is heard by one person, or by everybody on stage, and by nobody else. It goes
// by a section of its own, the ear, so that it takes no other voice's place. It lasts as long as the speaker's page says that it is held.

// talk is into whose ears somebody speaks.
type talk struct {
	to    room.PersonID // empty: everybody on stage
	begun uint64        // in the order of their begin: who speaks into an ear first keeps it
	until time.Time     // unless the page says again that it is held
}

// ear is the section for who speaks to this person alone: the one behind the slots, where the offer had it; else -1.
func (s *session) ear() int {
	if n := s.kind.slots(); len(s.slots) > n {
		return n
	}
	return -1
}

// hasEar reports whether somebody can speak to this person alone now.
func (m *member) hasEar() bool { return m.isThere() && m.session.ear() >= 0 }

// talkToOne begins or ends speaking into one person's ear.
func (s *Stage) talkToOne(w http.ResponseWriter, r *http.Request, c caller) error {
	held, err := readJSON[bool](w, r)
	if err != nil {
		return err
	}
	return s.talk(w, c, targetOf(r, c), held)
}

// talkToAll begins speaking into the ears of everybody on stage, or ends speaking into any.
func (s *Stage) talkToAll(w http.ResponseWriter, r *http.Request, c caller) error {
	held, err := readJSON[bool](w, r)
	if err != nil {
		return err
	}
	return s.talk(w, c, "", held)
}

func (s *Stage) talk(w http.ResponseWriter, c caller, to room.PersonID, held bool) error {
	var err error
	if held {
		err = c.scene.talkTo(c.Person, to)
	} else {
		c.scene.hush(c.Person, to)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// talkTo begins to speak into somebody's ear, or says that it goes on.
func (sc *scene) talkTo(by, to room.PersonID) error {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	m := sc.backstagerLocked(by)
	if m == nil || m.session == nil {
		return errNotBackstage
	}
	if to != "" {
		err := sc.mayTalkToLocked(by, to)
		if err != nil {
			return err
		}
	}
	until := time.Now().Add(sc.cfg.Hold)
	if m.talk != nil && m.talk.to == to {
		m.talk.until = until
		sc.changed() // the time at which it ends by itself
		return nil
	}
	m.talk = &talk{to: to, begun: sources.Add(1), until: until}
	sc.rebindBackstageLocked()
	sc.changed()
	return nil
}

func (sc *scene) mayTalkToLocked(by, to room.PersonID) error {
	target := cmp.Or(sc.memberLocked(to), sc.backstagerLocked(to))
	p := sc.profiles[to]
	switch {
	case to == by:
		return problem.New(problem.BadRequest, "You cannot speak into your own ear.")
	case p == nil:
		return errPersonUnknown
	case target == nil:
		return problem.New(problem.NoEar, fmt.Sprintf("%s is neither on stage nor connected backstage: send a cue or write in the chat.", p.name))
	case !target.isThere():
		return problem.New(problem.NoEar, fmt.Sprintf("The connection of %s is lost. It comes back by itself: try again then.", p.name))
	case !target.hasEar():
		return problem.New(problem.NoEar, fmt.Sprintf("%s speaks by a program that plays nothing: send a cue or write in the chat.", p.name))
	case sc.ears[to] != "" && sc.ears[to] != by:
		return problem.New(problem.EarTaken, fmt.Sprintf("%s speaks to %s at this moment.", sc.profiles[sc.ears[to]].name, p.name))
	}
	return nil
}

// hush ends speaking into an ear; an empty one: into any.
func (sc *scene) hush(by, to room.PersonID) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if m := sc.backstagerLocked(by); m != nil && m.talk != nil && (to == "" || m.talk.to == to) {
		sc.hushLocked(by)
	}
}

func (sc *scene) hushLocked(by room.PersonID) {
	m := sc.backstagerLocked(by)
	if m == nil || m.talk == nil {
		return
	}
	m.talk = nil
	sc.rebindBackstageLocked()
	sc.changed()
}

// talkersLocked are those who speak into ears, in the order of their begin.
func (sc *scene) talkersLocked() []*member {
	talkers := slices.DeleteFunc(slices.Clone(sc.wings), func(m *member) bool { return m.talk == nil || m.session == nil })
	slices.SortFunc(talkers, func(a, b *member) int { return cmp.Compare(a.talk.begun, b.talk.begun) })
	return talkers
}

// spokenToLocked is whom a talk is for.
func (sc *scene) spokenToLocked(t *talk) []*member {
	if t.to == "" {
		return sc.people
	}
	if m := cmp.Or(sc.memberLocked(t.to), sc.backstagerLocked(t.to)); m != nil {
		return []*member{m}
	}
	return nil
}

type (
	// speaker is who speaks into one's ear.
	speaker struct {
		ID   room.PersonID `json:"id"`
		Name string        `json:"name"`
		Role room.Role     `json:"role"`
		All  bool          `json:"all,omitempty"` // to everybody on stage at once
	}
	// talkState is whom one's own talk reaches.
	talkState struct {
		To []room.PersonID `json:"to"`
	}
)

func (sc *scene) whoSpeaksToLocked(id room.PersonID) *speaker {
	by := sc.ears[id]
	if by == "" {
		return nil
	}
	p := sc.profiles[by]
	m := sc.backstagerLocked(by)
	return &speaker{by, p.name, p.role, m != nil && m.talk != nil && m.talk.to == ""}
}

func (sc *scene) talkStateLocked(id room.PersonID) *talkState {
	m := sc.backstagerLocked(id)
	if m == nil || m.talk == nil {
		return nil
	}
	told := &talkState{To: []room.PersonID{}}
	for _, t := range sc.spokenToLocked(m.talk) {
		if sc.ears[t.id] == id {
			told.To = append(told.To, t.id)
		}
	}
	return told
}

// watchesLocked reports whether a page of this person is open.
func (sc *scene) watchesLocked(id room.PersonID) bool {
	return slices.ContainsFunc(sc.streams, func(st *stream) bool { return st.person == id })
}
