package listener

import "time"

// Bounds of the time between two tries.
const (
	firstRetry = 250 * time.Millisecond
	lastRetry  = 8 * time.Second
)

// backoff doubles from try to try, and spreads the tries of many listeners: each waits between half and all of it.
type backoff struct {
	random func() float64
	step   time.Duration // of the try before; zero after sound
}

func (b *backoff) next() time.Duration {
	b.step = min(max(2*b.step, firstRetry), lastRetry)
	return b.step/2 + time.Duration(b.random()*float64(b.step/2))
}

// reset is called when sound arrived.
func (b *backoff) reset() { b.step = 0 }
