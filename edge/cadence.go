//go:build linux

package edge

import (
	"fmt"
	"time"

	"github.com/epidaurus-live/epidaurus/tape"
)

// step is one of the cadences, from the shortest: 0.24·2^k s.
type step uint8

// steps is how many there are.
const steps = 7

// cadence is how many frames lie between two writes to a seat.
func (k step) cadence() tape.Number { return tape.PageFrames << k }

// phases is how many there are of every step: as many as the shortest has frames.
const phases = tape.PageFrames

// grain is how many frames lie between the phases of a step. Seats that are written to together share their bytes, and wake the section and
// its neighbours on the machine once.
func (k step) grain() tape.Number { return k.cadence() / phases }

const (
	// manyRows is how many rows a section has when it begins to spare them: those of five rooms that take every phase.
	manyRows = 5 * phases

	// rowSeats is how many seats of a room are worth a phase of their own.
	rowSeats = 48
)

// sharedPhases is how many phases the newcomers of a room with so many seats share, where rows are spared. Each count is a multiple of the
// one before, so that a room that grows goes on using the rows it has.
func sharedPhases(seats int64) tape.Number {
	for _, n := range []tape.Number{phases, 4, 2} {
		if seats >= int64(n)*rowSeats {
			return n
		}
	}
	return 1
}

// margins is what a player must hold beyond the cadence when a write is due: the time that the write may be late, by the section, by the
// network, and by the player's own laziness.
var margins = [steps]tape.Number{20, 30, 50, 75, 75, 75, 75}

// needs is the least depth that carries the step.
func (k step) needs() tape.Number { return k.cadence() + margins[k] }

// grants is the depth that a newcomer is given so that the edge may write to it at a step. The first steps need no more than every
// player gets.
var grants = [steps]time.Duration{
	0, 0, 0, 0, 5500 * time.Millisecond, 9500 * time.Millisecond, 17 * time.Second,
}

// maxDepth is the deepest that a player is asked or believed to be.
const maxDepth = 17 * time.Second

// carries is the longest step that a depth carries. A depth below the shortest step's need carries that one all the same: nothing shorter
// is written.
func carries(depth tape.Number) step {
	k := step(steps - 1)
	for k > 0 && k.needs() > depth {
		k--
	}
	return k
}

// stepOf is the step whose cadence is d; ok is false where there is none.
func stepOf(d time.Duration) (_ step, ok bool) {
	for k := range step(steps) {
		if k.cadence().Duration() == d {
			return k, true
		}
	}
	return 0, false
}

// CheckCadence says what is wrong with a shortest cadence.
func CheckCadence(d time.Duration) error {
	if _, ok := stepOf(d); !ok {
		return fmt.Errorf("%v is no cadence: it must be 240ms, 480ms, 960ms, 1.92s, 3.84s, 7.68s or 15.36s", d)
	}
	return nil
}

// depthFor is the depth granted so that step k can be used, in a room whose players get usual otherwise.
func depthFor(k step, usual time.Duration) time.Duration {
	return max(usual, grants[k], k.needs().Duration())
}

// slowest is how much slower than real a player may play so that nobody hears it: what it gains in depth in a second.
const slowest = 0.03

// growth is how long a player that plays slow takes to gain by.
func growth(by time.Duration) time.Duration { return time.Duration(float64(by) / slowest) }
