package api

import (
	"sync"
	"time"
)

// limiter lets one pass every so often, and burst at once after a rest (the generic cell rate algorithm of ITU-T I.371, in its form
// of virtual scheduling).
type limiter struct {
	// immutable
	every time.Duration
	burst int

	mu   sync.Mutex
	next time.Time // guarded by mu: when the next would come who keeps exactly to the rate
}

// take lets the caller pass, with 0, or says how long to wait.
func (l *limiter) take(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	slack := time.Duration(l.burst-1) * l.every
	if l.next.Before(now) {
		l.next = now
	}
	// A clock that was set back must not close the door for as long as it was wrong.
	if latest := now.Add(slack + l.every); l.next.After(latest) {
		l.next = latest
	}
	if wait := l.next.Sub(now) - slack; wait > 0 {
		return wait
	}
	l.next = l.next.Add(l.every)
	return 0
}
