//go:build linux

package crowd

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/drill/plan"
)

// connect begins a try.
func (l *loop) connect(x *listener) {
	source, target := x.place.route(int(x.number))
	fd, err := dial(source, target, x.manner != plan.Good)
	x.began = l.now
	if err != nil {
		switch {
		case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
			l.tally.reason("ran out of file descriptors: more agents have more (ulimit -n)")
			l.fail(x, "no_descriptor")
		case errors.Is(err, unix.EADDRNOTAVAIL):
			l.tally.reason("ran out of ports or has not these addresses: more sources have more")
			l.fail(x, "no_port")
		default:
			l.fail(x, "connect")
		}
		return
	}
	x.fd, x.state = int32(fd), connecting
	err = l.poller.control(unix.EPOLL_CTL_ADD, fd, x.slot, x.generation, wantOutput)
	if err != nil {
		l.fail(x, "connect")
	}
}

// connected goes on when a connection is there, or will not be.
func (l *loop) connected(x *listener) {
	err := connected(int(x.fd))
	if err == nil {
		err = l.poller.control(unix.EPOLL_CTL_MOD, int(x.fd), x.slot, x.generation, wantInput)
	}
	if err != nil {
		l.fail(x, "connect")
		return
	}
	x.began = l.now
	if l.crowd.tls == nil {
		l.ask(x)
		return
	}
	x.state = queued
	l.waiting = append(l.waiting, seat{x.slot, x.number})
	l.greet()
}

// ask sends the request. It fits into the buffer of a new connection.
func (l *loop) ask(x *listener) {
	l.scratch = x.request(l.scratch[:0], &l.crowd.config.Plan)
	var n int
	var err error
	if x.wire != nil {
		n, err = x.wire.tls.Write(l.scratch)
	} else {
		n, err = unix.Write(int(x.fd), l.scratch)
	}
	if err != nil || n < len(l.scratch) {
		l.broken(x)
		return
	}
	l.asked(x)
}

// asked waits for the head.
func (l *loop) asked(x *listener) {
	x.state, x.began, x.last = asking, l.now, l.now
	x.chunks, x.chunked, x.fresh, x.left, x.raw = chunker{}, false, true, -1, false
}

// query appends what our own protocol asks for beyond the address: where to go on, and what there is to live on.
func (x *listener) query(dst []byte, p *plan.Plan) []byte {
	separator := byte('?')
	for _, b := range []byte(x.place.path) {
		if b == '?' {
			separator = '&'
		}
	}
	add := func(name string, value int64) {
		dst = append(append(dst, separator), name...)
		dst = strconv.AppendInt(append(dst, '='), value, 10)
		separator = '&'
	}
	if x.next >= 0 {
		add("from", x.next)
		if x.depth > 0 {
			const most = 17 * time.Second
			add("depth", min(x.depth, most).Milliseconds())
		}
	}
	if p.Pace {
		add("pace", 1)
	}
	return dst
}

// fail ends a try that got no answer.
func (l *loop) fail(x *listener, why string) {
	if bad := l.bad(x); bad != nil {
		bad.Failed++
	} else {
		l.tally.fail(l.now, why)
	}
	l.hangUp(x, false)
	l.again(x, 0)
}

// again lets those come back who may, and forgets the others.
func (l *loop) again(x *listener, after time.Duration) {
	p := &l.crowd.config.Plan
	if x.old != nil || x.ever && p.Resume || !x.ever && p.Retry {
		l.comeBack(x, after)
		return
	}
	l.forget(x)
}

// broken ends a connection that broke off, in whatever state it is.
func (l *loop) broken(x *listener) {
	switch x.state {
	case hearing:
		l.lose(x)
	case refusing:
		l.refused(x)
	default:
		l.fail(x, "cut")
	}
}

// lose ends an answer that was cut off.
func (l *loop) lose(x *listener) {
	l.tally.row(l.now).Cuts++
	l.hangUp(x, false)
	l.again(x, 0)
}

// refused ends a try that was refused.
func (l *loop) refused(x *listener) {
	status := x.head.status
	code, after := refusal(*x.head, x.stash)
	if bad := l.bad(x); bad != nil {
		bad.Refused++
	} else {
		l.tally.refuse(l.now, code)
	}
	if x.hls != nil && x.hls.now.uri != "" && x.head.status == 404 {
		l.segmentRefused(x)
		return
	}
	final := status == 404 || status == 410 || status == 400
	l.hangUp(x, false)
	if final {
		l.forget(x)
		return
	}
	x.told = status == 429 // it is his address that is refused, and so it would be elsewhere
	l.again(x, after)
}

// ended takes an answer that was closed properly: there is no more.
func (l *loop) ended(x *listener) {
	l.tally.note("answers ended properly: there was no more to hear")
	l.hangUp(x, false)
	l.forget(x)
}

// elsewhere chooses another edge of those that the listener heard of, and reports whether it may be asked at once: until each has failed
// since there was sound, none is asked twice, and none is waited for. Who heard of none goes where he was.
func (l *loop) elsewhere(x *listener) bool {
	if x.edges == nil || l.crowd.wall(l.now).After(x.edges.expires) {
		return false
	}
	x.failed = append(x.failed, x.place)
	to := l.another(x)
	if to == nil {
		x.failed, x.waits = append(x.failed[:0], x.place), true
		to = l.another(x)
	}
	if to != nil {
		x.place = to
	}
	return to != nil && !x.waits
}

// another is a place at random of those that a listener heard of and that have not failed, each as likely; nil: there is none.
func (l *loop) another(x *listener) (to *place) {
	n := 0
	for _, origin := range x.edges.origins {
		p := l.places[origin]
		if p == nil || slices.ContainsFunc(x.failed, func(f *place) bool { return f.origin == p.origin }) {
			continue
		}
		n++
		if l.random.IntN(n) == 0 {
			to = p
		}
	}
	return to
}
