package channel

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/tape"
)

// errLost says that a renewal found the lease in another node's hand.
var errLost error = lostError{}

type lostError struct{}

func (lostError) Error() string   { return "the lease was lost" }
func (lostError) LeaseLost() bool { return true }

const (
	renewTimeout = 2 * time.Second
	reserveAhead = 2 * tape.FramesPerSec // more than is made between two renewals
)

// keeper renews a lease beside the tick, which must not wait for a store.
type keeper struct {
	lease Lease
	log   *slog.Logger
	ask   chan tape.Number // holds the latest frame made
	gone  atomic.Bool
	done  sync.WaitGroup
}

func keep(l Lease, log *slog.Logger) *keeper {
	k := &keeper{lease: l, log: log, ask: make(chan tape.Number, 1)}
	k.done.Go(k.run)
	return k
}

func (k *keeper) run() {
	for next := range k.ask {
		ctx, cancel := context.WithTimeout(context.Background(), renewTimeout)
		err := k.lease.Renew(ctx, next+reserveAhead)
		cancel()
		if isLost(err) {
			k.gone.Store(true)
		} else if err != nil {
			// Whoever cannot write cannot know that the lease is lost. The sound goes on: receivers drop it where a newer term has begun.
			k.log.Warn("the lease was not renewed", "error", err)
		}
	}
}

// isLost reports whether err says that another node holds the lease.
func isLost(err error) bool {
	var lost interface{ LeaseLost() bool }
	return errors.As(err, &lost) && lost.LeaseLost()
}

// renew asks for the lease to be renewed; it never blocks. It is called by one goroutine, and never after close.
func (k *keeper) renew(next tape.Number) {
	select {
	case <-k.ask: // a renewal is under way for long: the one that waits for it is out of date
	default:
	}
	k.ask <- next
}

func (k *keeper) lost() bool { return k.gone.Load() }

// close ends the renewals and gives the lease back, unless it is gone. A lease that cannot be given back runs out by itself.
func (k *keeper) close(ctx context.Context, next tape.Number) {
	close(k.ask)
	k.done.Wait()
	if k.lost() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	err := k.lease.Release(ctx, next)
	if err != nil && !isLost(err) {
		k.log.Warn("the lease was not given back", "error", err)
	}
}
