//go:build linux

package edge

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"github.com/epidaurus-live/epidaurus/tape"
)

// seat is one listener's open response. It is small because there are many: what it has not sent yet is a reference to shared bytes.
// It belongs to its section's goroutine from its admission on.
type seat struct {
	conn  io.Closer     // the owner of fd
	wire  *wire         // under TLS: what its tls.Conn writes to; else nil
	row   *row          // whose bytes it gets
	cur   *piece        // what the socket has not taken; nil when it took everything
	next  tape.Number   // the first frame that is in no piece begun so far
	since time.Duration // while cur is not nil: when the socket last took a byte, or cur was begun
	fd    int32
	off   int32 // how much of cur the socket took, or was encrypted for it
	slot  int32 // in section.slots
	place int32 // in row.seats
	input int32 // bytes received and thrown away

	ticket ticket // in section.crowd

	grown uint32 // in s of the edge's clock: from when on goal may be used; meaningless while goal is most
	depth uint16 // frames that the player holds, or is on its way to
	told  uint16 // the version of the edge's notices that it was told
	most  step   // the longest that its depth carries
	goal  step   // the longest that it will carry once it has grown
	wish  uint8  // in variants: the best that it wants

	pace     bool // its player gains depth by playing slow, when told to
	queued   bool // it waits in section.queue
	bare     bool // without chunks: the request was HTTP/1.0
	catching bool // it resumed at an older frame and has not reached the row yet
	armed    bool // the poller tells when the socket takes bytes again
}

// connect makes the connection the seat's. TLS must be of NewTLSListener or TLSServer.
func (st *seat) connect(conn net.Conn, stuck time.Duration) error {
	under := conn
	if secured, ok := conn.(*tls.Conn); ok {
		w, ok := secured.NetConn().(*wire)
		if !ok {
			return errors.New("the connection speaks TLS, and is none of NewTLSListener")
		}
		w.tls, st.wire, under = secured, w, w.conn
	}
	tcp, err := bareTCP(under)
	if err != nil {
		return err
	}
	st.conn = tcp
	st.fd, err = prepare(tcp, stuck)
	if st.wire != nil {
		st.wire.fd = st.fd
	}
	return err
}

// drop forgets the piece that the seat is sent.
func (st *seat) drop() {
	if st.cur != nil {
		st.cur.release()
		st.cur, st.off = nil, 0
	}
}

// following returns what comes after what the seat has got: nil, true when nothing does for now, and false when it missed more than
// can be made up for.
func (s *section) following(st *seat) (_ *piece, ok bool) {
	r := st.row
	if st.next >= r.next {
		st.catching = false
		if r.over {
			return r.press.ending(st.next), true
		}
		return nil, true
	}
	missed := r.next - st.next
	lost := st.next < r.press.ring.Oldest()
	switch {
	case missed > keptFrames:
		return nil, false
	case lost || missed > s.behind(r) && !st.catching:
		s.tally.gaps.Add(1)
		s.tally.skipped.Add(uint64(missed))
		return r.press.silence(st.next, r.next), true
	}
	// On the grid of segments those who catch up from different frames share their bytes from the second piece on.
	return r.press.sound(st.next, min(r.next, bridge(st.next))), true
}

// behind is how many frames a seat of a row may lack before it skips to live.
func (s *section) behind(r *row) tape.Number { return max(s.maxBehind, 2*r.shape.step.cadence()) }

// bridge is the end of the longest piece for a seat that catches up from frame n.
func bridge(n tape.Number) tape.Number { return floorTo(n, bridgeFrames) + bridgeFrames }

// offer writes the row's newest piece to a seat that has all before it, and else what it lacks.
func (s *section) offer(st *seat, p *piece) {
	if st.cur != nil {
		if !st.queued { // else it has its opening still on the way
			s.tally.behind.Add(1)
		}
		s.suspect(st)
		return
	}
	if p == nil || st.next != p.from {
		s.serve(st)
		return
	}
	all := p.view(st.bare)
	n, done, err := s.send(st, all)
	if err != nil {
		s.close(st, &s.tally.left)
		return
	}
	st.next = p.to
	if !done {
		st.cur, st.off, st.since = p.hold(), int32(n), s.clock
		s.arm(st, true)
	}
}

// turnPieces is how many pieces one seat may get before others have their turn.
const turnPieces = 4

// serve writes what a seat lacks, until its socket is full, or it lacks nothing, or its turn is over.
func (s *section) serve(st *seat) {
	if st.wire != nil && st.cur == nil && !s.drained(st) {
		return
	}
	for range turnPieces {
		if st.cur == nil {
			if st.queued || !s.take(st) {
				if s.slots[st.slot] == st {
					s.arm(st, false)
				}
				return
			}
		}
		if !s.flush(st) {
			return
		}
	}
	s.arm(st, true)
}

// take begins the piece that comes after what a seat has got. It reports whether there is one; a seat that cannot be made up for is closed,
// and has none.
func (s *section) take(st *seat) bool {
	p, ok := s.following(st)
	if !ok {
		s.close(st, &s.tally.cut)
	}
	if !ok || p == nil {
		return false
	}
	st.cur, st.off, st.next, st.since = p, 0, p.to, s.clock
	return true
}

// flush writes what is left of a seat's piece, and reports whether the seat is there for the next one.
func (s *section) flush(st *seat) bool {
	rest := st.cur.view(st.bare)[st.off:]
	n, done, err := s.send(st, rest)
	if err != nil {
		s.close(st, &s.tally.left)
		return false
	}
	st.off += int32(n)
	if !done {
		s.arm(st, true)
		return false
	}
	last := st.cur.last
	st.drop()
	if last {
		s.farewell(st)
		s.close(st, &s.tally.ended)
		return false
	}
	return true
}

// suspect closes a seat whose socket has taken nothing for too long. It may be the section that was away so long, when the process was
// stopped: the socket is asked once more.
func (s *section) suspect(st *seat) {
	if s.clock-st.since <= s.maxStuck {
		return
	}
	s.serve(st)
	if s.slots[st.slot] == st && st.cur != nil && s.clock-st.since > s.maxStuck {
		drop(st.fd)
		s.close(st, &s.tally.stuck)
	}
}

// hear throws away what a seat sent, and closes it when it hung up or does not stop.
func (s *section) hear(st *seat) {
	if st.wire != nil {
		s.hearSealed(st)
		return
	}
	n, open := receive(st.fd, s.input[:])
	if !open {
		s.close(st, &s.tally.left)
		return
	}
	s.tally.bytesIn.Add(uint64(n))
	st.input += int32(n)
	if st.input > maxInput {
		drop(st.fd)
		s.close(st, &s.tally.talkative)
	}
}

// send gives bytes to a seat, and returns how many it has no more need of, and whether its socket has taken all there was for it.
func (s *section) send(st *seat, p []byte) (n int, done bool, err error) {
	if st.wire != nil {
		return s.sendSealed(st, p)
	}
	n, err = s.push(st, p)
	return n, n == len(p), err
}

// push hands bytes to the seat's socket.
func (s *section) push(st *seat, p []byte) (n int, err error) {
	n, err = s.write(st.fd, p)
	s.tally.writes.Add(1)
	s.tally.bytesOut.Add(uint64(n))
	if n > 0 {
		st.since = s.clock
	}
	if n < len(p) {
		s.tally.full.Add(1)
	}
	return n, err
}

// arm asks the poller to tell when the seat's socket takes bytes again, or no longer to.
func (s *section) arm(st *seat, on bool) {
	if st.armed == on {
		return
	}
	st.armed = on
	err := s.poll.watchOutput(st.fd, st.slot, on)
	if err != nil {
		s.close(st, &s.tally.left)
	}
}
