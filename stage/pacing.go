package stage

import "time"

// An encoder sends its sound over TCP: in bursts (a page of Ogg may hold a second), by its own clock, and after a stall much at once. pacing says
// when each packet is due on the stage. It begins a margin after the first arrival, measures by how much the sound that waits sinks
// at the lowest, and steers the rate so that this stays at the target: the encoder's clock is followed, whatever the bursts.
const (
	pacingMargin = 300 * time.Millisecond  // what waits at the lowest, at first; measured in TestEncoderDelay
	pacingMost   = 1500 * time.Millisecond // up to which the margin grows, by half with each time that nothing was left
	pacingWindow = 5 * time.Second         // over which the lowest is taken: longer than the longest usual page
	pacingSlack  = 400 * time.Millisecond  // more than so much above the target is skipped, less is made up by the rate
	pacingGain   = 1e-3                    // of the rate, for each second away from the target
	pacingSteer  = 300e-6                  // at most; a quartz is off by 100 ppm at worst
	pacingHeld   = 30 * time.Second        // after backpressure: how long the encoder counts as one that sends as fast as it may
	pacingBehind = 500 * time.Millisecond  // a process that was stopped for longer goes on from now
)

// pacing is owned by one goroutine. Its times are those of one monotonic clock, its lengths those of the sound.
type pacing struct {
	playing bool
	waiting bool          // something came, and the margin is not over yet
	begin   time.Duration // when it is
	due     time.Duration // when the next packet is, while playing
	target  time.Duration
	steer   float64 // how much faster than the nominal rate

	windowEnd time.Duration
	lowest    time.Duration
	heldAt    time.Duration // when the encoder was held back last; negative: never
	starved   time.Duration // since when nothing is left; valid when not playing and once played
	gap       time.Duration // of silence before the packet that comes next
	played    bool
}

func newPacing() pacing { return pacing{target: pacingMargin, heldAt: -pacingHeld} }

// step says what to do at now, while sound of this length waits, the first packet's length being next (0: nothing waits): whether that packet goes
// out now, how much of the oldest sound to skip before it, and otherwise how long to wait (0: until something comes).
func (p *pacing) step(now, waits, next time.Duration) (emit bool, skip, wait time.Duration) {
	if !p.playing {
		if next == 0 {
			return false, 0, 0
		}
		if !p.waiting {
			p.waiting, p.begin = true, now+p.target
		}
		if now < p.begin {
			return false, 0, p.begin - now
		}
		p.start(now)
	}
	if now < p.due {
		return false, 0, p.due - now
	}
	if next == 0 {
		p.starve(now)
		return false, 0, 0
	}
	if now-p.due > pacingBehind {
		p.due = now
	}
	p.lowest = min(p.lowest, waits-next)
	if now >= p.windowEnd {
		skip = p.adjust(now)
	}
	p.due += time.Duration(float64(next) * (1 - p.steer))
	return true, skip, 0
}

func (p *pacing) start(now time.Duration) {
	p.playing, p.waiting, p.due, p.gap = true, false, now, 0
	if p.played {
		p.gap = now - p.starved
	}
	p.played = true
	p.window(now)
}

// starve waits for the margin again, and for more of it: the line is less even than it was thought to be.
func (p *pacing) starve(now time.Duration) {
	p.playing, p.starved = false, now
	p.target = min(p.target*3/2, pacingMost)
}

func (p *pacing) window(now time.Duration) {
	p.windowEnd, p.lowest = now+pacingWindow, 1<<62
}

// adjust ends a window, and returns what is to be skipped.
func (p *pacing) adjust(now time.Duration) (skip time.Duration) {
	excess := p.lowest - p.target
	p.window(now)
	switch {
	case now-p.heldAt < pacingHeld:
		p.steer = 0 // it has no clock of its own
	case excess > pacingSlack:
		return excess
	default:
		p.steer = min(max(excess.Seconds()*pacingGain, -pacingSteer), pacingSteer)
	}
	return 0
}

// held notes that the encoder was kept from sending.
func (p *pacing) held(now time.Duration) { p.heldAt = now }

// away is for how long nothing was left, if that is so now.
func (p *pacing) away(now time.Duration) time.Duration {
	if p.playing || !p.played {
		return 0
	}
	return now - p.starved
}
