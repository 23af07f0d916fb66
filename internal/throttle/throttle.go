// Package throttle bounds how many do the same at one moment.
package throttle

import "context"

// Throttle has one place for each of those who may work at the same moment: make(Throttle, 4). However many come, everybody else has the
// processors to himself for most of the time. It may be used from any goroutine.
type Throttle chan struct{}

// Do waits for a place, calls work in it, and returns its error; or why ctx was done before there was one. Work should not wait for a
// client.
func (t Throttle) Do(ctx context.Context, work func() error) error {
	select {
	case t <- struct{}{}:
		defer func() { <-t }()
		return work()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
