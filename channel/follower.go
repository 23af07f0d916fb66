package channel

import (
	"sync"
	"time"

	"github.com/epidaurus-live/epidaurus/tape"
)

// follower hears the maker before: a successor goes on from the last frame seen on the bus.
type follower struct {
	time  Time                        // immutable
	rings map[tape.Variant]*tape.Ring // immutable; of the last frames: the segment in which the successor begins is among them

	mu   sync.Mutex
	term tape.Term     // guarded by mu; the newest
	next tape.Number   // guarded by mu; 0: nothing was heard
	at   time.Duration // guarded by mu; monotonic
	unit tape.Number   // guarded by mu; of AAC64, likewise
}

func newFollower(t Time, encoders map[tape.Variant]Encoder) *follower {
	f := &follower{time: t, rings: map[tape.Variant]*tape.Ring{}}
	for v := range encoders {
		f.rings[v] = tape.NewRing(2 * tape.SegmentFrames)
	}
	return f
}

func (f *follower) Event(tape.Event) {}

// Takeover forgets what an older maker goes on to say from t.First on: nobody hears that.
func (f *follower) Takeover(t tape.Takeover) {
	for _, ring := range f.rings {
		ring.Takeover(t)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if t.Term > f.term {
		f.term, f.next = t.Term, min(f.next, t.First)
	}
}

func (f *follower) Frame(v tape.Variant, fr tape.Frame) {
	if ring := f.rings[v]; ring != nil {
		ring.Put(fr)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if v == tape.AAC64 && fr.Term == f.term {
		f.unit = max(f.unit, fr.N+1)
	}
	if fr.Term == f.term && fr.N+1 > f.next {
		f.next, f.at = fr.N+1, f.time.Mono()
	}
}

func (f *follower) last(mono time.Duration) (next tape.Number, ago time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.next, mono - f.at
}

// madeUnits reports whether AAC64 was made to the last.
func (f *follower) madeUnits() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.unit > 0 && f.next-f.unit < tape.SegmentFrames
}

// past returns the packets of frames from (inclusive) to to (exclusive), and whether all of them were heard.
func (f *follower) past(v tape.Variant, from, to tape.Number) (packets [][]byte, whole bool) {
	ring := f.rings[v]
	return ring.AppendPackets(nil, from, to), ring.Missing(from, to) == 0
}
