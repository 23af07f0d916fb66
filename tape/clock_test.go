package tape_test

import (
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/tape"
)

var epoch = time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)

func TestClockCounts(t *testing.T) {
	const boot = 5 * time.Hour
	c := tape.NewClock(epoch, 1000, boot)
	for _, row := range []struct {
		after time.Duration
		begun tape.Number
		until time.Duration // frame 1000 is over
	}{
		{0, 1000, 20 * time.Millisecond},
		{19 * time.Millisecond, 1000, time.Millisecond},
		{20 * time.Millisecond, 1001, 0},
		{time.Second, 1050, -980 * time.Millisecond},
	} {
		if got := c.Begun(boot + row.after); got != row.begun {
			t.Errorf("after %v frame %d runs, want %d", row.after, got, row.begun)
		}
		if got := c.Until(1000, boot+row.after); got != row.until {
			t.Errorf("after %v frame 1000 is over in %v, want %v", row.after, got, row.until)
		}
	}
}

// A step of the wall clock moves nothing: the room's time is pulled by at most 50 ppm, and never back.
func TestClockStep(t *testing.T) {
	for _, step := range []time.Duration{-30 * time.Second, 30 * time.Second} {
		c := tape.NewClock(epoch, 0, 0)
		var last tape.Number
		for s := time.Duration(0); s <= 2*time.Hour; s += 100 * time.Millisecond {
			wall := epoch.Add(s)
			if s > time.Hour {
				wall = wall.Add(step)
			}
			if s%time.Second == 0 {
				c.Observe(s, wall)
			}
			n := c.Begun(s)
			if n < last || n-last > 6 {
				t.Fatalf("step %v: at %v the clock went from frame %d to %d", step, s, last, n)
			}
			last = n
		}
		off := last.Duration() - 2*time.Hour
		if limit := time.Duration(float64(time.Hour)*50e-6) + tape.FrameDuration; off.Abs() > limit {
			t.Errorf("step %v: an hour later the room is off by %v, more than 50 ppm (%v)", step, off, limit)
		}
	}
}

// A machine whose monotonic clock is 20 ppm fast stays with the wall clock.
func TestClockFollowsTheWall(t *testing.T) {
	c := tape.NewClock(epoch, 0, 0)
	for s := time.Duration(0); s <= 6*time.Hour; s += time.Second {
		mono := s + time.Duration(float64(s)*20e-6)
		c.Observe(mono, epoch.Add(s))
		if off := c.Begun(mono).Duration() - s; off.Abs() > 25*time.Millisecond {
			t.Fatalf("at %v the room is %v away from the wall clock", s, off)
		}
	}
}
