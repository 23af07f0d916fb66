//go:build linux

package edge

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
)

// keptSeconds is how many seconds an edge remembers.
const keptSeconds = 600

// Second is what an edge counted in about one second. The JSON names are those of docs/PROTOCOL.md.
type Second struct {
	End  time.Time     `json:"end"`     // when the counters were read, by the wall clock
	Span time.Duration `json:"span_ns"` // since they were read before, monotonic; more than a second where the process was stopped

	Offered uint64                  `json:"offered"`           // requests for a seat
	Seated  uint64                  `json:"seated"`            // of these, seats given
	Refused map[problem.Code]uint64 `json:"refused,omitempty"` // of these, refused, by reason; reasons without any are left out

	Seats      int    `json:"seats"`       // taken at the end, with those on their way to one
	Waiting    int    `json:"waiting"`     // connections that are not seats, at the end
	Evicted    uint64 `json:"evicted"`     // of these, closed to let newcomers in
	TurnedAway uint64 `json:"turned_away"` // of these, closed unread
	WaitingIn  uint64 `json:"waiting_in"`  // bytes that connections sent that were no seats, or not yet: requests, handshakes
	WaitingOut uint64 `json:"waiting_out"` // bytes that they were sent: answers, refusals, pages

	Left  uint64 `json:"left"`  // seats given up by their listeners, or by their network
	Ended uint64 `json:"ended"` // seats closed properly
	Cut   uint64 `json:"cut"`   // seats closed by the edge for any other reason

	BytesIn  uint64 `json:"bytes_in"`  // sent by seats
	BytesOut uint64 `json:"bytes_out"` // handed to the kernel
	Gaps     uint64 `json:"gaps"`      // times that a seat was given silence
	Lost     uint64 `json:"lost"`      // frames that never came

	WorstLate time.Duration `json:"worst_late_ns"` // of the latest tick of any section
}

// seconds keeps the last of them. Its methods may be called from any goroutine; the keeper alone adds.
type seconds struct {
	mu   sync.Mutex
	ring [keptSeconds]Second // guarded by mu
	made int                 // guarded by mu; how many were ever added

	// owned by the keeper
	at   time.Duration // when last was read
	last Stats
}

// begin says from where the first second counts.
func (s *seconds) begin(now time.Duration, stats Stats) { s.at, s.last = now, stats }

// add puts in what happened since the last time.
func (s *seconds) add(now time.Duration, wall time.Time, stats Stats, worst time.Duration) {
	second := difference(s.last, stats)
	second.End, second.Span, second.WorstLate = wall.UTC(), now-s.at, worst
	s.at, s.last = now, stats
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ring[s.made%keptSeconds] = second
	s.made++
}

// difference is what happened between two readings of the counters.
func difference(before, after Stats) Second {
	d := Second{
		Offered: after.Offered - before.Offered, Seated: after.Seated - before.Seated,
		Seats: after.Seats, Waiting: after.Waiting,
		Evicted: after.Evicted - before.Evicted, TurnedAway: after.TurnedAway - before.TurnedAway,
		WaitingIn: after.WaitingIn - before.WaitingIn, WaitingOut: after.WaitingOut - before.WaitingOut,
		Left: after.Left - before.Left, Ended: after.Ended - before.Ended,
		Cut:     after.Cut + after.Stuck + after.Talkative - before.Cut - before.Stuck - before.Talkative,
		BytesIn: after.BytesIn - before.BytesIn, BytesOut: after.BytesOut - before.BytesOut,
		Gaps: after.Gaps - before.Gaps, Lost: after.Lost - before.Lost,
	}
	for code, n := range after.Refused {
		if n -= before.Refused[code]; n > 0 {
			if d.Refused == nil {
				d.Refused = make(map[problem.Code]uint64)
			}
			d.Refused[code] = n
		}
	}
	return d
}

// all returns what is kept, oldest first.
func (s *seconds) all() []Second {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Second, 0, min(s.made, keptSeconds))
	for i := max(0, s.made-keptSeconds); i < s.made; i++ {
		second := s.ring[i%keptSeconds]
		second.Refused = maps.Clone(second.Refused)
		list = append(list, second)
	}
	return slices.Clip(list)
}

// Seconds is what happened in each of the last 600 seconds, the oldest first. The one under way is not among them.
func (e *Edge) Seconds() []Second { return e.seconds.all() }

// noteSecond ends a second. It is called by the keeper only.
func (e *Edge) noteSecond() {
	var worst int64
	for _, s := range e.sections {
		worst = max(worst, s.tally.peak.Swap(0))
	}
	e.seconds.add(e.now(), e.config.Now(), e.Stats(), time.Duration(worst))
}

// raise makes v at least as great as n.
func raise(v *atomic.Int64, n int64) {
	for {
		was := v.Load()
		if n <= was || v.CompareAndSwap(was, n) {
			return
		}
	}
}
