package stage

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/beacon"
	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// scene is one room's stage: who is on it, who hears whom by which slot, and which pages watch it. One goroutine, run, tells
// everybody about changes; all others make them under the lock and wake it.
type scene struct {
	// immutable
	id   room.ID
	cfg  *Config
	log  *slog.Logger
	wake chan struct{} // holds one token: something changed
	done chan struct{} // closed once nobody can come any more

	wg sync.WaitGroup // run, sessions that close, event streams

	joining sync.Mutex // one person comes at a time; held over calls into the mix

	mu        sync.Mutex
	people    []*member                  // guarded by mu; on stage, in the order of their coming
	wings     []*member                  // guarded by mu; who can talk backstage, in the order of their coming; nobody is in both
	green     bool                       // guarded by mu; the stage is a green room: nothing of it goes out, and it hears who is backstage
	profiles  map[room.PersonID]*profile // guarded by mu; of everybody who came or chose a name
	removed   map[room.PersonID]bool     // guarded by mu; known here before the room's facts say so
	streams   []*stream                  // guarded by mu; oldest first
	listening int                        // guarded by mu
	behind    *beacon.Estimate           // guarded by mu
	air       Air                        // guarded by mu
	airTold   []byte                     // guarded by mu; air as pages are told
	closed    bool                       // guarded by mu
	ended     bool                       // guarded by mu; closed because the room ended

	trials  map[room.PersonID]*trial   // guarded by mu; connections that nobody hears
	sources map[room.PersonID]*session // guarded by mu; radio encoders that are connected, on stage or not yet
	linesAt time.Time                  // guarded by mu; when the lines were looked at last
	lead    room.Lead                  // guarded by mu

	hands        room.Hands // guarded by mu
	handsVersion int        // guarded by mu; grows with each change that the desk sees

	ears        map[room.PersonID]room.PersonID // guarded by mu; into whose ear who speaks
	cues        room.Cues                       // guarded by mu
	cuesVersion int                             // guarded by mu; grows with each change that pages see
	chat        room.Chat                       // guarded by mu

	told []room.Person // owned by run: what Config.People was told last
}

// profile is what a person keeps while the room lasts, on stage or not.
type profile struct {
	name     string
	role     room.Role
	muted    bool
	mutedBy  room.PersonID // empty: by their own hand, or not muted
	sentBack bool          // to the audience: not on stage again until called up
	origin   string        // by which a hand of theirs counted; empty: came by a link

	check  room.Verdict // on the voice; empty: not checked
	lostAt time.Time    // when a place on stage was given up because its connection was lost
}

// member is a person on stage, or one who can talk backstage.
type member struct {
	id      room.PersonID
	profile *profile
	session *session // nil while there is no connection at all
	last    string   // the latest session's id: its client may still say that it leaves, when the connection is closed already
	heard   bool
	line    room.Verdict  // on the line, while on stage
	buffer  time.Duration // of a radio encoder's sound that waits
	hearing hearing

	// Only backstage. A microphone that opens by itself would surprise: it begins closed.
	open bool  // those backstage hear it
	talk *talk // into whose ears it goes instead; nil: into none

	// awayAt is when to show the person as away, leaveAt when to give up the place; zero while connected.
	awayAt, leaveAt time.Time
}

func newScene(id room.ID, cfg *Config) *scene {
	return &scene{
		id: id, cfg: cfg, log: cfg.Log.With("room", id),
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		profiles: make(map[room.PersonID]*profile), removed: make(map[room.PersonID]bool),
		trials: make(map[room.PersonID]*trial), sources: make(map[room.PersonID]*session),
		ears: make(map[room.PersonID]room.PersonID),
	}
}

// changed wakes run. It never blocks.
func (sc *scene) changed() {
	select {
	case sc.wake <- struct{}{}:
	default:
	}
}

// run tells everybody how things are whenever they changed, and lets people go whose time is over.
func (sc *scene) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-sc.wake:
		case <-timer.C:
		case <-sc.done:
			if len(sc.told) > 0 {
				sc.cfg.People(sc.id, nil)
			}
			return
		}
		facts, _ := sc.cfg.Rooms.Facts(sc.id)
		sc.mu.Lock()
		sc.learnRolesLocked(facts)
		if sc.green != isGreen(facts) {
			sc.rebindLocked()
		}
		now := time.Now()
		next := min(sc.expireLocked(now), sc.expireHandsLocked(now), sc.expireBackstageLocked(now), sc.expireTrialsLocked(now))
		people := sc.personsLocked()
		sc.tellStreamsLocked()
		sc.mu.Unlock()
		if !slices.Equal(people, sc.told) {
			sc.told = people
			sc.cfg.People(sc.id, slices.Clone(people))
		}
		timer.Reset(next)
	}
}

// expireLocked lets go whose place was kept long enough, and returns the time to the next change that comes by itself.
func (sc *scene) expireLocked(now time.Time) time.Duration {
	next := time.Hour
	for _, m := range slices.Clone(sc.people) {
		if m.leaveAt.IsZero() {
			continue
		}
		if !m.leaveAt.After(now) {
			sc.log.Info("left the stage", "person", m.id, "why", "connection lost")
			m.profile.lostAt = now
			sc.dropLocked(m)
			continue
		}
		next = min(next, m.leaveAt.Sub(now))
		if m.awayAt.After(now) {
			next = min(next, m.awayAt.Sub(now))
		}
	}
	return next
}

// mayCome refuses early, before an offer costs anything.
func (sc *scene) mayCome(g room.Grant, k kind) error {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if k == backstage {
		return sc.mayEnterBackstageLocked(g.Person)
	}
	return sc.mayJoinLocked(g)
}

func (sc *scene) mayJoinLocked(g room.Grant) error {
	id := g.Person
	facts, _ := sc.cfg.Rooms.Facts(sc.id)
	switch {
	case sc.ended:
		return errRoomEnded
	case sc.closed:
		return errShuttingDown
	case sc.removed[id]:
		return errRemoved
	case sc.profiles[id] != nil && sc.profiles[id].sentBack:
		return errSentBack
	case !facts.Consent(id, g.Role).MayBeHeard():
		return errConsentNeeded
	case sc.memberLocked(id) == nil && len(sc.people) >= room.MaxOnStage:
		return problem.Problem{
			Code: problem.StageFull, RetryAfter: 5 * time.Second,
			Detail: "All 13 places on stage are taken. Ask the host to make room, then try again.",
		}
	}
	return nil
}

// join puts a person on stage, or moves one who is there to a new session: the old one ends at once, and place, slots and mute
// stay as they were.
func (sc *scene) join(g room.Grant, s *session) error {
	sc.joining.Lock()
	defer sc.joining.Unlock()
	sc.mu.Lock()
	err := sc.mayJoinLocked(g)
	if err == nil {
		sc.endTrialLocked(g.Person)
		if m := sc.memberLocked(g.Person); m != nil {
			sc.retireLocked(m)
			m.waitLocked(connectGrace, sc.cfg.Away)
		}
	}
	sc.mu.Unlock()
	if err != nil {
		return err
	}
	voice, err := sc.cfg.Mix.Open(sc.id, g.Person) // the old voice is closed: at most one at a time
	if err != nil {
		return err
	}

	sc.mu.Lock()
	defer sc.mu.Unlock()
	err = sc.mayJoinLocked(g)
	if err != nil {
		voice.Close()
		return err
	}
	m := sc.memberLocked(g.Person)
	if m == nil {
		m = &member{id: g.Person, profile: sc.profileLocked(g), hearing: newHearing(desk)}
		sc.people = append(sc.people, m)
		sc.log.Info("came on stage", "person", m.id, "role", g.Role, "by", s.kind)
	}
	m.profile.role = g.Role
	m.session, m.last = s, s.id
	m.waitLocked(connectGrace, sc.cfg.Away)
	s.sound.open(voice, m.profile.muted)
	if w := sc.backstagerLocked(g.Person); w != nil {
		sc.dropBackstageLocked(w)
	}
	sc.rebindLocked()
	sc.changed()
	return nil
}

// leave takes the person off the stage whose latest session this is.
func (sc *scene) leave(id string, person room.PersonID) error {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	m := sc.memberLocked(person)
	if m == nil || m.last != id {
		return errSessionUnknown
	}
	sc.log.Info("left the stage", "person", person, "why", "own wish")
	sc.dropLocked(m)
	sc.changed()
	return nil
}

// session returns the person's present session, if it is the one named.
func (sc *scene) session(id string, person room.PersonID) (*session, error) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	m := sc.memberLocked(person)
	if m == nil || m.session == nil || m.session.id != id {
		return nil, errSessionUnknown
	}
	return m.session, nil
}

// connection takes note of what became of a session's connection.
func (sc *scene) connection(s *session, state connState) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if s.kind == backstage {
		sc.backstageConnectionLocked(s, state)
		return
	}
	m := sc.memberLocked(s.person)
	if m == nil || m.session != s {
		return
	}
	switch state {
	case connected:
		m.awayAt, m.leaveAt = time.Time{}, time.Time{}
		sc.rebindBackstageLocked() // who is there can be spoken to
		sc.reachLocked(m.id)
	case lost:
		m.waitLocked(0, sc.cfg.Away)
		sc.rebindBackstageLocked()
	case gone:
		sc.retireLocked(m)
		m.waitLocked(0, sc.cfg.Away)
		sc.rebindLocked()
	}
	sc.changed()
}

// waitLocked begins to wait for a member's connection.
func (m *member) waitLocked(grace, away time.Duration) {
	now := time.Now()
	m.awayAt, m.leaveAt = now.Add(grace), now.Add(away)
}

// dropLocked takes a member off the stage.
func (sc *scene) dropLocked(m *member) {
	sc.retireLocked(m)
	sc.people = slices.DeleteFunc(sc.people, func(o *member) bool { return o == m })
	sc.rebindLocked()
}

// retireLocked ends a member's session: its voice at once, the rest without waiting here.
func (sc *scene) retireLocked(m *member) {
	s := m.session
	if s == nil {
		return
	}
	m.session, m.heard = nil, false
	s.sound.close()
	sc.wg.Go(s.close)
}

// rebindLocked settles whose voice goes where.
func (sc *scene) rebindLocked() {
	facts, _ := sc.cfg.Rooms.Facts(sc.id)
	sc.green = isGreen(facts)
	onStage := idsOf(sc.people)
	everybody := append(slices.Clone(onStage), idsOf(sc.wings)...)
	for _, m := range sc.people {
		if sc.green {
			m.hearing.assign(m.id, everybody)
		} else {
			m.hearing.assign(m.id, onStage)
		}
	}
	for _, m := range sc.wings {
		m.hearing.assign(m.id, everybody)
	}
	for _, from := range sc.people {
		if from.session != nil {
			forwards := sc.listenersLocked(from)
			from.session.forwards.Store(&forwards)
		}
	}
	sc.rebindBackstageLocked()
}

// listenersLocked are the slots of all who hear somebody.
func (sc *scene) listenersLocked(from *member) []forward {
	forwards := []forward{}
	for _, all := range [][]*member{sc.people, sc.wings} {
		for _, to := range all {
			if to == from || to.session == nil || to.session.kind.slots() == 0 {
				continue
			}
			if slot := to.hearing.slots.of(from.id); slot >= 0 {
				forwards = append(forwards, forward{to.session, slot, to.hearing.since[slot]})
			}
		}
	}
	return forwards
}

func idsOf(members []*member) []room.PersonID {
	ids := make([]room.PersonID, len(members))
	for i, m := range members {
		ids[i] = m.id
	}
	return ids
}

func (sc *scene) memberLocked(id room.PersonID) *member {
	i := slices.IndexFunc(sc.people, func(m *member) bool { return m.id == id })
	if i < 0 {
		return nil
	}
	return sc.people[i]
}

// profileLocked is the person's profile, made from the grant where there is none yet.
func (sc *scene) profileLocked(g room.Grant) *profile {
	p := sc.profiles[g.Person]
	if p == nil {
		name, err := room.CheckName(g.Name)
		if err != nil {
			name = string(g.Person)
		}
		p = &profile{name: name, role: g.Role, origin: g.Origin}
		sc.profiles[g.Person] = p
	}
	return p
}

func (sc *scene) personsLocked() []room.Person {
	persons := make([]room.Person, len(sc.people))
	for i, m := range sc.people {
		persons[i] = room.Person{ID: m.id, Name: m.profile.name, Role: m.profile.role, Muted: m.profile.muted}
	}
	return persons
}

// close ends all sessions and streams; end is the last event of the streams, or nil where they just stop. It waits until
// everything has ended or ctx is done.
func (sc *scene) close(ctx context.Context, end *event, ended bool) error {
	sc.mu.Lock()
	first := !sc.closed
	sc.closed, sc.ended = true, sc.ended || ended
	for _, m := range append(sc.people, sc.wings...) {
		sc.retireLocked(m)
	}
	sc.people, sc.wings, sc.chat, sc.cues = nil, nil, room.Chat{}, room.Cues{}
	for id := range sc.trials {
		sc.endTrialLocked(id)
	}
	for _, s := range sc.sources {
		_ = s.encoder.conn.Close()
	}
	for _, st := range sc.streams {
		st.finish(end)
	}
	sc.mu.Unlock()
	if first {
		close(sc.done)
	}
	return wait(ctx, &sc.wg)
}

// wait waits for wg no longer than ctx allows.
func wait(ctx context.Context, wg *sync.WaitGroup) error {
	ended := make(chan struct{})
	go func() { // ends when wg does, which is what the caller has to bring about
		wg.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
