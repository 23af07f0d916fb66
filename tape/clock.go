package tape

import "time"

const (
	maxSlew    = 50e-6 // of the room's own time: inaudible, and 0.18 s in an hour
	slewWindow = time.Minute
)

// Clock numbers a room's frames. It is anchored once and then runs on the caller's monotonic time; the wall clock may pull it by at
// most 50 ppm, so a step of the wall clock moves nothing.
//
// It is owned by one goroutine.
type Clock struct {
	epoch  time.Time
	anchor time.Duration // monotonic time at which the room's time was position
	base   time.Duration // the room's time at anchor, since epoch
	rate   float64       // correction, within ±maxSlew
}

// NewClock makes a clock by which frame next begins at monotonic time mono. Epoch is the wall-clock time at which frame 0 begins.
func NewClock(epoch time.Time, next Number, mono time.Duration) *Clock {
	return &Clock{epoch: epoch, anchor: mono, base: next.Duration()}
}

// Observe compares the clock with the wall clock and sets how it is pulled until the next call.
func (c *Clock) Observe(mono time.Duration, wall time.Time) {
	c.base, c.anchor = c.position(mono), mono
	// Round strips the monotonic reading: the difference has to be that of the wall clocks.
	behind := wall.Round(0).Sub(c.epoch) - c.base
	c.rate = min(max(float64(behind)/float64(slewWindow), -maxSlew), maxSlew)
}

// Begun is the frame that is running at monotonic time mono: all before it are over.
func (c *Clock) Begun(mono time.Duration) Number {
	return Number(c.position(mono) / FrameDuration)
}

// Until is how long after mono frame n is over; it is not positive when it already is.
func (c *Clock) Until(n Number, mono time.Duration) time.Duration {
	left := (n + 1).Duration() - c.position(mono)
	return time.Duration(float64(left) / (1 + c.rate))
}

func (c *Clock) position(mono time.Duration) time.Duration {
	d := mono - c.anchor
	return c.base + d + time.Duration(float64(d)*c.rate)
}
