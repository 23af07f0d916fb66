package crowd

import "time"

// rewind is how far before the wanted sound an answer may begin. Further back is another timeline.
const rewind = 60 * time.Second

// player is the ideal player that drill/listener describes: it began with the first sound at the moment it arrived, and plays a second
// of sound in a second.
type player struct {
	base time.Duration // when sound time 0 was played, moved on by every stall
	have time.Duration // sound time behind the newest sound
	on   bool
}

// arrive tells the player at time now that it has the sound from first to next. It returns how long it had stalled.
func (p *player) arrive(now, first, next time.Duration) (stalled time.Duration) {
	if !p.on || next < p.have-rewind {
		*p = player{base: now - first, have: next, on: true}
		return 0
	}
	if held := p.held(now); held < 0 {
		stalled = -held
		p.base += stalled
	}
	p.have = max(p.have, next)
	return stalled
}

// held is the sound that is there and not played yet; negative while the player stalls.
func (p *player) held(now time.Duration) time.Duration {
	if !p.on {
		return 0
	}
	return p.have - (now - p.base)
}
