//go:build linux

package crowd

import (
	"container/heap"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/drill/plan"
	"github.com/epidaurus-live/epidaurus/drill/result"
)

// Those who are slow or stuck on purpose read an answer's beginning as others do, so that a refusal is one, and then hardly or never more.
const (
	sipEvery = time.Second
	// badBuffer is what the kernel may hold for one of them: as it is, some MiB would hide for minutes that nobody reads.
	badBuffer = 4 << 10
	// badRead is the most that one of them reads of an answer's beginning at once.
	badRead = 1 << 10
)

// bad is where a listener is counted who is slow or stuck on purpose; nil: he is not.
func (l *loop) bad(x *listener) *result.Misbehaved {
	if x.manner == plan.Good {
		return nil
	}
	return &l.tally.bad[x.manner]
}

// dawdle begins not to read.
func (l *loop) dawdle(x *listener) {
	x.state, x.began, x.tries = dawdling, l.now, 0
	l.bad(x).Seated++
	err := l.poller.control(unix.EPOLL_CTL_MOD, int(x.fd), x.slot, x.generation, unix.EPOLLRDHUP)
	switch {
	case err != nil:
		l.shutOut(x)
	case x.manner == plan.Slow:
		l.nap(x)
	}
}

func (l *loop) nap(x *listener) {
	heap.Push(&l.timers, timer{l.now + sipEvery, x.slot, x.generation})
}

// sip reads what one who is slow takes in a second.
func (l *loop) sip(x *listener) {
	rate := l.crowd.config.Plan.Rate()
	for left := rate; left > 0; {
		n, err := l.receive(x, l.buffer[:left])
		switch {
		case n > 0:
			left -= n
		case errors.Is(err, unix.EAGAIN), errors.Is(err, errAgain):
			left = 0
		case errors.Is(err, unix.EINTR):
		default:
			l.shutOut(x)
			return
		}
	}
	l.nap(x)
}

// shutOut takes it that the server has closed the connection of one who is slow or stuck. He does not come back.
func (l *loop) shutOut(x *listener) {
	l.bad(x).Closed++
	l.hangUp(x, false)
	l.forget(x)
}
