package stage

import (
	"net/http"
	"slices"
	"time"

	"github.com/pion/rtp"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// Backstage people talk with each other before they go on stage, and with the producer. They hear the stage. The stage hears them while it is
// a green room: as soon as something of it goes out, it hears them in single ears only (talkback.go). A voice from backstage has no way into
// the mix: its session is never given a voice there.

var (
	errNotBackstage = problem.New(problem.NotBackstage, "You are not connected backstage. Turn your microphone on there first.")
	errOnStage      = problem.New(problem.OnStage, "You are on stage, where everybody hears you. Leave it first.")
)

// isGreen reports whether nothing of the stage goes out yet, so that those backstage may be heard there.
func isGreen(f room.Facts) bool {
	return f.Curtained() || f.State == room.Announced || f.State == room.Draft
}

// aside is whom a voice from backstage goes to.
type aside struct {
	source uint64
	to     []forward
}

// speakAside gives a packet to those who hear this voice.
func (s *session) speakAside(p *rtp.Packet, at time.Duration) {
	if a := s.aside.Load(); a != nil {
		send(a.to, a.source, p, at)
	}
}

// aimAt says who hears the voice from now on. Whoever hears it anew must not take what went elsewhere for loss: it is another source then.
func (s *session) aimAt(to []forward) {
	if old := s.aside.Load(); old != nil && slices.Equal(old.to, to) || old == nil && len(to) == 0 {
		return
	}
	if len(to) == 0 {
		s.aside.Store(nil)
		return
	}
	s.aside.Store(&aside{sources.Add(1), to})
}

// leaveBackstage ends the caller's session there.
func (s *Stage) leaveBackstage(w http.ResponseWriter, r *http.Request, c caller) error {
	err := c.scene.leaveBackstage(r.PathValue("session"), c.Person)
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func (sc *scene) backstagerLocked(id room.PersonID) *member {
	i := slices.IndexFunc(sc.wings, func(m *member) bool { return m.id == id })
	if i < 0 {
		return nil
	}
	return sc.wings[i]
}

func (sc *scene) mayEnterBackstageLocked(id room.PersonID) error {
	m := sc.memberLocked(id)
	switch {
	case sc.ended:
		return errRoomEnded
	case sc.closed:
		return errShuttingDown
	case sc.removed[id]:
		return errRemoved
	case sc.profiles[id] != nil && sc.profiles[id].sentBack:
		return errSentBack
	case m != nil && m.session != nil && !m.isAway(time.Now()):
		return errOnStage
	case sc.backstagerLocked(id) == nil && len(sc.wings) >= maxBackstage:
		return problem.Problem{
			Code: problem.BackstageFull, RetryAfter: 5 * time.Second,
			Detail: "All 12 places backstage are taken. Try again when somebody went on stage.",
		}
	}
	return nil
}

// enterBackstage lets a person talk backstage, or moves one who does to a new session. A place on stage that was kept for them is given up.
func (sc *scene) enterBackstage(g room.Grant, s *session) error {
	sc.joining.Lock()
	defer sc.joining.Unlock()
	sc.mu.Lock()
	defer sc.mu.Unlock()
	err := sc.mayEnterBackstageLocked(g.Person)
	if err != nil {
		return err
	}
	if m := sc.memberLocked(g.Person); m != nil {
		sc.log.Info("left the stage", "person", m.id, "why", "is backstage")
		sc.dropLocked(m)
	}
	m := sc.backstagerLocked(g.Person)
	if m == nil {
		m = &member{id: g.Person, profile: sc.profileLocked(g), hearing: newHearing(backstage)}
		sc.wings = append(sc.wings, m)
		sc.log.Info("came backstage", "person", m.id, "role", g.Role)
	}
	sc.retireLocked(m)
	m.session, m.last, m.talk = s, s.id, nil
	m.waitLocked(connectGrace, sc.cfg.Away)
	sc.rebindLocked()
	sc.changed()
	return nil
}

func (sc *scene) leaveBackstage(id string, person room.PersonID) error {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	m := sc.backstagerLocked(person)
	if m == nil || m.last != id {
		return errSessionUnknown
	}
	sc.dropBackstageLocked(m)
	sc.changed()
	return nil
}

func (sc *scene) dropBackstageLocked(m *member) {
	sc.retireLocked(m)
	sc.wings = slices.DeleteFunc(sc.wings, func(o *member) bool { return o == m })
	sc.rebindLocked()
}

// expelLocked takes a person off the stage and out of the wings.
func (sc *scene) expelLocked(id room.PersonID) {
	if m := sc.memberLocked(id); m != nil {
		sc.dropLocked(m)
	}
	if m := sc.backstagerLocked(id); m != nil {
		sc.dropBackstageLocked(m)
	}
}

// backstageConnectionLocked takes note of what became of a session's connection. Nobody is spoken to alone by who lost it.
func (sc *scene) backstageConnectionLocked(s *session, state connState) {
	m := sc.backstagerLocked(s.person)
	if m == nil || m.session != s {
		return
	}
	switch state {
	case connected:
		m.awayAt, m.leaveAt = time.Time{}, time.Time{}
		sc.rebindBackstageLocked()
	case lost:
		m.waitLocked(0, sc.cfg.Away)
		sc.hushLocked(m.id)
		sc.rebindBackstageLocked()
	case gone:
		sc.dropBackstageLocked(m)
	}
	sc.changed()
}

// expireBackstageLocked lets go who did not come back, and ends what nobody says is held any more. It returns the time to the next such change.
func (sc *scene) expireBackstageLocked(now time.Time) time.Duration {
	next := time.Hour
	until := func(at time.Time) {
		if at.After(now) {
			next = min(next, at.Sub(now))
		}
	}
	for _, m := range slices.Clone(sc.wings) {
		if !m.leaveAt.IsZero() && !m.leaveAt.After(now) {
			sc.dropBackstageLocked(m)
			continue
		}
		if m.talk != nil && !m.talk.until.After(now) {
			sc.hushLocked(m.id)
		}
		if m.talk != nil {
			until(m.talk.until)
		}
		until(m.awayAt)
		until(m.leaveAt)
	}
	if changed, at := sc.cues.Expire(now); changed || !at.IsZero() {
		if changed {
			sc.cuesVersion++
		}
		until(at)
	}
	return next
}

// rebindBackstageLocked settles where voices from backstage go: into the ears of those they speak to alone, or to all who hear them there.
func (sc *scene) rebindBackstageLocked() {
	clear(sc.ears)
	for _, from := range sc.talkersLocked() {
		var to []forward
		for _, m := range sc.spokenToLocked(from.talk) {
			if _, taken := sc.ears[m.id]; !taken && m.hasEar() {
				sc.ears[m.id] = from.id
				to = append(to, forward{to: m.session, slot: m.session.ear()})
			}
		}
		from.session.aimAt(to)
	}
	for _, from := range sc.wings {
		switch {
		case from.session == nil || from.talk != nil:
		case from.open:
			from.session.aimAt(sc.listenersLocked(from))
		default:
			from.session.aimAt(nil)
		}
	}
}

// isThere reports whether there is a connection, and sound comes by it.
func (m *member) isThere() bool { return m.session != nil && m.awayAt.IsZero() }

// isAway reports whether the connection is lost, or has not come in time.
func (m *member) isAway(now time.Time) bool { return !m.awayAt.IsZero() && !m.awayAt.After(now) }

// hearingLocked is whom a person hears by which slot.
func (sc *scene) hearingLocked(id room.PersonID) slots {
	if m := sc.memberLocked(id); m != nil {
		return m.hearing.slots
	}
	if m := sc.backstagerLocked(id); m != nil {
		return m.hearing.slots
	}
	return make(slots, slotCount)
}

// backstageLocked is who follows the stage without being on it, in the order of their pages' coming, and who talks there without a page.
func (sc *scene) backstageLocked(now time.Time) []offStage {
	off := []offStage{}
	listed := map[room.PersonID]bool{}
	list := func(id room.PersonID) {
		if listed[id] || sc.memberLocked(id) != nil {
			return
		}
		listed[id] = true
		p := sc.profiles[id]
		one := offStage{ID: id, Name: p.name, Role: p.role, SentBack: p.sentBack}
		if m := sc.backstagerLocked(id); m != nil {
			one.Here, one.Open, one.Away, one.Ear = m.isThere(), m.open, m.isAway(now), m.hasEar()
		}
		off = append(off, one)
	}
	for _, st := range sc.streams {
		list(st.person)
	}
	for _, m := range sc.wings {
		list(m.id)
	}
	return off
}
