package stage

import (
	"errors"
	"net/http"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

var errLeadHeld = problem.New(problem.LeadHeld, "The room has a host, or is still theirs for a while. Wait until the desk offers it.")

// Presence is who of those who may lead a room is there: on stage with a connection, or with a desk that follows it.
func (s *Stage) Presence(id room.ID) room.Presence {
	sc := s.existing(id)
	if sc == nil {
		return room.Presence{}
	}
	facts, _ := s.cfg.Rooms.Facts(id)
	sc.mu.Lock()
	defer sc.mu.Unlock()
	return sc.presenceLocked(facts)
}

// SeeLead looks who of a live room's leaders is there, and returns how the room stands without its host; its pages are told where that has changed.
// It is meant to be called about once a second, by the node that makes the room's sound: nobody else sees its stage.
func (s *Stage) SeeLead(id room.ID, rules room.LeadRules, now time.Time) room.Lead {
	sc, err := s.scene(id)
	if err != nil {
		return room.Lead{} // the stage is closing
	}
	facts, _ := s.cfg.Rooms.Facts(id)
	sc.mu.Lock()
	defer sc.mu.Unlock()
	next := sc.lead.See(sc.presenceLocked(facts), rules, now)
	sc.setLeadLocked(next)
	return next
}

// ForgetLead makes a room its host's, as one that is not live, or not made here, is.
func (s *Stage) ForgetLead(id room.ID) {
	if sc := s.existing(id); sc != nil {
		sc.setLead(room.Lead{})
	}
}

func (sc *scene) presenceLocked(facts room.Facts) room.Presence {
	now := time.Now()
	sc.learnRolesLocked(facts)
	p := room.Presence{Stage: len(sc.people) > 0}
	note := func(role room.Role) {
		p.Host = p.Host || role == room.Host
		p.CoHost = p.CoHost || role == room.CoHost
		p.Producer = p.Producer || role == room.Producer
	}
	for _, m := range sc.people {
		if m.awayAt.IsZero() || m.awayAt.After(now) {
			note(m.profile.role)
		}
	}
	for _, st := range sc.streams {
		// A network that is cut leaves its streams open for minutes: what the same person's voice lost at that time does not count either.
		if sc.memberLocked(st.person) == nil && st.opened.After(sc.profiles[st.person].lostAt) {
			note(sc.profiles[st.person].role)
		}
	}
	return p
}

func (sc *scene) setLead(l room.Lead) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.setLeadLocked(l)
}

func (sc *scene) setLeadLocked(l room.Lead) {
	if l.State != sc.lead.State || !l.Until.Equal(sc.lead.Until) {
		sc.changed()
	}
	sc.lead = l
}

// leadState is how a room stands without its host, on the wire.
type leadState struct {
	State  room.LeadState `json:"state"`
	LeftMS int64          `json:"left_ms,omitempty"`
}

func (sc *scene) leadLocked(now time.Time) *leadState {
	if sc.lead.State == room.LeadHeld {
		return nil
	}
	told := &leadState{State: sc.lead.State}
	if !sc.lead.Until.IsZero() {
		told.LeftMS = max(0, sc.lead.Until.Sub(now).Milliseconds())
	}
	return told
}

// takeLead makes the caller the host of a room whose host is gone.
func (s *Stage) takeLead(w http.ResponseWriter, r *http.Request, c caller) error {
	err := readTrue(w, r, "The lead is taken by true; it is given back by handing over the room.")
	if err != nil {
		return err
	}
	host, was, free := c.scene.claimLead()
	if !free {
		return errLeadHeld
	}
	err = s.cfg.TakeLead(c.Room, host, c.Person, c.Role)
	if err != nil {
		c.scene.setLead(was)
	}
	if errors.Is(err, room.ErrLeadTaken) {
		return errLeadHeld
	}
	if err != nil {
		return err
	}
	c.scene.welcome(c.Person)
	c.scene.log.Info("the room was taken", "by", c.Person, "role", c.Role, "from", host)
	c.scene.changed()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// claimLead takes the free lead, so that of two who want it at once the second finds it held. host is who had it; empty: nobody who ever came here.
func (sc *scene) claimLead() (host room.PersonID, was room.Lead, free bool) {
	facts, _ := sc.cfg.Rooms.Facts(sc.id)
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.learnRolesLocked(facts)
	was = sc.lead
	if !was.Free() {
		return "", was, false
	}
	sc.lead = room.Lead{}
	for id, p := range sc.profiles {
		if p.role == room.Host {
			host = id
		}
	}
	return host, was, true
}
