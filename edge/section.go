//go:build linux

package edge

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/internal/epoll"
	"github.com/epidaurus-live/epidaurus/tape"
)

// section owns a part of the seats: one goroutine writes to all of them, and waits for none.
type section struct {
	// immutable
	poll      *poller
	now       func() time.Duration // monotonic
	paced     bool                 // ticks by the clock; else only when told to, and then looks at everything
	policies  *policies
	refill    int // bytes of bursts in a tick
	maxBehind tape.Number
	maxStuck  time.Duration
	taken     *atomic.Int64                         // the edge's count of seats
	crowd     *crowd                                // the edge's count of seats by origin
	drain     *atomic.Pointer[drain]                // the edge's; nil inside: it is not emptied
	write     func(fd int32, p []byte) (int, error) // send; a test's own says how much a socket takes
	done      chan struct{}                         // closed when run has returned

	tally tally

	// owned by run
	clock    time.Duration // when the present turn began
	policy   *policy       // as this turn has it
	queue    []queued      // newcomers who wait for the rest of their burst
	full     []queued      // scratch of the queue
	budget   int           // bytes of bursts that may still begin in this tick
	held     bool          // newcomers stay in the mailbox until others have had theirs
	nextTick time.Duration
	rested   time.Duration // when the last tick was
	slots    []*seat       // by seat.slot; nil: free
	free     []int32
	blocks   []*block
	rows     int  // in all blocks
	emptied  bool // a row may have lost its last seat
	input    [4096]byte
	records  []byte // what crypto/tls writes for one seat, until it is sent
	second   worst
	thinned  thinned // see drain.go

	mail mailbox
}

// mailbox is what others put in for the section.
type mailbox struct {
	mu       sync.Mutex
	arrivals []arrival // guarded by mu
	steps    []func()  // guarded by mu; who paces the section by hand puts them in, each is called after a tick
	closing  bool      // guarded by mu
}

// arrival is a seat that comes in.
type arrival struct {
	seat      *seat // with conn, fd, bare, input, wish, pace and depth
	hub       *hub
	container container
	from      tape.Number // where it resumes; negative: live
}

// admitTurn is how many newcomers are seated before those who sit have their turn.
const admitTurn = 64

// post hands a seat to the section. It reports whether the section took it; else the caller still owns the connection.
func (s *section) post(a arrival) bool {
	s.mail.mu.Lock()
	defer s.mail.mu.Unlock()
	if s.mail.closing {
		return false
	}
	if len(s.mail.arrivals) == 0 {
		s.poll.wake() // for all that come before the section looks
	}
	s.mail.arrivals = append(s.mail.arrivals, a)
	return true
}

// shut cuts all seats and ends run.
func (s *section) shut() {
	s.mail.mu.Lock()
	if !s.mail.closing {
		s.mail.closing = true
		s.poll.wake()
	}
	s.mail.mu.Unlock()
}

// run writes until the section is shut.
func (s *section) run() {
	defer close(s.done)
	s.clock = s.now()
	s.policy = s.policies.now.Load()
	s.budget = s.refill
	s.nextTick = s.clock + tick
	waiting := false // newcomers are left over from the last turn
	for {
		ready := s.poll.wait(s.patience(waiting))
		s.clock = s.now()
		s.policy = s.policies.now.Load()
		for _, ev := range ready {
			s.attend(ev)
		}
		arrivals, steps, closing := s.fetch()
		for _, a := range arrivals {
			s.admit(a)
		}
		if closing {
			s.cutAll()
			for _, stepped := range steps {
				stepped()
			}
			return
		}
		waiting = len(arrivals) == admitTurn
		if s.due() || len(steps) > 0 {
			s.tick()
			s.thin()
			s.rest()
		}
		for _, stepped := range steps {
			stepped()
		}
	}
}

// patience is how long the section may wait for its sockets.
func (s *section) patience(waiting bool) time.Duration {
	switch {
	case waiting:
		return 0
	case !s.paced:
		return -1
	}
	return max(0, s.nextTick-s.now())
}

// fetch takes from the mailbox what belongs to one turn.
func (s *section) fetch() (arrivals []arrival, steps []func(), closing bool) {
	s.mail.mu.Lock()
	defer s.mail.mu.Unlock()
	most := s.admissible()
	n := min(len(s.mail.arrivals), most)
	if s.mail.closing {
		n = len(s.mail.arrivals)
	}
	arrivals = s.mail.arrivals[:n:n]
	s.mail.arrivals = s.mail.arrivals[n:]
	if len(s.mail.arrivals) == 0 || most == 0 {
		steps, s.mail.steps = s.mail.steps, nil
		s.poll.calm()
	}
	s.held = len(s.mail.arrivals) > 0 && most == 0
	if len(s.mail.arrivals) == 0 {
		s.mail.arrivals = nil
	}
	return arrivals, steps, s.mail.closing
}

// attend does what the poller asks for.
func (s *section) attend(ev unix.EpollEvent) {
	if ev.Fd == epoll.WakeSlot {
		return // the mailbox is looked into at every turn
	}
	st := s.slots[ev.Fd]
	if st == nil {
		return // closed earlier in this turn
	}
	switch {
	case ev.Events&(unix.EPOLLERR|unix.EPOLLHUP|unix.EPOLLRDHUP) != 0:
		s.close(st, &s.tally.left)
		return
	case ev.Events&unix.EPOLLIN != 0:
		s.hear(st)
	}
	if ev.Events&unix.EPOLLOUT != 0 && s.slots[ev.Fd] == st {
		s.serve(st)
	}
}

// admit gives a newcomer its row and its opening.
func (s *section) admit(a arrival) {
	st := a.seat
	st.most = carries(tape.Number(st.depth))
	st.goal = st.most
	reel := a.hub.reels[max(int(st.wish), s.policy.variant)]
	head, over := reel.reach()
	k := min(s.policy.step, st.most)
	b := s.blockOf(reel)
	r := s.rowOf(b, shape{a.container, k, s.phase(a.hub, k, head)}, head, over)
	s.advance(r, head, over)
	first, end, resumes := r.begin(a.from, tape.Number(st.depth), head)
	if burst := int(end-first) * burstFrame; s.budget < burst {
		end = min(end, first+r.shape.opening())
	}
	s.budget -= int(end-first) * burstFrame
	st.row, st.next, st.catching = r, end, resumes || end < r.next
	st.told = s.policy.notices.version
	st.cur = r.press.opening(first, end, st.bare, s.granted(st, 0))
	st.since = s.clock
	st.place = int32(len(r.seats))
	r.seats = append(r.seats, st)
	if s.wants(st) {
		r.settled = 0
	}
	s.seatIn(st)
	s.tally.seated.Add(1)
	err := s.poll.add(st.fd, st.slot)
	if err != nil {
		s.close(st, &s.tally.left)
		return
	}
	if st.wire != nil {
		st.wire.records = &s.records
		s.hear(st) // the handshake's reader may hold what makes no socket readable
		if s.slots[st.slot] != st {
			return
		}
	}
	if st.next < r.next {
		st.queued = true
		s.queue = append(s.queue, queued{st, s.clock})
		s.hurry()
	}
	s.serve(st)
}

// granted is what a seat is told about itself.
func (s *section) granted(st *seat, grow time.Duration) grant {
	return grant{
		seat: true, depth: tape.Number(st.depth), grow: grow, step: st.row.shape.step, variant: st.row.reel.variant, notices: st.told,
	}
}

const (
	// openingFrames is what a newcomer gets at once, however many come.
	openingFrames = 2 * tape.FramesPerSec

	// burstFrame is about what a frame of a burst is in bytes.
	burstFrame = 130
)

func (s *section) seatIn(st *seat) {
	if n := len(s.free); n > 0 {
		st.slot = s.free[n-1]
		s.free = s.free[:n-1]
		s.slots[st.slot] = st
		return
	}
	st.slot = int32(len(s.slots))
	s.slots = append(s.slots, st)
}

// blockOf finds or makes the block of a reel.
func (s *section) blockOf(r *reel) *block {
	i := slices.IndexFunc(s.blocks, func(b *block) bool { return b.reel == r })
	if i >= 0 {
		return s.blocks[i]
	}
	b := &block{reel: r, shape: make(map[shape]*row)}
	s.blocks = append(s.blocks, b)
	return b
}

// phase is which of a step's phases a newcomer gets at head. Who comes now is written to about now, and so a cadence later: arrivals spread
// the writes by themselves. But bytes that are made for one or two seats cost more than their writes, so where a section has many rows the
// seats of a small room share a few. Those wait for up to a cadence before their next write, as everybody does after his first.
func (s *section) phase(h *hub, k step, head tape.Number) tape.Number {
	grain, first := k.grain(), tape.Number(0)
	if s.rows >= manyRows {
		grain = k.cadence() / sharedPhases(h.seats.Load())
		first = tape.Number(h.spread%phases) * k.grain()
	}
	return floorMod(floorTo(head-first, grain)+first, k.cadence())
}

// rowOf finds or makes the row of a shape, in a channel that has all before head.
func (s *section) rowOf(b *block, want shape, head tape.Number, over bool) *row {
	r := b.shape[want]
	if r != nil {
		return r
	}
	r = &row{press: b.reel.pressOf(want.container), shape: want, reel: b.reel, over: over}
	r.next = r.cut(head)
	if over {
		r.next = head
	}
	b.rows = append(b.rows, r)
	b.shape[want] = r
	b.look = 0
	s.rows++
	s.hurry() // it may be due at once
	return r
}

// due reports whether a tick's time has come, and counts how late it is.
func (s *section) due() bool {
	late := s.clock - s.nextTick
	if !s.paced || late < 0 {
		return false
	}
	s.tally.ticks.Add(1)
	s.tally.late.Add(uint64(late))
	raise(&s.tally.peak, int64(late))
	s.tally.worst.Store(int64(s.second.add(s.clock, late)))
	return true
}

// restMost is how many ticks at most pass between two that the section wakes up for: what a channel's end may come late.
const restMost = 8

// rest sets the next tick: when the first row becomes due, since a section that wakes up for nothing costs as much as some writes.
func (s *section) rest() {
	rest := restMost * tick
	if len(s.queue) > 0 || s.held || s.drain.Load() != nil {
		rest = tick
	}
	for _, b := range s.blocks {
		rest = min(rest, b.look-s.clock)
	}
	ticks := max(1, (rest+tick-1)/tick)
	s.rested = s.clock
	// Ticks that were missed altogether are not made up for.
	missed := max(0, s.clock-s.nextTick) / tick
	s.nextTick += tick * (missed + ticks)
}

// hurry brings the next tick forward to where it would be if the section had not rested.
func (s *section) hurry() {
	s.nextTick = min(s.nextTick, s.clock+tick)
}

// tick offers all rows what their channels have by now.
func (s *section) tick() {
	for _, b := range s.blocks {
		if s.clock >= b.look || !s.paced {
			s.look(b)
		}
	}
	passed := max(1, int((s.clock-s.rested+tick/2)/tick))
	s.budget = min(s.budget+passed*s.refill, 4*s.refill)
	s.feedQueue()
	if s.emptied {
		s.emptied = false
		s.sweep()
	}
}

// look offers a block's rows what there is, and says when to look again: not before a row becomes due, since most blocks of many have none
// that is.
func (s *section) look(b *block) {
	head, over := b.reel.reach()
	if head != b.head || over != b.over {
		b.head, b.over = head, over
		for _, r := range b.rows {
			s.advance(r, head, over)
		}
	}
	ticks := tape.Number(restMost)
	for _, r := range b.rows {
		ticks = min(ticks, r.dueIn(head))
	}
	// Half a tick early: the tick that is meant may come a little sooner than this one did.
	b.look = s.clock + ticks.Duration() - tick/2
}

// sweep forgets rows and blocks without seats.
func (s *section) sweep() {
	for _, b := range s.blocks {
		b.rows = slices.DeleteFunc(b.rows, func(r *row) bool {
			if len(r.seats) == 0 {
				delete(b.shape, r.shape)
				s.rows--
				return true
			}
			return false
		})
	}
	s.blocks = slices.DeleteFunc(s.blocks, func(b *block) bool { return len(b.rows) == 0 })
}

// close gives up a seat, and counts why.
func (s *section) close(st *seat, why *atomic.Uint64) {
	reel := st.row.reel
	hub := reel.hub
	if reel.onDemand {
		reel.seats.Add(-1)
	}
	st.row.leave(st)
	s.emptied = s.emptied || len(st.row.seats) == 0
	s.slots[st.slot] = nil
	// The slot is used again only in a later turn: an event of this one may still name it.
	s.free = append(s.free, st.slot)
	st.drop()
	_ = st.conn.Close() // takes the socket out of the epoll too; there is nobody to tell about an error
	why.Add(1)
	hub.seats.Add(-1)
	s.taken.Add(-1)
	s.crowd.leave(st.ticket)
}

// cutAll closes all seats without a last chunk, so that their players resume elsewhere.
func (s *section) cutAll() {
	for _, st := range s.slots {
		if st != nil {
			s.close(st, &s.tally.cut)
		}
	}
	s.poll.close()
}

// worst keeps the greatest value of the last full second.
type worst struct {
	second  time.Duration // the second that running belongs to
	running time.Duration
	last    time.Duration
}

func (w *worst) add(now, v time.Duration) time.Duration {
	if second := now.Truncate(time.Second); second != w.second {
		w.second, w.last, w.running = second, w.running, 0
	}
	w.running = max(w.running, v)
	return w.last
}
