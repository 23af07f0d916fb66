package stage

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// watch is the event stream of a page.
func (s *Stage) watch(w http.ResponseWriter, r *http.Request, c caller) error {
	st, err := c.scene.watch(c.Grant)
	if err != nil {
		return err
	}
	defer c.scene.unwatch(st)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // a proxy that gathers would hold back what is said now
	w.WriteHeader(http.StatusOK)
	st.serve(w, r, &s.cfg)
	return nil
}

// mute mutes or unmutes a person at the server: nobody hears him, whatever his page does.
func (s *Stage) mute(w http.ResponseWriter, r *http.Request, c caller) error {
	muted, err := readJSON[bool](w, r)
	if err != nil {
		return err
	}
	target := targetOf(r, c)
	act := room.ActMuteOther
	if target == c.Person {
		act = room.ActMuteSelf
	}
	err = s.may(c, act)
	if err != nil {
		return err
	}
	if target != c.Person && !muted {
		return problem.New(problem.Forbidden, "Only the person may undo a mute: ask for it.")
	}
	err = c.scene.mute(target, muted, c.Person)
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// rename lets a person choose the name that is shown.
func (s *Stage) rename(w http.ResponseWriter, r *http.Request, c caller) error {
	name, err := readJSON[string](w, r)
	if err != nil {
		return err
	}
	name, err = room.CheckName(name)
	if err != nil {
		return problem.New(problem.BadRequest, problem.Sentence(err))
	}
	c.scene.rename(c.Grant, name)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// remove takes a person off the stage for good: the token is void from then on.
func (s *Stage) remove(w http.ResponseWriter, r *http.Request, c caller) error {
	target, err := s.mayTo(r, c, room.ActRemove)
	if err != nil {
		return err
	}
	err = s.cfg.Remove(c.Room, target)
	if err != nil {
		return err
	}
	c.scene.remove(target, c.Grant)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

var errPersonUnknown = problem.New(problem.PersonUnknown, "This person is not on stage.")

// targetOf is the person whom the address names; "me" is the caller.
func targetOf(r *http.Request, c caller) room.PersonID {
	target := room.PersonID(r.PathValue("person"))
	if target == "me" {
		return c.Person
	}
	return target
}

func validPerson(id room.PersonID) bool {
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return len(id) >= 1 && len(id) <= 32
}

// readJSON reads a small body that is one JSON value of type T, and not null.
func readJSON[T any](w http.ResponseWriter, r *http.Request) (T, error) {
	return readJSONOf[T](w, r, maxSmallBody)
}

func readJSONOf[T any](w http.ResponseWriter, r *http.Request, limit int64) (T, error) {
	var zero T
	body, err := readBody(w, r, "application/json", limit)
	if err != nil {
		return zero, err
	}
	var value *T
	err = json.Unmarshal(body, &value)
	if err != nil || value == nil {
		return zero, problem.New(problem.BadRequest, fmt.Sprintf("The body is not what this address takes: a JSON %T.", zero))
	}
	return *value, nil
}

// mute changes what is heard before it returns; the pages learn of it after.
func (sc *scene) mute(id room.PersonID, muted bool, by room.PersonID) error {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if m := sc.memberLocked(id); m != nil {
		m.muteLocked(muted, by)
	} else if w := sc.backstagerLocked(id); w != nil {
		w.open = !muted
		sc.rebindBackstageLocked()
	} else {
		return errPersonUnknown
	}
	sc.changed()
	return nil
}

// muteLocked keeps who muted the person first: who is muted by their own hand is not told that somebody else did it.
func (m *member) muteLocked(muted bool, by room.PersonID) {
	switch {
	case !muted || by == m.id:
		m.profile.mutedBy = ""
	case !m.profile.muted:
		m.profile.mutedBy = by
	}
	m.profile.muted = muted
	if m.session != nil {
		m.session.sound.mute(muted)
	}
}

func (sc *scene) rename(g room.Grant, name string) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.profileLocked(g).name = name
	sc.changed()
}

func (sc *scene) remove(target room.PersonID, by room.Grant) {
	data, err := json.Marshal(struct {
		By string `json:"by"`
	}{sc.nameOf(by)})
	if err != nil {
		panic(err) // a string always marshals
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.removed[target] = true
	sc.endTrialLocked(target)
	sc.expelLocked(target)
	for _, st := range sc.streams {
		if st.person == target {
			st.finish(&event{"removed", data})
		}
	}
	sc.log.Info("removed from the room", "person", target, "by", by.Person)
	sc.changed()
}

func (sc *scene) nameOf(g room.Grant) string {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	return sc.profileLocked(g).name
}

func (sc *scene) isRemoved(id room.PersonID) bool {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	return sc.removed[id]
}
