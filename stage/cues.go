package stage

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// cueRequest is a cue as somebody sends it: one that has a name, or one in free words.
type cueRequest struct {
	To   room.PersonID `json:"to"` // absent: everybody on stage
	Cue  room.CueName  `json:"cue"`
	Text string        `json:"text"`
}

// sendCue shows a cue to one person, or to everybody on stage, and says to whom it could be shown.
func (s *Stage) sendCue(w http.ResponseWriter, r *http.Request, c caller) error {
	req, err := readJSONOf[cueRequest](w, r, maxWords)
	if err != nil {
		return err
	}
	cue := room.Cue{ID: room.CueID(rand.Text()[:12]), By: c.Person, Name: req.Cue}
	switch {
	case req.Cue == "":
		cue.Text, err = room.CheckCue(req.Text)
		if err != nil {
			return problem.New(problem.BadRequest, problem.Sentence(err))
		}
	case !slices.Contains(room.CueNames, req.Cue):
		return problem.New(problem.BadRequest, "There is no cue of this name. Send one in free words as \"text\".")
	}
	sent, err := c.scene.sendCue(c.Grant, cue, req.To, time.Now())
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	return json.NewEncoder(w).Encode(sent)
}

// takeCue acknowledges one.
func (s *Stage) takeCue(w http.ResponseWriter, r *http.Request, c caller) error {
	err := readTrue(w, r, "A cue is acknowledged for good.")
	if err == nil {
		err = c.scene.takeCue(room.CueID(r.PathValue("cue")), c.Person, time.Now())
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (sc *scene) sendCue(by room.Grant, cue room.Cue, to room.PersonID, now time.Time) (sentCue, error) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	cue.From = sc.profileLocked(by).name
	switch {
	case to == "":
		for _, m := range sc.people {
			if m.id != by.Person {
				cue.To = append(cue.To, sc.cueToLocked(m.id, now))
			}
		}
	case sc.profiles[to] == nil:
		return sentCue{}, errPersonUnknown
	default:
		cue.To = []room.CueTo{sc.cueToLocked(to, now)}
	}
	wait, err := sc.cues.Send(cue, now)
	switch {
	case errors.Is(err, room.ErrCuePace):
		return sentCue{}, problem.Problem{Code: problem.TooMany, Detail: problem.Sentence(err), RetryAfter: wait}
	case err != nil:
		return sentCue{}, problem.New(problem.PersonUnknown, problem.Sentence(err))
	}
	sc.cuesVersion++
	sc.changed()
	return sentOf(cue, now, now), nil
}

// cueToLocked is a person as a cue's receiver: it reaches whose page is there, and whose connection on stage is not known to be lost.
func (sc *scene) cueToLocked(id room.PersonID, now time.Time) room.CueTo {
	to := room.CueTo{Person: id, Name: sc.profiles[id].name, State: room.CueUndelivered}
	m := sc.memberLocked(id)
	if sc.watchesLocked(id) && (m == nil || !m.isAway(now)) {
		to.State = room.CueSent
	}
	return to
}

// reachLocked delivers what could not be, once page and connection of a person are there again.
func (sc *scene) reachLocked(id room.PersonID) {
	now := time.Now()
	if sc.cueToLocked(id, now).State == room.CueSent && sc.cues.Reach(id, now) {
		sc.cuesVersion++
		sc.changed()
	}
}

func (sc *scene) takeCue(id room.CueID, by room.PersonID, now time.Time) error {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	err := sc.cues.Take(id, by, now)
	if err != nil {
		return problem.New(problem.CueUnknown, problem.Sentence(err))
	}
	sc.cuesVersion++
	sc.changed()
	return nil
}

// The cues event; docs/PROTOCOL.md has the words.
type (
	cuesEvent struct {
		Shown []shownCue `json:"shown"`
		Sent  []sentCue  `json:"sent,omitempty"`
	}
	cueWords struct {
		ID   room.CueID   `json:"id"`
		From string       `json:"from"`
		Cue  room.CueName `json:"cue,omitempty"`
		Text string       `json:"text,omitempty"`
	}
	shownCue struct {
		cueWords
		LeftMS int64 `json:"left_ms"`
	}
	sentCue struct {
		cueWords
		AgoMS int64        `json:"ago_ms"`
		To    []room.CueTo `json:"to"`
	}
)

func wordsOf(c room.Cue) cueWords { return cueWords{c.ID, c.From, c.Name, c.Text} }

func sentOf(c room.Cue, sent, now time.Time) sentCue {
	return sentCue{wordsOf(c), now.Sub(sent).Milliseconds(), c.To}
}

// tellCuesLocked gives each page the cues that it shows, and to who leads what became of those that were sent.
func (sc *scene) tellCuesLocked(facts room.Facts, now time.Time) {
	for _, st := range sc.streams {
		if st.cuesTold == sc.cuesVersion {
			continue
		}
		st.cuesTold = sc.cuesVersion
		told := cuesEvent{Shown: []shownCue{}}
		for _, c := range sc.cues.Shown(st.person, now) {
			told.Shown = append(told.Shown, shownCue{wordsOf(c), c.Left(now).Milliseconds()})
		}
		if room.May(sc.profiles[st.person].role, room.ActCue, facts.State) == nil {
			for _, c := range sc.cues.All() {
				told.Sent = append(told.Sent, sentOf(c, c.Sent, now))
			}
		}
		data, err := json.Marshal(told)
		if err != nil {
			panic(err) // strings and numbers always marshal
		}
		st.postCues(data)
	}
}
