//go:build linux

package edge

import (
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/tape"
)

// review offers a row its newest piece, tells its seats what is new to them, and takes them to the rows where the policy wants them.
// A seat that is behind is left for a later time.
func (s *section) review(r *row, p *piece) {
	settled := true
	r.each(func(st *seat) {
		if st.cur != nil || st.next != p.from {
			s.offer(st, p)
			settled = false
			return
		}
		to, g, news := s.plan(st)
		if news && r.shape.container == mp4 {
			mine := r.press.noticed(p.from, p.to, g)
			s.offer(st, mine)
			mine.release()
		} else {
			s.offer(st, p)
		}
		if s.slots[st.slot] != st {
			return
		}
		if to.reel != r.reel || to.step != r.shape.step {
			s.move(st, to)
		} else {
			settled = settled && !s.wants(st)
		}
	})
	if settled {
		r.settled = s.policy.version
	}
}

// place is where the policy wants a seat.
type place struct {
	reel *reel
	step step
}

// plan decides where a seat belongs and what it is told about it. News is false where it knows all.
func (s *section) plan(st *seat) (to place, g grant, news bool) {
	grow := s.grow(st)
	to = place{st.row.reel.hub.reels[max(int(st.wish), s.policy.variant)], min(s.policy.step, st.most)}
	if grow > 0 || to.reel != st.row.reel || to.step != st.row.shape.step {
		g = grant{seat: true, depth: tape.Number(st.depth), grow: grow, step: to.step, variant: to.reel.variant}
	}
	if st.told != s.policy.notices.version {
		st.told = s.policy.notices.version
		g.notices = st.told
	}
	return to, g, g != grant{}
}

// grow takes note of depth that was gained, and asks for more where the policy wishes it. It returns the time that the player is given.
func (s *section) grow(st *seat) time.Duration {
	now := uint32(s.clock / time.Second)
	if st.goal > st.most && now >= st.grown {
		st.most = st.goal
	}
	if !st.pace || s.policy.wish <= st.goal {
		return 0
	}
	have := tape.Number(st.depth)
	depth := max(frames(depthFor(s.policy.wish, 0)), have)
	takes := growth((depth - have).Duration())
	// The player may not yet be where it was asked to be before.
	if st.goal > st.most {
		takes += time.Duration(st.grown-now) * time.Second
	}
	st.goal, st.depth, st.grown = s.policy.wish, uint16(depth), now+uint32((takes+time.Second-1)/time.Second)
	return takes
}

// wants reports whether a seat will have to be looked at again although the policy stays as it is.
func (s *section) wants(st *seat) bool {
	return st.goal > st.most || st.pace && s.policy.wish > st.goal || st.told != s.policy.notices.version
}

// neighbours is how many seats that move in a row get the same phase: what they lack is made once for all of them.
const neighbours = 64

// move takes a seat that has all of its row's sound to another row.
func (s *section) move(st *seat, to place) {
	from := st.row
	b := s.blockOf(to.reel)
	head, over := to.reel.reach()
	want := shape{from.shape.container, to.step, floorMod(from.shape.phase, to.step.cadence())}
	if to.step > from.shape.step {
		many := uint(to.step.cadence() / from.shape.step.cadence())
		want.phase += tape.Number(b.moved/neighbours%many) * from.shape.step.cadence()
		b.moved++
	}
	r := s.rowOf(b, want, head, over)
	from.leave(st)
	s.emptied = s.emptied || len(from.seats) == 0
	st.row = r
	st.place = int32(len(r.seats))
	r.seats = append(r.seats, st)
	if s.wants(st) {
		r.settled = 0
	}
	s.tally.moved.Add(1)
}

// queued is a newcomer who has had his opening, or a further piece, and waits for more.
type queued struct {
	seat  *seat
	since time.Duration // when he got in line, for the first time or again
}

// hunger is how many ticks the first in line may have waited, and the openings of others may have used up beforehand, while newcomers are
// still seated. Those admitted until then are served within twice that and as much again, which is less than an opening lasts.
const hunger = 25

// admissible is how many newcomers may be seated in this turn: none while those who have a seat wait for too much of their bursts, since
// openings come out of the same budget. Who paces the section by hand may wait for a seat between two ticks, which nobody else does.
func (s *section) admissible() int {
	left := (s.budget + hunger*s.refill) / (openingFrames * burstFrame)
	switch {
	case !s.paced:
		return admitTurn
	case len(s.queue) == 0:
		return min(max(left, 1), admitTurn)
	case s.clock-s.queue[0].since > hunger*tick:
		return 0
	}
	return min(max(left, 0), admitTurn)
}

// feedQueue gives newcomers the rest of their bursts, in turns, as far as the budget goes.
func (s *section) feedQueue() {
	full := s.full[:0]
	done := 0
	for ; done < len(s.queue) && s.budget > 0; done++ {
		st := s.queue[done].seat
		switch again := (queued{st, s.clock}); {
		case s.slots[st.slot] != st: // it left
		case st.cur != nil || !s.feed(st):
			full = append(full, again)
		case st.queued:
			s.queue = append(s.queue, again)
		}
	}
	s.queue = append(slices.Delete(s.queue, 0, done), full...)
	clear(full)
	s.full = full[:0]
}

// feed gives a seat of the queue its next piece, and another where that one is short, and takes it out of the queue's hands when it lacks
// nothing more. It reports whether the seat's socket took all.
func (s *section) feed(st *seat) (taken bool) {
	for from := st.next; st.next-from < bridgeFrames/2; {
		if st.next >= st.row.next && !st.row.over || !s.take(st) {
			st.queued, st.catching = false, false
			return true
		}
		s.budget -= len(st.cur.framed)
		if !s.flush(st) {
			return s.slots[st.slot] != st
		}
	}
	return true
}
