package stage

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// ConsentField is the header field by which an encoder says that its speaker agrees to be recorded: the version of the question.
const ConsentField = "Recording-Consent"

var errConsentNeeded = problem.New(problem.ConsentNeeded,
	"This conversation is recorded and may be heard again. Agree to that on the desk's page first; for an encoder, whoever invites vouches for it, or it says "+ConsentField+": 1; or 2, which also agrees to a track of its own.")

// answerConsent keeps whether the caller may be recorded. Who is on stage and does not agree any more is off it before this returns.
func (s *Stage) answerConsent(w http.ResponseWriter, r *http.Request, c caller) error {
	answer, err := readJSON[struct {
		Text  int   `json:"text"`
		Agree *bool `json:"agree"`
	}](w, r)
	if err != nil {
		return err
	}
	if answer.Agree == nil {
		return problem.New(problem.BadRequest, "The body has to say \"agree\": true or false.")
	}
	err = s.consent(c, answer.Text, *answer.Agree)
	if err != nil {
		return err
	}
	c.scene.heedConsent(c.Person)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Stage) consent(c caller, text int, agree bool) error {
	return s.cfg.Consent(c.Room, c.Person, room.Consent{Agreed: agree, Text: text, At: time.Now()})
}

// consentByField takes the consent that an encoder's request says, where it is needed.
func (s *Stage) consentByField(r *http.Request, c caller) error {
	field := r.Header.Get(ConsentField)
	facts, _ := s.cfg.Rooms.Facts(c.Room)
	if field == "" || facts.Consent(c.Person, c.Role).MayBeHeard() {
		return nil
	}
	text, err := strconv.Atoi(field)
	if err != nil {
		return problem.New(problem.BadRequest, "The field "+ConsentField+" names the version of the question: 1 or 2.")
	}
	return s.consent(c, text, true)
}

// heedConsent takes a person off the stage who does not agree to be recorded any more.
func (sc *scene) heedConsent(id room.PersonID) {
	facts, _ := sc.cfg.Rooms.Facts(sc.id)
	sc.mu.Lock()
	defer sc.mu.Unlock()
	m := sc.memberLocked(id)
	if m != nil && !facts.Consent(id, m.profile.role).MayBeHeard() {
		sc.log.Info("left the stage", "person", id, "why", "does not agree to be recorded")
		sc.dropLocked(m)
	}
	sc.changed()
}

// consentsLocked is how people stand to being recorded, for those who lead; nil where nobody is asked.
func (sc *scene) consentsLocked(facts room.Facts) map[room.PersonID]room.ConsentState {
	var all map[room.PersonID]room.ConsentState
	note := func(id room.PersonID, role room.Role) {
		state := facts.Consent(id, role)
		if state == room.ConsentFree {
			return
		}
		if all == nil {
			all = map[room.PersonID]room.ConsentState{}
		}
		all[id] = state
	}
	for _, m := range sc.people {
		note(m.id, m.profile.role)
	}
	for _, st := range sc.streams {
		note(st.person, sc.profiles[st.person].role)
	}
	return all
}

// consentProblem is the refusal of an answer that the facts do not take; other errors pass.
func consentProblem(err error) error {
	switch {
	case errors.Is(err, room.ErrConsentText):
		return problem.New(problem.BadRequest, problem.Sentence(err))
	case errors.Is(err, room.ErrManyAnswers):
		return problem.New(problem.TooMany, problem.Sentence(err))
	}
	return err
}
