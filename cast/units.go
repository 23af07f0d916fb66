package cast

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/internal/recent"
	"github.com/epidaurus-live/epidaurus/internal/throttle"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Transcoder makes the access units of one segment of AAC after the other, each of its packets and of those before it, and of nothing else.
type Transcoder interface {
	// Begin begins a segment behind the packets of the frames before it.
	Begin(before [][]byte) error
	// Append takes the packets of its next frames, and appends the units that come of them: 15 of 16.
	Append(units, packets [][]byte) ([][]byte, error)
	// End appends the units that are left where the sound ends in the segment.
	End(units [][]byte) ([][]byte, error)
}

const (
	// maxMade is how many segments of units are remembered: about 30 kB each, with what they were made of.
	maxMade = 512

	// maxOpen is how many of them may be in the making, with a transcoder of 1.2 MB each.
	maxOpen = 16

	// maxUnmade is how many requests may wait for their units to be made.
	maxUnmade = 64
)

// unitsMade makes units when they are asked for, each once for all who ask, and remembers them. It may be used from any goroutine.
type unitsMade struct {
	make    func() (Transcoder, error) // immutable
	working throttle.Throttle          // so many make units at the same time: listeners who have a seat come first
	waiting chan struct{}              // holds a token for each who waits for that
	known   *recent.Values[unitsOf, *made]

	mu   sync.Mutex
	idle []Transcoder // guarded by mu
	open []opened     // guarded by mu; the transcoders of segments that are made in parts, who was worked on last behind
}

type opened struct {
	of         unitsOf
	transcoder Transcoder
}

// unitsOf names a segment.
type unitsOf struct {
	room    room.ID
	channel tape.Channel
	segment tape.Number
}

// made is a segment as far as it was made. Whoever holds its turn owns what stands below it.
type made struct {
	of   unitsOf
	turn chan struct{} // holds a token while somebody works on it

	before, packets [][]byte // what it was made of
	units           [][]byte
	ended           bool // the units behind those of the packets are among them
}

func newUnitsMade(maker func() (Transcoder, error)) *unitsMade {
	return &unitsMade{
		make: maker, working: make(throttle.Throttle, max(1, runtime.GOMAXPROCS(0)/4)), waiting: make(chan struct{}, maxUnmade),
		known: recent.New[unitsOf, *made](maxMade),
	}
}

// get gives the units of the packets of a segment's first frames, behind those before it; with those that are left, where the sound ends with
// them.
func (u *unitsMade) get(ctx context.Context, of unitsOf, before, packets [][]byte, ends bool) ([][]byte, error) {
	m := u.find(of)
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if units, ok := m.has(before, packets, ends); ok {
		return units, nil
	}
	select {
	case u.waiting <- struct{}{}:
		defer func() { <-u.waiting }()
	default:
		p := problem.New(problem.Busy, "Too many ask for AAC. Try again in a moment, or take Opus.")
		p.RetryAfter = time.Second + rand.N(2*time.Second)
		return nil, p
	}
	err := u.working.Do(ctx, func() error { return u.work(m, before, packets, ends) })
	if err != nil {
		return nil, err
	}
	units, _ := m.has(before, packets, ends)
	return units, nil
}

// find finds a segment, or begins one.
func (u *unitsMade) find(of unitsOf) *made {
	return u.known.Find(of, func() *made { return &made{turn: make(chan struct{}, 1), of: of} })
}

// forget drops what was made of a room whose tape is gone.
func (u *unitsMade) forget(id room.ID) {
	u.known.Forget(func(of unitsOf) bool { return of.room == id })
}

// has gives what was made already. The caller has the turn.
func (m *made) has(before, packets [][]byte, ends bool) (units [][]byte, ok bool) {
	n := len(packets)
	if !equal(m.before, before) || n > len(m.packets) || !equal(m.packets[:n], packets) {
		return nil, false
	}
	if ends {
		return m.units, m.ended && n == len(m.packets)
	}
	return m.units[:n*tape.GroupUnits/tape.GroupFrames], true
}

func equal(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }

// work makes what is lacking, or all where what was made is of other packets. The caller has the turn.
func (u *unitsMade) work(m *made, before, packets [][]byte, ends bool) (err error) {
	known := len(m.packets)
	t := u.resume(m.of)
	if t == nil || m.ended || known > len(packets) || !equal(m.before, before) || !equal(m.packets, packets[:known]) {
		known = 0
		m.before, m.packets, m.units, m.ended = before, nil, nil, false
		if t == nil {
			t, err = u.take()
		}
		if err == nil {
			err = t.Begin(before)
		}
	}
	units := m.units
	if err == nil {
		units, err = t.Append(units, packets[known:])
	}
	if err == nil && ends {
		units, err = t.End(units)
	}
	if err != nil {
		m.before, m.packets, m.units = nil, nil, nil
		return fmt.Errorf("make aac of segment %d: %w", m.of.segment, err)
	}
	m.packets, m.units, m.ended = packets, units, ends
	u.keep(m.of, t, ends || len(packets) == tape.SegmentFrames)
	return nil
}

// resume takes the transcoder that is in the middle of a segment; nil: none is.
func (u *unitsMade) resume(of unitsOf) (t Transcoder) {
	u.mu.Lock()
	defer u.mu.Unlock()
	i := slices.IndexFunc(u.open, func(o opened) bool { return o.of == of })
	if i < 0 {
		return nil
	}
	t = u.open[i].transcoder
	u.open = slices.Delete(u.open, i, i+1)
	return t
}

// take gives a transcoder that has nothing to do.
func (u *unitsMade) take() (Transcoder, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if n := len(u.idle); n > 0 {
		t := u.idle[n-1]
		u.idle = u.idle[:n-1]
		return t, nil
	}
	return u.make()
}

// keep keeps a transcoder: for the rest of its segment, or for others where that is whole.
func (u *unitsMade) keep(of unitsOf, t Transcoder, whole bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !whole {
		u.open = append(u.open, opened{of, t})
		if len(u.open) <= maxOpen {
			return
		}
		t = u.open[0].transcoder
		u.open = slices.Delete(u.open, 0, 1)
	}
	if len(u.idle) < cap(u.working) {
		u.idle = append(u.idle, t)
	}
}
