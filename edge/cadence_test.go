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
