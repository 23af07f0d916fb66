package listener

import (
	"time"

	"github.com/epidaurus-live/epidaurus/tape"
)

// player is the ideal player of the package comment.
type player struct {
	playing bool
	origin  time.Duration // sound time of the first frame
	start   time.Duration // when that was played, moved on by every stall
	have    time.Duration // sound time behind the newest frame
}

// arrive tells the player at time now that it has the frames from first to next (exclusive). It returns what was held until then,
// and how long the player had stalled.
func (p *player) arrive(now time.Duration, first, next tape.Number) (held, stalled time.Duration) {
	if !p.playing || next.Duration() < p.have-rewind*tape.FrameDuration { // or the timeline went back
		*p = player{playing: true, origin: first.Duration(), start: now, have: next.Duration()}
		return 0, 0
	}
	held = p.held(now)
	if held < 0 {
		held, stalled = 0, -held
		p.start += stalled
	}
	p.have = max(p.have, next.Duration())
	return held, stalled
}

// held is the sound that is there and not played yet. It is negative while the player stalls: for how long.
func (p *player) held(now time.Duration) time.Duration {
	if !p.playing {
		return 0
	}
	return p.have - p.origin - (now - p.start)
}
