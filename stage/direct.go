package stage

import (
	"errors"
	"net/http"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// What those who lead a conversation do to others, beside muting and removing one.

var errSentBack = problem.New(problem.SentBack, "You are back in the audience. Those who lead the conversation can call you up again.")

// muteAll mutes everybody on stage but the one who asks.
func (s *Stage) muteAll(w http.ResponseWriter, r *http.Request, c caller) error {
	err := readTrue(w, r, "Only each person may undo a mute: ask for it.")
	if err != nil {
		return err
	}
	c.scene.muteAll(c.Person)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// place sends a person back to the audience, or calls one up again who was sent back.
func (s *Stage) place(w http.ResponseWriter, r *http.Request, c caller) error {
	up, err := readJSON[bool](w, r)
	if err != nil {
		return err
	}
	act := room.ActSendBack
	if up {
		act = room.ActCallUp
	}
	err = s.may(c, act)
	var target room.PersonID
	if err == nil {
		target, err = s.mayTo(r, c, act)
	}
	if err == nil {
		err = c.scene.place(target, up, c.Person)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// block removes a person, and takes no hand any more from where one of theirs came.
func (s *Stage) block(w http.ResponseWriter, r *http.Request, c caller) error {
	target, err := s.mayTo(r, c, room.ActBlock)
	if err == nil {
		err = readTrue(w, r, "A block lasts as long as the room.")
	}
	if err != nil {
		return err
	}
	err = s.cfg.Remove(c.Room, target)
	origin := c.scene.originOf(target)
	if err == nil && origin != "" {
		err = s.cfg.Block(c.Room, origin)
	}
	if err != nil {
		return err
	}
	c.scene.remove(target, c.Grant)
	c.scene.dropHands(origin, target)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// handOver makes a co-host the host, and the host a co-host.
func (s *Stage) handOver(w http.ResponseWriter, r *http.Request, c caller) error {
	to, err := readJSON[room.PersonID](w, r)
	if err != nil {
		return err
	}
	role := c.scene.roleOf(to)
	if role == "" {
		return errPersonUnknown
	}
	err = problem.OfDenial(room.MayTo(c.Role, room.ActHandOver, role))
	if err != nil {
		return err
	}
	err = s.cfg.HandOver(c.Room, c.Person, to)
	if errors.Is(err, room.ErrRemoved) {
		return problem.New(problem.PersonUnknown, problem.Sentence(err))
	}
	if err != nil {
		return err
	}
	c.scene.welcome(to)
	c.scene.log.Info("the room was handed over", "from", c.Person, "to", to)
	c.scene.changed()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// mayTo returns whom the address names, if the caller may do this to them: take them off the stage or the room, or call them up again.
func (s *Stage) mayTo(r *http.Request, c caller, act room.Action) (room.PersonID, error) {
	target := targetOf(r, c)
	switch {
	case target == c.Person && act == room.ActCallUp:
		return "", problem.New(problem.Forbidden, "You cannot call yourself up again: ask another who leads the conversation.")
	case target == c.Person:
		return "", problem.New(problem.Forbidden, "You cannot do this to yourself: leave the stage instead.")
	case !validPerson(target):
		return "", errPersonUnknown
	}
	role := c.scene.roleOf(target)
	if role == "" { // never came: a co-host takes away only whom he can see to be no host
		if c.Role != room.Host {
			return "", errPersonUnknown
		}
		return target, nil
	}
	return target, problem.OfDenial(room.MayTo(c.Role, act, role))
}

// readTrue reads a body that can only be true.
func readTrue(w http.ResponseWriter, r *http.Request, otherwise string) error {
	yes, err := readJSON[bool](w, r)
	if err == nil && !yes {
		err = problem.New(problem.BadRequest, otherwise)
	}
	return err
}

func (sc *scene) muteAll(but room.PersonID) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	for _, m := range sc.people {
		if m.id != but {
			m.muteLocked(true, but)
		}
	}
	sc.changed()
}

func (sc *scene) place(id room.PersonID, up bool, by room.PersonID) error {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	p := sc.profiles[id]
	if p == nil {
		return errPersonUnknown
	}
	p.sentBack = !up
	if !up {
		sc.expelLocked(id)
	}
	sc.log.Info("place on stage", "person", id, "up", up, "by", by)
	sc.changed()
	return nil
}

// welcome lets somebody on stage again to whom the room was handed over: nobody could call up a host.
func (sc *scene) welcome(id room.PersonID) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if p := sc.profiles[id]; p != nil {
		p.sentBack = false
	}
}

// roleOf is the role of somebody who came at least as far as the events; empty: nobody did.
func (sc *scene) roleOf(id room.PersonID) room.Role {
	facts, _ := sc.cfg.Rooms.Facts(sc.id)
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.learnRolesLocked(facts)
	if p := sc.profiles[id]; p != nil {
		return p.role
	}
	return ""
}

func (sc *scene) originOf(id room.PersonID) string {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if p := sc.profiles[id]; p != nil {
		return p.origin
	}
	return ""
}

// learnRolesLocked takes over the roles that the room's facts say.
func (sc *scene) learnRolesLocked(f room.Facts) {
	for id, role := range f.Roles {
		if p := sc.profiles[id]; p != nil {
			p.role = role
		}
	}
}
