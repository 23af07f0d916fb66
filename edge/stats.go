//go:build linux

package edge

import (
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Stats is what an edge counted since it began, read at one moment. Whoever wants it per second takes the difference of two.
type Stats struct {
	Seats    int // taken now, with those on their way to one
	MaxSeats int
	Short    bool // memory is: no seats are given until there is more

	Offered uint64                  // requests for a seat
	Seated  uint64                  // of these, seats given
	Refused map[problem.Code]uint64 // of these, refused, by reason

	Waiting    int    // connections of ConnState that are not seats, now
	MaxWaiting int    //
	Evicted    uint64 // of these, closed to let newcomers in, the oldest without a request first
	TurnedAway uint64 // of these, closed unread because there was none to evict
	WaitingIn  uint64 // bytes that connections sent that were no seats, or not yet: requests, handshakes
	WaitingOut uint64 // bytes that they were sent: answers, refusals, pages

	Left      uint64 // seats given up by their listeners, or by their network
	Ended     uint64 // seats closed properly at the end of their room
	Stuck     uint64 // seats closed because they took nothing for Config.MaxStuck
	Talkative uint64 // seats closed because they sent more than a request
	Cut       uint64 // seats cut because they missed more than is kept, or because the edge was drained or closed

	BytesOut uint64 // handed to the kernel
	BytesIn  uint64 // sent by seats and thrown away
	Writes   uint64 // calls that wrote to a seat
	Full     uint64 // of these, those that the socket did not take whole; a line with a long way does that to every large one
	Offers   uint64 // times that a seat was due something new
	Behind   uint64 // of these, those at which the network had not taken all of what was before
	Gaps     uint64 // times that a seat stayed behind and was given silence
	Skipped  uint64 // frames of that silence
	Lost     uint64 // frames that did not reach this edge in time, in all variants
	Silenced uint64 // access units that a group of ICY had no room for, and were silent in it

	Refetched    uint64 // frames that were missed, or were wrong, and came from a peer
	Backfilled   uint64 // frames of before this edge began to hear, from a peer
	SealMismatch uint64 // segments of a variant whose frames were all there, but not those that their seal is of
	PeerRefused  uint64 // answers of a peer that did not fit their seal

	Cadence time.Duration // between two writes to a seat that is deep enough, as it is now
	Variant tape.Variant  // the best that the line carries now
	Moved   uint64        // seats that were taken to another cadence or variant

	Ticks     uint64        // of all sections
	Late      time.Duration // by how much they came late, together
	WorstLate time.Duration // the latest one within the last full second
}

// tally is where one goroutine counts, so that no two share a cache line for each write. Reading is safe from any goroutine.
type tally struct {
	seated, left, ended, stuck, talkative, cut           atomic.Uint64
	bytesOut, bytesIn, writes, full, gaps, skipped, lost atomic.Uint64
	offers, behind                                       atomic.Uint64
	ticks, late, moved                                   atomic.Uint64
	refetched, backfilled, mismatched, peerRefused       atomic.Uint64
	silenced                                             atomic.Uint64
	worst                                                atomic.Int64
	peak                                                 atomic.Int64 // the latest tick since the keeper looked
	_                                                    [64]byte
}

func (t *tally) addTo(s *Stats) {
	s.Seated += t.seated.Load()
	s.Left += t.left.Load()
	s.Ended += t.ended.Load()
	s.Stuck += t.stuck.Load()
	s.Talkative += t.talkative.Load()
	s.Cut += t.cut.Load()
	s.BytesOut += t.bytesOut.Load()
	s.BytesIn += t.bytesIn.Load()
	s.Writes += t.writes.Load()
	s.Full += t.full.Load()
	s.Offers += t.offers.Load()
	s.Behind += t.behind.Load()
	s.Gaps += t.gaps.Load()
	s.Skipped += t.skipped.Load()
	s.Lost += t.lost.Load()
	s.Silenced += t.silenced.Load()
	s.Moved += t.moved.Load()
	s.Refetched += t.refetched.Load()
	s.Backfilled += t.backfilled.Load()
	s.SealMismatch += t.mismatched.Load()
	s.PeerRefused += t.peerRefused.Load()
	s.Ticks += t.ticks.Load()
	s.Late += time.Duration(t.late.Load())
	s.WorstLate = max(s.WorstLate, time.Duration(t.worst.Load()))
}

// refusals are the reasons why a request gets no seat. Each has its own counter.
var refusals = [...]problem.Code{
	problem.BadRequest, problem.MethodNotAllowed, problem.NotFound, problem.RoomUnknown, problem.ChannelUnknown, problem.RoomNotOpen,
	problem.RoomEnded, problem.Full, problem.Busy, problem.TooMany, problem.Draining, problem.ShuttingDown, problem.Internal, problem.NotOffered,
	problem.InvitationNeeded, problem.InvitationVoid, problem.InvitationFull,
	problem.TokenMalformed, problem.TokenForged, problem.TokenExpired, problem.TokenWrongRoom,
	problem.RoomMoved,
}

// Stats reads the counters. It may be called at any time, from any goroutine.
func (e *Edge) Stats() Stats {
	s := Stats{
		Seats: int(e.taken.Load()), MaxSeats: e.config.MaxSeats, Offered: e.offered.Load(),
		Short: e.short.Load(), Refused: make(map[problem.Code]uint64, len(refusals)),
	}
	p := e.policies.now.Load()
	s.Cadence, s.Variant = p.step.cadence().Duration(), tape.Variants[p.variant]
	for i, code := range refusals {
		s.Refused[code] = e.refused[i].Load()
	}
	e.door.addTo(&s)
	e.meter.addTo(&s)
	e.tally.addTo(&s)
	for _, sec := range e.sections {
		sec.tally.addTo(&s)
	}
	return s
}
