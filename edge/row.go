//go:build linux

package edge

import (
	"time"

	"github.com/epidaurus-live/epidaurus/pack/adts"
	"github.com/epidaurus-live/epidaurus/tape"
)

// shape says how the bytes of a row are packed and when they are written.
type shape struct {
	container container
	step      step        // the cadence
	phase     tape.Number // below the cadence: which of its frames the writes fall on
}

// block is the rows of one reel in one section. It belongs to the section's goroutine.
type block struct {
	reel  *reel
	rows  []*row
	shape map[shape]*row // the same rows
	head  tape.Number    // how far the rows were served
	over  bool
	look  time.Duration // when to look at the channel again

	moved uint // seats that came from rows of a shorter cadence: they take its phases in turn
}

// row is the seats of one section that share variant, container, cadence and phase: they get the same bytes at the same tick. It belongs
// to the section's goroutine.
type row struct {
	press *press
	shape shape
	reel  *reel
	next  tape.Number // the first frame not offered to the seats
	over  bool        // the channel ended before next
	seats []*seat     // in no order

	settled uint32 // the version of the policy that all its seats are where it wants them by; 0: look again
}

// cut is the last frame up to which the row is due once the channel has all before head. The phases of an MP4 row cut between
// different frames. Ogg pages and groups of ICY must end on their grid, so their rows cut there, and write as much later as their phase is
// off the grid.
func (r *row) cut(head tape.Number) tape.Number {
	return floorTo(head-r.shape.phase, r.shape.cadence()) + floorTo(r.shape.phase, r.shape.container.grid())
}

// cadence is how many frames lie between two writes: those of the step, or of the container's grid where that is wider.
func (s shape) cadence() tape.Number { return max(s.step.cadence(), s.container.grid()) }

// opening is how many frames a newcomer gets at once at most, where many come.
func (s shape) opening() tape.Number {
	if s.container == icyAAC {
		return floorTo(openingFrames, adts.GroupFrames)
	}
	return openingFrames
}

// dueIn is how many more frames the channel has to have beyond head for the row to become due.
func (r *row) dueIn(head tape.Number) tape.Number {
	cadence := r.shape.cadence()
	return cadence - floorMod(head-r.shape.phase, cadence)
}

// begin returns the first frame of a new seat, and the one before which its opening ends. from is the frame at which it resumes, or
// negative; one that is no longer there, or not made yet, is answered like none.
func (r *row) begin(from, depth, head tape.Number) (first, end tape.Number, resumes bool) {
	end = r.next
	if !r.over {
		end = min(end, r.cut(head)) // a takeover may have taken back frames that the row was offered
	}
	oldest := r.press.ring.Oldest()
	if r.shape.container == icyAAC && from >= 0 {
		from = max(0, min(floorTo(from, adts.GroupFrames), floorTo(end-1, adts.GroupFrames))) // a title is told behind a group only
	}
	if from >= max(0, oldest, head-resumeFrames) && from <= max(head, end) {
		return from, max(from, min(end, bridge(from))), true
	}
	switch r.shape.container {
	case oggOpus:
		first = max(floorTo(end-depth, tape.PageFrames), oldest)
	case adtsAAC:
		first = max(end-depth, 0) // who is the first to need it has nothing to live on but silence
	case icyAAC:
		first = max(floorTo(end-max(depth, icyDepth), adts.GroupFrames), 0)
	default:
		first = max(end-depth, oldest)
	}
	return first, max(first, end), false
}

// icyDepth is what a seat needs to live on where no more than a group is written at a time.
var icyDepth = step(2).needs()

func (r *row) leave(st *seat) {
	last := len(r.seats) - 1
	moved := r.seats[last]
	r.seats[st.place] = moved
	moved.place = st.place
	r.seats[last] = nil
	r.seats = r.seats[:last]
}

// advance offers the row's seats what the channel has since the last time. A section that comes late writes several cadences at once.
func (s *section) advance(r *row, head tape.Number, over bool) {
	from, to := r.next, r.cut(head)
	switch {
	case r.over && r.shape.container == icyAAC:
		to = from // behind less than a group nobody could count on
	case over:
		to = max(head, from)
	}
	if to > from {
		r.next = to
		s.tally.offers.Add(uint64(len(r.seats)))
		var p *piece
		if to-from <= s.behind(r) {
			p = r.press.sound(from, to)
		}
		if p != nil && !over && r.settled != s.policy.version {
			s.review(r, p)
		} else {
			r.each(func(st *seat) { s.offer(st, p) })
		}
		if p != nil {
			p.release()
		}
	}
	if over && !r.over {
		r.over = true
		r.each(func(st *seat) { s.offer(st, nil) })
	}
}

// each calls do with each seat. Do may close the seat that it was called with.
func (r *row) each(do func(*seat)) {
	// From the end, since the last seat takes the place of one that leaves.
	for i := len(r.seats) - 1; i >= 0; i-- {
		do(r.seats[i])
	}
}

// floorTo is the greatest multiple of step that is not above n.
func floorTo(n, step tape.Number) tape.Number { return n - floorMod(n, step) }

// floorMod is how far n is above that.
func floorMod(n, step tape.Number) tape.Number {
	m := n % step
	if m < 0 {
		m += step
	}
	return m
}
