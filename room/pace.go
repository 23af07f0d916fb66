package room

import "time"

// Pace bounds how often one person does something: so many at once, then one each time. The zero value is somebody who has done nothing yet.
type Pace struct {
	spent time.Time // until then all that was done is paid for, at one each time
}

// Take counts one deed, or returns how long to wait with it. Every is what one costs, burst how many may be done at once.
func (p *Pace) Take(now time.Time, burst int, every time.Duration) (wait time.Duration) {
	spent := p.spent
	if spent.Before(now) {
		spent = now
	}
	spent = spent.Add(every)
	if over := spent.Sub(now) - time.Duration(burst)*every; over > 0 {
		return over
	}
	p.spent = spent
	return 0
}
