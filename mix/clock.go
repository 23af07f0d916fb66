package mix

import "math"

// The sender's clock is followed by a second-order loop over the earliest arrivals of each second, near critical damping. Where arrivals
// are spread widely it takes more of them to find an early one, and the blocks are longer.
const (
	clockBlock   = sampleRate
	clockPhase   = 0.25
	clockDrift   = 0.02
	maxDrift     = 1000e-6
	routeFaster  = 5 * millisecond  // an arrival so much too early moves the line at once
	routeSlower  = 40 * millisecond // a block so much too late is a new route…
	routeBlocks  = 3                // …when it is not the only one
	clockPackets = 5                // a block of fewer says nothing
	clockSpread  = 10 * millisecond // a mean lateness of so much makes a block longer by its own length…
	clockLongest = 8                // …up to so many lengths
)

// senderClock is a line under the arrivals of one stream: where on our clock the fastest packet of each moment arrives. Its slope is the
// drift between the two clocks, its distance to a packet that packet's lateness.
type senderClock struct {
	begun bool
	base  float64 // arrival less timestamp, in samples, at ref
	slope float64 // samples per sample; negative when the sender's clock is fast
	ref   float64

	blockEnd   float64
	earliest   float64
	total      float64 // lateness
	packets    int
	begin      float64
	blocks     int
	lateBlocks int
}

// line returns the arrival less timestamp of the fastest packet at the time at.
func (c *senderClock) line(at float64) float64 { return c.base + c.slope*(at-c.ref) }

// observe takes a packet into account and returns its lateness in samples, which is never negative.
func (c *senderClock) observe(at float64, ts int64) float64 {
	offset := at - float64(ts)
	if !c.begun {
		*c = senderClock{begun: true, base: offset, ref: at}
		c.block(at)
	}
	if at >= c.blockEnd {
		c.adjust(at)
	}
	late := offset - c.line(at)
	if late < -routeFaster {
		c.base += late
		c.earliest, c.total, c.packets = math.Inf(1), 0, 0
		late = 0
	}
	c.earliest = min(c.earliest, late)
	c.total += late
	c.packets++
	return max(late, 0)
}

// adjust ends a block: it turns the line towards the block's earliest arrival.
func (c *senderClock) adjust(at float64) {
	c.base, c.ref = c.line(at), at
	switch {
	case c.packets < clockPackets:
	case c.earliest > routeSlower:
		c.lateBlocks++
		if c.lateBlocks == routeBlocks {
			c.base += c.earliest
			c.lateBlocks = 0
		}
	default:
		c.lateBlocks = 0
		c.blocks++
		c.base += max(clockPhase, 1/float64(c.blocks+1)) * c.earliest
		c.slope += clockDrift * c.earliest / (at - c.begin)
		c.slope = min(max(c.slope, -maxDrift), maxDrift)
	}
	c.block(at)
}

// block begins a block at the time at, as long as the last one asks for.
func (c *senderClock) block(at float64) {
	lengths := 1.0
	if c.blocks > 1 && c.packets > 0 {
		lengths = min(1+c.total/float64(c.packets)/clockSpread, clockLongest)
	}
	c.begin, c.blockEnd = at, at+lengths*clockBlock
	c.earliest, c.total, c.packets = math.Inf(1), 0, 0
}
