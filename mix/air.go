package mix

import "time"

// Air is how the way from the stage to the listeners stands, as of the last tick. Moments are ticks of the stage's sound, counted from 1.
type Air struct {
	In, Out  int64 // the moments that came in and went out last; Out is 0 before the first
	Sounding bool  // the last tick let the stage out; otherwise what goes out is held back, and other sound or silence is heard instead

	Quiet   time.Duration // for which nothing came in that is louder than a pause
	Delay   time.Duration // what a dump removes now
	Wanted  time.Duration // what Delay is led to
	Filling time.Duration // for which what goes out is still held back, after a dump

	DumpFrom, DumpTo int64 // the first and the last moment that the last dump removed, and will have removed when it has come; 0: there was none

	Cart     string        // that plays on stage; empty: none
	CartLeft time.Duration // how long it goes on
}

// SetDelay sets the broadcast delay: the time that the voices and the carts take to the listeners, in whole ticks, at most MaxDelay. Before
// the first tick, and while the hold sound is heard, it is reached at once, which is to say that for so long nothing of the stage goes out.
// Later it is reached by pauses that are stretched or shortened.
func (m *Mixer) SetDelay(d time.Duration) {
	m.line.set(toTicks(min(max(d, 0), MaxDelay)))
}

// Dump removes what came in and has not gone out, and returns how much that was; where it is nothing, nothing happens. The next thing that
// is heard of the stage is what comes in 200 ms after this call: what was said before it may still be on its way to the mixer. Before that
// the fill is heard; while that plays the delay grows by its length.
func (m *Mixer) Dump(fill Fill) (removed time.Duration) {
	if fill.Cart != nil {
		m.line.reserve(fill.Cart.ticks())
	}
	gone := m.line.dump(func(want int) int {
		switch {
		case fill.Cart != nil:
			return fill.Cart.ticks()
		case fill.Hold:
			return want
		}
		return 0
	})
	if gone == 0 {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fill, m.refill = fill, true
	return ofTicks(gone)
}

// Fill is what is heard in the place of what was dumped: a cart, or the hold sound until the whole delay is there again, or nothing.
type Fill struct {
	Cart *Cart
	Hold bool
}

// Play plays a cart on stage, from its beginning, in the place of one that plays already. It reaches the listeners with what is said at the
// same time. Nil ends what plays.
func (m *Mixer) Play(c *Cart) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cart, m.recart = c, true
}

// Air tells how things stand, as of the last tick.
func (m *Mixer) Air() Air {
	a := m.line.air()
	m.mu.Lock()
	defer m.mu.Unlock()
	a.Cart, a.CartLeft = m.cartName, m.cartLeft
	return a
}

func (d *delayLine) air() Air {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Air{
		In: d.in, Out: d.out, Sounding: d.sounding, DumpFrom: d.dumpFrom, DumpTo: d.dumpTo,
		Quiet: ofTicks(d.silent), Delay: ofTicks(d.n), Wanted: ofTicks(d.want), Filling: ofTicks(d.swallow + d.withhold),
	}
}
