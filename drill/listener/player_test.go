package listener

import (
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/tape"
)

// TestPlayer follows the ideal player through a stall.
func TestPlayer(t *testing.T) {
	var p player
	for _, step := range []struct {
		at            time.Duration
		to            tape.Number // frames that are there
		held, stalled time.Duration
	}{
		{at: 5 * time.Second, to: 50},
		{at: 5*time.Second + 240*time.Millisecond, to: 62, held: 760 * time.Millisecond},
		{at: 7 * time.Second, to: 100, stalled: 760 * time.Millisecond}, // 1.24 s of sound in 2 s
		{at: 7 * time.Second, to: 100, held: 760 * time.Millisecond},
		{at: 7*time.Second + 100*time.Millisecond, to: 90, held: 660 * time.Millisecond}, // nothing new
	} {
		held, stalled := p.arrive(step.at, start, start+step.to)
		if held != step.held || stalled != step.stalled {
			t.Errorf("at %s: held %s, stalled %s; want %s, %s", step.at, held, stalled, step.held, step.stalled)
		}
	}
	if got := p.held(7*time.Second + 960*time.Millisecond); got != -200*time.Millisecond {
		t.Errorf("held %s in the middle of a stall", got)
	}
}
