//go:build linux

package edge

import (
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

func TestStepsFitTheirDepth(t *testing.T) {
	for k := range step(steps) {
		if k.cadence()%tape.PageFrames != 0 {
			t.Errorf("step %d: a cadence of %d frames is off the grid of pages", k, k.cadence())
		}
		for _, usual := range []time.Duration{room.LowDelayDepth, room.DefaultDepth} {
			depth := depthFor(k, usual)
			if got := carries(frames(depth)); got < k {
				t.Errorf("step %d: a depth of %v carries step %d only", k, depth, got)
			}
			if depth < usual || depth > maxDepth {
				t.Errorf("step %d: a depth of %v, where %v is usual", k, depth, usual)
			}
		}
		if k > 0 && carries(k.needs()-1) != k-1 {
			t.Errorf("step %d is carried by less than it needs", k)
		}
	}
	if first, second := margins[0], margins[3]; first != 20 || second != 75 {
		t.Errorf("margins of %v and %v, want 0.4 s and 1.5 s", first, second)
	}
	if got := growth(15 * time.Second); got != 500*time.Second {
		t.Errorf("15 s are gained in %v, want 500 s", got)
	}
}

// The depth table of docs/PROTOCOL.md.
func TestGrantedDepth(t *testing.T) {
	for _, tt := range []struct {
		expect int
		low    bool
		want   time.Duration
	}{
		{0, false, 4 * time.Second},
		{0, true, 750 * time.Millisecond},
		{19_000, false, 4 * time.Second},
		{19_000, true, 750 * time.Millisecond},
		{90_000, true, 1960 * time.Millisecond},
		{300_000, false, 5500 * time.Millisecond},
		{600_000, false, 9500 * time.Millisecond},
		{1_000_000, false, 17 * time.Second},
		{100_000_000, false, 17 * time.Second},
	} {
		h := open(t, func(c *Config) {
			c.Cores = 2
			c.Expect = func(room.Facts) int { return tt.expect }
		})
		if got := h.edge.grantDepth(room.Facts{LowDelay: tt.low}); got != tt.want {
			t.Errorf("%d expected, low delay %v: %v, want %v", tt.expect, tt.low, got, tt.want)
		}
	}
}

// A small room's newcomers share rows where a section has many, at frames that differ from room to room.
func TestRowsAreSparedWhereThereAreMany(t *testing.T) {
	const k = step(2)
	used := func(rows int, seats int64, spread uint32) map[tape.Number]bool {
		h := &hub{spread: spread}
		h.seats.Store(seats)
		s := &section{rows: rows}
		at := make(map[tape.Number]bool)
		for head := tape.Number(1000); head < 1000+k.cadence(); head++ {
			phase := s.phase(h, k, head)
			if phase < 0 || phase >= k.cadence() || phase%k.grain() != 0 {
				t.Fatalf("head %d gives phase %d", head, phase)
			}
			at[phase] = true
		}
		return at
	}
	for _, tt := range []struct {
		rows  int
		seats int64
		want  int
	}{
		{0, 1, phases}, {manyRows - 1, 1, phases},
		{manyRows, 1, 1}, {manyRows, 2*rowSeats - 1, 1}, {manyRows, 2 * rowSeats, 2}, {manyRows, 4 * rowSeats, 4},
		{manyRows, phases * rowSeats, phases},
	} {
		if got := len(used(tt.rows, tt.seats, 7)); got != tt.want {
			t.Errorf("%d rows, %d seats: %d phases, want %d", tt.rows, tt.seats, got, tt.want)
		}
	}
	all := make(map[tape.Number]bool)
	for spread := range uint32(phases) {
		for phase := range used(manyRows, 1, spread) {
			all[phase] = true
		}
	}
	if len(all) != phases {
		t.Errorf("small rooms use %d phases together, want %d", len(all), phases)
	}
	for few, many := range map[int64]int64{1: 2 * rowSeats, 2 * rowSeats: 4 * rowSeats, 4 * rowSeats: phases * rowSeats} {
		more := used(manyRows, many, 5)
		for phase := range used(manyRows, few, 5) {
			if !more[phase] {
				t.Errorf("phase %d of %d seats is none of %d", phase, few, many)
			}
		}
	}
}

// How far a seat may be behind before it is given silence: docs/PROTOCOL.md has the figures.
func TestBehind(t *testing.T) {
	s := &section{maxBehind: frames(8 * time.Second)}
	for k, want := range []time.Duration{8 * time.Second, 8 * time.Second, 8 * time.Second, 8 * time.Second, 8 * time.Second,
		15360 * time.Millisecond, 30720 * time.Millisecond} {
		if got := s.behind(&row{shape: shape{step: step(k)}}).Duration(); got != want {
			t.Errorf("at %v: %v, want %v", step(k).cadence().Duration(), got, want)
		}
	}
}

// A section that rests looks soon at a row that it makes: where rows are spared, that one may be due at once.
func TestNewRowEndsTheRest(t *testing.T) {
	b := newBench(t, 1, pairs)
	s := b.section
	reel := b.hub.reels[0]
	s.nextTick = s.clock + restMost*tick
	s.rowOf(s.blockOf(reel), shape{mp4, 3, 0}, b.head, false)
	if s.nextTick > s.clock+tick {
		t.Errorf("the next tick is %v away", s.nextTick-s.clock)
	}
	if block := s.blockOf(reel); block.look > s.clock {
		t.Errorf("the block is looked at in %v", block.look-s.clock)
	}
}
