package channel

import (
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// silence watches a live stage for dead air. It is owned by the tick.
type silence struct {
	since    tape.Number // the stage has not been live before
	empty    tape.Number // nor empty
	dead     bool        // OnDeadAir was told so
	apology  bool        // OnApology was called for this silence
	watching bool        // live
}

// watch tells when nothing has been heard on a live stage for too long. It looks at the stage itself: the desk hears of it before the
// listeners do, by the delay.
func (m *Maker) watch(air Air) {
	s, now := &m.silence, &m.events.now
	live := now.facts.State == room.Live
	if !live || !s.watching {
		s.since, s.watching = m.next, live
	}
	if !live || len(now.people) > 0 {
		s.empty = m.next
	}
	quiet := min(air.Quiet, (m.next - s.since).Duration())
	if dead := live && quiet >= DeadAir; dead != s.dead {
		s.dead = dead
		if m.cfg.OnDeadAir != nil {
			m.cfg.OnDeadAir(dead)
		}
	}
	m.apologize(min(quiet, (m.next - s.empty).Duration()))
}

// apologize asks for the apology, once for each time that the stage is empty and silent.
func (m *Maker) apologize(alone time.Duration) {
	s := &m.silence
	switch {
	case m.cfg.ApologyAfter <= 0 || m.cfg.OnApology == nil:
	case s.empty == m.next:
		s.apology = false // somebody is there again
	case alone >= m.cfg.ApologyAfter && !s.apology:
		s.apology = true
		m.cfg.OnApology()
	}
}
