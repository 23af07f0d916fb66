//go:build linux

package crowd

import (
	"container/heap"
	"crypto/tls"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/drill/plan"
	"github.com/epidaurus-live/epidaurus/internal/epoll"
)

const (
	bufferSize    = 64 << 10
	arrivalsATime = 64               // between two looks at the sockets
	readsATime    = 8                // of one socket
	looksForCut   = 4096             // where nearly all are gone, a cut must not cost a look at each
	joinPatience  = 20 * time.Second // for connection, handshake and head, each
	silence       = 20 * time.Second // the longest cadence is 15.36 s
	longestWait   = 100 * time.Millisecond
)

// loop is one goroutine with an epoll, and the listeners that are its.
type loop struct {
	// immutable
	crowd  *Crowd
	index  int // of all shares of the drill
	poller *poller
	home   *place

	// of the loop's goroutine
	cursor    *plan.Cursor
	random    *rand.Rand
	buffer    []byte
	scratch   []byte // requests
	at        *listener
	listeners []*listener // by slot; nil is free
	free      []int32
	order     []seat // who came, oldest first
	oldest    int
	cutter    int
	timers    timers
	waiting   []seat // for a handshake
	busy      int    // handshakes
	hellos    sync.WaitGroup
	lookups   sync.WaitGroup
	keeper    *edgeKeeper
	sums      sums
	others    map[string]*sums  // of the rooms where listeners were moved
	places    map[string]*place // by origin; nil: not known yet, or not to be used
	configs   map[string]*tls.Config
	swept     time.Duration
	now       time.Duration // since the drill began

	mu sync.Mutex
	// guarded by mu, which the loop holds while it works
	tally tally

	posts struct {
		sync.Mutex
		run []func() // from other goroutines, for the loop
	}
}

// seat names a listener that may be gone.
type seat struct{ slot, number int32 }

// timer is when a listener wakes up.
type timer struct {
	at         time.Duration
	slot       int32
	generation int32
}

type timers []timer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at < t[j].at }
func (t timers) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *timers) Push(x any)        { *t = append(*t, x.(timer)) }
func (t *timers) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}

func newLoop(c *Crowd, index int) (*loop, error) {
	p, err := newPoller()
	if err != nil {
		return nil, err
	}
	return &loop{
		crowd: c, index: index, poller: p, home: c.home,
		cursor: c.script.Cursor(index, c.config.Of*c.config.Loops),
		random: rand.New(rand.NewPCG(c.config.Plan.Seed, uint64(index))),
		buffer: make([]byte, bufferSize), keeper: newEdgeKeeper(), places: map[string]*place{}, configs: map[string]*tls.Config{},
		tally: newTally(c.begun),
	}, nil
}

// post gives the loop something to do. Any goroutine may call it.
func (l *loop) post(do func()) {
	l.posts.Lock()
	l.posts.run = append(l.posts.run, do)
	l.posts.Unlock()
	l.poller.wake()
}

// run plays the loop's share of the script.
func (l *loop) run(done <-chan struct{}) {
	runtime.LockOSThread() // so that the loop's own CPU time can be read
	defer runtime.UnlockOSThread()
	l.mu.Lock()
	ready := l.elapsed()
	for stop := false; !stop; {
		l.step()
		timeout := l.timeout()
		before := l.elapsed()
		l.mu.Unlock()
		events := l.poller.wait(timeout)
		l.mu.Lock()
		l.now = l.elapsed()
		// What is ready at once may have been so since the wait before: this is the most that a socket waited.
		if l.now-before > time.Millisecond {
			ready = l.now
		}
		for i := range events {
			l.handle(&events[i], ready)
		}
		if len(events) < len(l.poller.events) {
			ready = l.now
		}
		select {
		case <-done:
			stop = true
		default:
			stop = l.now >= l.crowd.script.Duration
		}
	}
	l.end()
	l.mu.Unlock()
	l.hellos.Wait()
	l.lookups.Wait()
	l.mu.Lock()
	l.runPosts()
	l.mu.Unlock()
}

func (l *loop) elapsed() time.Duration { return time.Since(l.crowd.begun) }

// step does what is due by the clock.
func (l *loop) step() {
	l.now = l.elapsed()
	l.tally.tick(l.now)
	for range arrivalsATime {
		m, ok := l.cursor.Next(l.now)
		if !ok {
			break
		}
		l.act(m)
		l.now = l.elapsed()
	}
	for len(l.timers) > 0 && l.timers[0].at <= l.now {
		t := heap.Pop(&l.timers).(timer)
		x := l.listeners[t.slot]
		switch {
		case x == nil || x.generation != t.generation:
		case x.state == away:
			l.wakeUp(x)
		case x.state == dawdling:
			l.sip(x)
		}
	}
	if l.now-l.swept >= time.Second {
		l.swept = l.now
		l.sweep()
		l.tally.cpu(l.now)
	}
}

// timeout is how long there is nothing to do by the clock.
func (l *loop) timeout() time.Duration {
	wait := longestWait
	if m, ok := l.cursor.Peek(); ok {
		wait = min(wait, m.At-l.now)
	}
	if len(l.timers) > 0 {
		wait = min(wait, l.timers[0].at-l.now)
	}
	return max(wait, 0)
}

func (l *loop) act(m plan.Moment) {
	switch m.Act {
	case plan.Arrive:
		l.arrive(m)
	case plan.Depart:
		for l.oldest < len(l.order) {
			x := l.find(l.order[l.oldest])
			l.oldest++
			if x == nil {
				continue
			}
			if bad := l.bad(x); bad != nil {
				bad.Left++
			} else {
				l.tally.row(l.now).Left++
			}
			l.leave(x)
			return
		}
	case plan.Cut:
		for range min(len(l.order)-l.oldest, looksForCut) {
			if l.cutter < l.oldest || l.cutter >= len(l.order) {
				l.cutter = l.oldest
			}
			x := l.find(l.order[l.cutter])
			l.cutter++
			if x != nil && x.state == hearing {
				l.tally.broken++
				l.tally.row(l.now).Cuts++
				l.hangUp(x, true)
				l.comeBack(x, 0)
				return
			}
		}
	}
}

func (l *loop) find(s seat) *listener {
	x := l.listeners[s.slot]
	if x == nil || x.number != s.number {
		return nil
	}
	return x
}

func (l *loop) arrive(m plan.Moment) {
	l.tally.late.Record(l.now - m.At)
	p := &l.crowd.config.Plan
	x := &listener{number: int32(m.Number), due: m.At, place: l.home, fd: -1, next: -1, began: l.now}
	x.manner, x.check = p.Role(m.Number)
	if bad := l.bad(x); bad != nil {
		bad.Due++
	} else {
		l.tally.row(m.At).Due++
		l.tally.row(l.now).Begun++
	}
	if p.Kind == plan.HLS {
		x.hls = newHLS(l.home)
	}
	l.seatOf(x)
	l.order = append(l.order, seat{x.slot, x.number})
	l.connect(x)
}

// seatOf gives a listener a slot.
func (l *loop) seatOf(x *listener) {
	if n := len(l.free); n > 0 {
		x.slot, l.free = l.free[n-1], l.free[:n-1]
		l.listeners[x.slot] = x
	} else {
		x.slot = int32(len(l.listeners))
		l.listeners = append(l.listeners, x)
	}
}

// leave ends a listener, as the plan wanted.
func (l *loop) leave(x *listener) {
	if x.state == handshaking {
		x.wire.hangUp() // whoever computes it posts, and then it is closed
	} else {
		l.hangUp(x, false)
	}
	l.forget(x)
}

// forget frees a listener's slot.
func (l *loop) forget(x *listener) {
	if x.state == gone {
		return
	}
	if x.state != handshaking {
		x.state = gone
	}
	l.listeners[x.slot] = nil
	l.free = append(l.free, x.slot)
}

// hangUp closes the connection. A player that has nothing left at that moment has stalled.
func (l *loop) hangUp(x *listener, abruptly bool) {
	if x.fd >= 0 {
		if abruptly {
			abort(int(x.fd))
		} else {
			unix.Close(int(x.fd))
		}
		x.fd = -1
	}
	if x.seated {
		x.seated = false
		l.tally.unseat(l.now)
	}
	x.generation++
	x.wire, x.stash, x.head, x.boxes, x.pages = nil, nil, nil, nil, nil
	x.state = away
}

// comeBack lets a listener try again, after at least so long.
func (l *loop) comeBack(x *listener, after time.Duration) {
	fresh := l.elsewhere(x) && !x.told
	x.told = false
	if x.hls != nil {
		x.hls.restart()
	}
	var wait time.Duration
	if fresh {
		wait, after = time.Duration(l.random.Float64()*float64(firstRetry)), 0
	} else {
		wait = x.backoff(l.random.Float64())
	}
	if after > 0 {
		wait = max(wait, after+time.Duration(l.random.Float64()*float64(after)/5))
	}
	if x.ever && !x.resuming && x.old == nil {
		x.resuming, x.lost = true, l.now
	}
	l.sleep(x, wait)
}

func (l *loop) sleep(x *listener, wait time.Duration) {
	x.began, x.state = l.now, away
	heap.Push(&l.timers, timer{l.now + wait, x.slot, x.generation})
}

func (l *loop) wakeUp(x *listener) {
	if x.hls != nil && x.fd >= 0 {
		l.ask(x)
		return
	}
	l.connect(x)
}

// sweep looks for those who wait too long.
func (l *loop) sweep() {
	for _, x := range l.listeners {
		if x == nil {
			continue
		}
		switch x.state {
		case connecting, asking, refusing, queued:
			if l.now-x.began > joinPatience {
				l.fail(x, "timeout")
			}
		case handshaking:
			if l.now-x.began > joinPatience {
				x.wire.hangUp()
			}
		case hearing:
			if l.now-x.last > silence {
				l.tally.note("answers were open and brought nothing for 20 s")
				l.lose(x)
			}
		}
	}
}

// end closes everything.
func (l *loop) end() {
	l.now = l.elapsed()
	l.tally.tick(l.now)
	for {
		m, ok := l.cursor.Next(min(l.now, l.crowd.script.Duration))
		if !ok {
			break
		}
		if m.Act == plan.Arrive { // the loop did not get round to it
			if manner, _ := l.crowd.config.Plan.Role(m.Number); manner == plan.Good {
				l.tally.row(m.At).Due++
			} else {
				l.tally.bad[manner].Due++
			}
			l.tally.late.Record(l.now - m.At)
		}
	}
	for _, x := range l.listeners {
		if x == nil {
			continue
		}
		if x.play.held(l.now) < 0 && x.state == hearing {
			l.stalled(x)
		}
		l.leave(x)
	}
	l.tally.cpu(l.now)
}

// runPosts does what other goroutines asked for.
func (l *loop) runPosts() {
	l.posts.Lock()
	run := l.posts.run
	l.posts.run = nil
	l.posts.Unlock()
	for _, do := range run {
		do()
	}
}

// handle takes one event of a socket, that was ready since then at the earliest.
func (l *loop) handle(e *unix.EpollEvent, ready time.Duration) {
	if e.Fd == epoll.WakeSlot {
		l.poller.calm()
		l.runPosts()
		return
	}
	x := l.listeners[e.Fd]
	if x == nil || x.generation != e.Pad {
		return
	}
	l.now = l.elapsed()
	l.tally.lag.Record(l.now - ready)
	switch x.state {
	case connecting:
		l.connected(x)
	case handshaking:
		l.feedWire(x)
	case asking, refusing, hearing:
		l.readable(x)
	case dawdling: // an event from before may tell of what is there to read
		if e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
			l.shutOut(x)
		}
	case away:
		if x.hls != nil {
			l.readable(x)
		}
	}
}
