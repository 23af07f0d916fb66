//go:build linux

package edge

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
)

// door bounds the connections of a server that are accepted and are not seats, so that half-open requests cannot eat the descriptors of
// seats and stage. Those between two requests, who have shown that they are served here, may be more by what the seats leave. A newcomer beyond the
// bound takes the place of the oldest whose first request is not whole, else of the oldest that is
// between two requests, else of one whose request has been under way for longer than any takes; where there is none he is turned away unread.
// An origin that holds many half-open requests gives way before others do: who opens thousands from one place closes his own, and no
// stranger's handshake.
type door struct {
	// immutable
	most     int
	spare    func() int // how many more there may be of those between two requests; nil: none
	random   func() float64
	now      func() time.Duration
	patience time.Duration // how long a newcomer, and all behind him, waits for the server to close what was evicted

	gone chan struct{} // has one while something evicted was closed since somebody looked

	evicted    atomic.Uint64
	turnedAway atomic.Uint64

	mu     sync.Mutex
	known  map[net.Conn]*caller // guarded by mu
	queues [goingQueue + 1]queue
	kin    map[origin]*queue // guarded by mu; the half-open of each origin that has any
	crowd  *queue            // guarded by mu; the longest of kin, as far as those who came lately tell; nil: none
}

// The queues of a door, in the order of eviction.
const (
	halfOpenQueue = iota // the first request is not whole
	idleQueue            // between two requests
	activeQueue          // a request is under way
	keptQueue            // a request is under way that may last, see Door.Keep: it counts for nothing
	goingQueue           // evicted, and not yet closed by the server
)

// activeLeast is how long a request is left alone: longer than a listener waits for the first frame of a channel.
const activeLeast = 10 * time.Second

// originPart is which part of a door's most one origin may have half open before it gives way first.
const originPart = 8

// How many evicted connections may still have to be closed by the server, as a part of the door's most, and how long that may take. It takes
// no longer than a goroutine has to wait for its turn.
const (
	goingPart     = 4
	goingPatience = 250 * time.Millisecond
)

// caller is one connection, linked with its neighbours in its queue, and in that of its origin.
type caller struct {
	conn   net.Conn
	origin origin
	queue  int
	since  time.Duration // when it came into the queue
	links  [byOrigin + 1]struct{ prev, next *caller }
}

// Which links a queue uses.
const (
	byState = iota
	byOrigin
)

// queue is a list of callers, oldest first.
type queue struct {
	by          int
	first, last *caller
	length      int
}

func (q *queue) push(c *caller) {
	links := &c.links[q.by]
	links.prev, links.next = q.last, nil
	if q.last == nil {
		q.first = c
	} else {
		q.last.links[q.by].next = c
	}
	q.last = c
	q.length++
}

func (q *queue) remove(c *caller) {
	links := &c.links[q.by]
	if links.prev == nil {
		q.first = links.next
	} else {
		links.prev.links[q.by].next = links.next
	}
	if links.next == nil {
		q.last = links.prev
	} else {
		links.next.links[q.by].prev = links.prev
	}
	q.length--
}

func newDoor(most int, random func() float64, now func() time.Duration) *door {
	return &door{
		most: most, random: random, now: now, patience: goingPatience,
		gone: make(chan struct{}, 1), known: make(map[net.Conn]*caller), kin: make(map[origin]*queue),
	}
}

// ConnState is for http.Server.ConnState of a server that strangers reach and that serves Handler: it bounds its connections to
// Config.MaxWaiting beside the seats. A call for a new connection may wait for calls that tell of the end of others.
func (e *Edge) ConnState(conn net.Conn, state http.ConnState) { e.door.connState(conn, state) }

// Door is for another port of the process than the listeners', so that half-open requests to that one cannot eat its descriptors either. Its
// methods may be called from any goroutine.
type Door struct{ door *door }

// NewDoor makes a door with a bound of its own, at most Config.MaxWaiting. Nothing of it is in Stats.
func (e *Edge) NewDoor(most int) Door {
	return Door{newDoor(max(1, min(most, e.config.MaxWaiting)), e.config.Random, e.now)}
}

// ConnState is for http.Server.ConnState.
func (d Door) ConnState(conn net.Conn, state http.ConnState) { d.door.connState(conn, state) }

// Keep says that the request that is under way on a connection may last: until it is over, the connection gives way to nobody and counts for
// nothing. It must be one that strangers cannot make.
func (d Door) Keep(conn net.Conn) { d.door.move(conn, keptQueue) }

// DoorStats is what a door counted since it was made.
type DoorStats struct {
	Open       int    // connections now, without those that are kept
	Most       int    // of these
	Kept       int    // connections that are kept, now
	Evicted    uint64 // closed to let newcomers in
	TurnedAway uint64 // newcomers closed unread
}

// Stats reads the counters.
func (d Door) Stats() DoorStats {
	s := DoorStats{Most: d.door.most, Evicted: d.door.evicted.Load(), TurnedAway: d.door.turnedAway.Load()}
	d.door.mu.Lock()
	defer d.door.mu.Unlock()
	s.Kept = d.door.queues[keptQueue].length
	s.Open = len(d.door.known) - s.Kept
	return s
}

func (d *door) connState(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		d.enter(conn)
	case http.StateActive:
		d.move(conn, activeQueue)
	case http.StateIdle:
		d.move(conn, idleQueue)
	case http.StateHijacked, http.StateClosed:
		d.leave(conn)
	}
}

// enter lets a newcomer in. The server calls it before it accepts the next one, so that what it closes is closed before that.
func (d *door) enter(conn net.Conn) {
	d.settle()
	d.mu.Lock()
	out := d.roomLocked()
	limit := d.limitLocked()
	in := len(d.known)-d.queues[keptQueue].length < limit+d.goingMost() && (out != nil || d.waitingLocked() < limit)
	if in {
		c := &caller{conn: conn, origin: peerOf(conn)}
		d.known[conn] = c
		d.putLocked(c, halfOpenQueue)
	}
	if out != nil && in {
		d.takeOutLocked(out)
		d.putLocked(out, goingQueue)
	}
	d.mu.Unlock()
	switch {
	case !in:
		d.turnedAway.Add(1)
		turnAway(conn, d.random())
	case out != nil:
		d.evicted.Add(1)
		_ = beneath(out.conn).Close() // the server's goroutine finds out, and says so by StateClosed
	}
}

// goingMost is how many evicted connections may be open.
func (d *door) goingMost() int { return max(1, d.most/goingPart) }

// settle waits while the server has as many evicted connections to close as it may: to accept goes faster than that.
func (d *door) settle() {
	d.mu.Lock()
	hurried := d.queues[goingQueue].length >= d.goingMost()
	d.mu.Unlock()
	if !hurried {
		return
	}
	late := time.NewTimer(d.patience)
	defer late.Stop()
	for hurried {
		select {
		case <-d.gone:
		case <-late.C:
			return
		}
		d.mu.Lock()
		hurried = d.queues[goingQueue].length >= d.goingMost()
		d.mu.Unlock()
	}
}

// waitingLocked is how many connections there are, without those that are kept or go. The caller holds mu.
func (d *door) waitingLocked() int {
	return len(d.known) - d.queues[keptQueue].length - d.queues[goingQueue].length
}

// limitLocked is how many there may be as they are: most, and beyond it some between two requests. The caller holds mu.
func (d *door) limitLocked() int {
	if d.spare == nil {
		return d.most
	}
	return d.most + min(d.queues[idleQueue].length, d.spare())
}

// fit lets one connection between two requests go, where the limit has come down to fewer than there are.
func (d *door) fit() {
	d.mu.Lock()
	out := d.queues[idleQueue].first
	if out == nil || d.waitingLocked() <= d.limitLocked() {
		d.mu.Unlock()
		return
	}
	d.takeOutLocked(out)
	d.putLocked(out, goingQueue)
	d.mu.Unlock()
	d.evicted.Add(1)
	_ = beneath(out.conn).Close()
}

// roomLocked chooses who has to go for a newcomer: nobody while there is room, or where nobody can be sent away. The caller holds mu.
func (d *door) roomLocked() *caller {
	if d.waitingLocked() < d.limitLocked() {
		return nil
	}
	if d.crowd != nil && d.crowd.length > d.most/originPart {
		return d.crowd.first
	}
	for _, q := range d.queues[:activeQueue] {
		if q.first != nil {
			return q.first
		}
	}
	oldest := d.queues[activeQueue].first
	if oldest == nil || d.now()-oldest.since < activeLeast {
		return nil
	}
	return oldest
}

func (d *door) move(conn net.Conn, to int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.known[conn]
	if c == nil || c.queue == goingQueue {
		return
	}
	d.takeOutLocked(c)
	d.putLocked(c, to)
}

func (d *door) leave(conn net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.known[conn]
	if c == nil {
		return
	}
	delete(d.known, conn)
	d.takeOutLocked(c)
	if c.queue == goingQueue {
		select {
		case d.gone <- struct{}{}:
		default:
		}
	}
}

// putLocked appends c to a queue. The caller holds mu.
func (d *door) putLocked(c *caller, to int) {
	c.queue, c.since = to, d.now()
	d.queues[to].push(c)
	if to != halfOpenQueue || c.origin == 0 {
		return
	}
	kin := d.kin[c.origin]
	if kin == nil {
		kin = &queue{by: byOrigin}
		d.kin[c.origin] = kin
	}
	kin.push(c)
	if d.crowd == nil || kin.length > d.crowd.length {
		d.crowd = kin
	}
}

// takeOutLocked takes c out of its queue. The caller holds mu.
func (d *door) takeOutLocked(c *caller) {
	d.queues[c.queue].remove(c)
	if c.queue != halfOpenQueue || c.origin == 0 {
		return
	}
	kin := d.kin[c.origin]
	kin.remove(c)
	if kin.length == 0 {
		delete(d.kin, c.origin)
		if d.crowd == kin {
			d.crowd = nil
		}
	}
}

// peerOf is where a connection comes from, as the kernel says: of those that a balancer passes on, the balancer.
func peerOf(conn net.Conn) origin {
	peer, ok := beneath(conn).RemoteAddr().(*net.TCPAddr)
	if !ok {
		return 0
	}
	return originOf(plainAddress(peer.AddrPort().Addr()))
}

func (d *door) addTo(s *Stats) {
	d.mu.Lock()
	s.Waiting, s.MaxWaiting = len(d.known), d.most
	d.mu.Unlock()
	s.Evicted, s.TurnedAway = d.evicted.Load(), d.turnedAway.Load()
}

// beneath is the lowest connection of conn, whose Close sends nothing and waits for nothing.
func beneath(conn net.Conn) net.Conn {
	for {
		under, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return conn
		}
		conn = under.NetConn()
	}
}

// turnAway closes a connection that nobody has read from, with an answer where that is possible in plain text. The connection is new, so
// that its buffer takes the answer at once; whether the other side gets it before it hears of the end is its network's affair.
func turnAway(conn net.Conn, dice float64) {
	if _, encrypts := conn.(*tls.Conn); !encrypts {
		_, _ = conn.Write(turnedAway[int(dice*float64(len(turnedAway)))])
	}
	_ = beneath(conn).Close()
}

// turnedAway are the answers to whom nobody reads, one for each time to wait.
var turnedAway = func() (answers [3][]byte) {
	for i := range answers {
		p := problem.New(problem.Busy, busyDetail)
		p.RetryAfter = time.Duration(i+1) * time.Second
		answers[i] = p.Answer(time.Time{})
	}
	return answers
}()
