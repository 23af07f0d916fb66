//go:build linux

package edge

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// drain is how an edge is emptied. The next one takes over what is left of an earlier one.
type drain struct {
	// immutable
	began  time.Duration // by the edge's clock
	until  time.Duration
	random func() float64
	empty  func() // called, perhaps often, when no seat is left
}

// thinned is how far a section is with a drain. It belongs to the section's goroutine.
type thinned struct {
	of   *drain
	at   time.Duration // up to here, seats have been cut
	owed float64       // seats that are due to be cut
}

// Drain empties the edge, so that the machine can be taken away: it gives no seat any more, and cuts those that there are one by one, in no
// order and evenly over the time given, without a last chunk, so that their players go on elsewhere from their next frame and do not come
// there all at once. It returns when no seat is left, or with an error when ctx is done; the edge goes on emptying itself then, and is
// never open again. A second call changes the time that is left.
func (e *Edge) Drain(ctx context.Context, over time.Duration) error {
	empty := make(chan struct{})
	now := e.now()
	d := &drain{began: now, until: now + max(over, 0), random: e.config.Random}
	e.mu.Lock()
	before := e.drain.Load()
	d.empty = sync.OnceFunc(func() {
		close(empty)
		if before != nil {
			before.empty() // who waits for that one waits for the same
		}
	})
	e.drain.Store(d) // under mu: whoever got a place before is seated, or gives it back
	e.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-e.finished: // Close has cut them all
		return nil
	case <-ctx.Done():
		return fmt.Errorf("drain the edge: %w", context.Cause(ctx))
	}
}

// Draining reports whether the edge gives no seats any more because it is being emptied.
func (e *Edge) Draining() bool { return e.drain.Load() != nil }

// thin cuts the seats whose time has come. What is due is a share of those who are left, so it does not matter who leaves by himself.
func (s *section) thin() {
	d := s.drain.Load()
	if d == nil {
		return
	}
	t := &s.thinned
	if t.of != d {
		// No section begins with a whole seat, lest all edges of a cluster cut at the same beat.
		*t = thinned{of: d, at: d.began, owed: d.random()}
	}
	seated := len(s.slots) - len(s.free)
	left := d.until - t.at
	if s.clock >= d.until {
		t.owed = float64(seated)
	} else {
		t.owed += float64(seated) * float64(s.clock-t.at) / float64(left)
	}
	t.at = s.clock
	for ; t.owed >= 1 && seated > 0; t.owed-- {
		s.close(s.anyone(d.random()), &s.tally.cut)
		seated--
	}
	if s.taken.Load() == 0 {
		d.empty()
	}
}

// anyone is a seat of a section that has one: the first at or behind a place that random, in [0, 1), chooses.
func (s *section) anyone(random float64) *seat {
	for i := int(random * float64(len(s.slots))); ; i++ {
		if st := s.slots[i%len(s.slots)]; st != nil {
			return st
		}
	}
}
