// Package clock is the machine's two clocks, for those who are given time instead of taking it.
package clock

import (
	"context"
	"time"
)

var start = time.Now()

// Mono is the time since the process began. It never steps.
func Mono() time.Duration { return time.Since(start) }

// Machine is the clocks of this machine. All methods may be called from any goroutine.
type Machine struct{}

// Mono is the time since the process began. It never steps.
func (Machine) Mono() time.Duration { return Mono() }

// Wall is the time of day, which may step.
func (Machine) Wall() time.Time { return time.Now() }

// Sleep waits for d, or until ctx is done, whose error it returns.
func (Machine) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
