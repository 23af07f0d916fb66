//go:build linux

package edge

import (
	"slices"
	"sync"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Segments are for who pulls: HLS. They are read from the same rings as seats are served from, and are no seats.

// sealPatience is how many newer frames come before a segment is given without a seal that it fits: its maker left no seal, or what is missing
// of it came from nobody.
const sealPatience = 2 * tape.FramesPerSec

// bell tells whoever waits for a reel that it may have moved.
type bell struct {
	mu   sync.Mutex
	next chan struct{} // guarded by mu; nil: nobody waits
}

// wait returns what the next ring closes.
func (b *bell) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}

// reached is what a reel said of its segments last: who was told of one may ask for it.
type reached struct {
	mu               sync.Mutex
	begun            bool        // guarded by mu
	first, end, head tape.Number // guarded by mu
}

// grow makes a reach what was said before, where that was more.
func (r *reached) grow(reach *tape.Reach) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begun {
		reach.First, reach.End, reach.Head = max(reach.First, r.first), max(reach.End, r.end), max(reach.Head, r.head)
	}
	reach.End = max(reach.First, reach.End)
	r.begun = r.begun || reach.End > reach.First
	if r.begun {
		r.first, r.end, r.head = reach.First, reach.End, reach.Head
	}
}

// Segments tells which segments of a variant this edge has in memory. It is not ok where the channel is not heard here.
func (e *Edge) Segments(id room.ID, c tape.Channel, v tape.Variant) (reach tape.Reach, ok bool) {
	r := e.reelOf(id, c, v)
	if r == nil {
		return reach, false
	}
	reach.Moved = r.bell.wait() // before the look: what moves behind it is told
	if !r.begins() || r.fillsBack() && !r.reached.told() {
		return reach, true
	}
	head, over := r.reach()
	reach.First = wholeFrom(r.ring.Oldest())
	reach.End, reach.Head = reach.First, head
	// What is old enough is given as it is; of what is newer, all up to the first that is not sealed.
	reach.End = max(reach.End, tape.SegmentOf(head-sealPatience))
	for (reach.End+1)*tape.SegmentFrames <= head && r.seals.verdict(reach.End) == fits {
		reach.End++
	}
	if over && (r.hub.cut.Load() || r.sealedTo(head)) {
		reach.End = max(reach.First, tape.SegmentOf(head-1)+1)
		reach.Over = true
	}
	r.reached.grow(&reach)
	return reach, true
}

// Packets gives a stretch of a variant, with silence for what did not come. It is not ok where not all of it is before the head of Segments, or
// in memory.
func (e *Edge) Packets(id room.ID, c tape.Channel, v tape.Variant, at tape.Stretch) (packets [][]byte, ok bool) {
	reach, ok := e.Segments(id, c, v)
	r := e.reelOf(id, c, v)
	if !ok || r == nil || at.From < 0 || at.To > reach.Head || r.ring.Oldest() > at.From {
		return nil, false
	}
	packets = r.ring.AppendPackets(nil, at.From, at.To)
	return packets, r.ring.Oldest() <= at.From // it did not go while it was read
}

func (r *reached) told() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun
}

// wholeFrom is the first segment of which no frame is before oldest.
func wholeFrom(oldest tape.Number) tape.Number {
	return tape.SegmentOf(oldest + tape.SegmentFrames - 1)
}

// fillsBack reports whether what was before this edge began to hear is on its way.
func (r *reel) fillsBack() bool {
	r.fetcher.mu.Lock()
	defer r.fetcher.mu.Unlock()
	return r.fetcher.back.active
}

// sealedTo reports whether the segment that ends before frame end, because the channel does, is as its maker sealed it.
func (r *reel) sealedTo(end tape.Number) bool {
	k := tape.SegmentOf(end - 1)
	s, ok := r.hub.seals.of(k)
	return ok && s.To == end && r.seals.verdict(k) == fits
}

// Segment gives the packets of segment k of a variant, fewer than a whole segment only where the channel ends. Sealed are those that are proven
// to be what their maker made, all of them, and so the same everywhere. It is not ok where Segments does not have it.
func (e *Edge) Segment(id room.ID, c tape.Channel, v tape.Variant, k tape.Number) (packets [][]byte, sealed, ok bool) {
	reach, ok := e.Segments(id, c, v)
	r := e.reelOf(id, c, v)
	if !ok || r == nil || k >= reach.End || k < 0 {
		return nil, false, false
	}
	at := tape.Stretch{From: k * tape.SegmentFrames, To: (k + 1) * tape.SegmentFrames}
	if head, over := r.reach(); over {
		at.To = min(at.To, head)
	}
	if at.Len() <= 0 || r.ring.Oldest() > at.From {
		return nil, false, false
	}
	packets = r.ring.AppendPackets(nil, at.From, at.To)
	if r.ring.Oldest() > at.From {
		return nil, false, false // it went while it was read
	}
	s, known := r.hub.seals.of(k)
	sum, made := s.SumOf(v)
	return packets, known && made && s.Stretch == at && tape.SumOf(at.From, packets) == sum, true
}

// Events gives what is told of a channel from a frame on, and the last event of each kind before it: all that a player has to know who begins there.
// It is empty where the channel is not heard here.
func (e *Edge) Events(id room.ID, c tape.Channel, from tape.Number) []tape.Event {
	h := e.hubOf(hubKey{id, c})
	if h == nil {
		return nil
	}
	return h.told.log.Between(h.told.log.StateAt(nil, from-1), from, never)
}

// reelOf finds a variant of a channel that is heard, or begins to hear it.
func (e *Edge) reelOf(id room.ID, c tape.Channel, v tape.Variant) *reel {
	i := slices.Index(tape.Variants, v)
	if i < 0 {
		return nil
	}
	h := e.hubOf(hubKey{id, c})
	if facts, ok := e.config.Rooms.Facts(id); h == nil && ok && facts.State.Open() && c == tape.Floor {
		err := e.Open(id)
		if err != nil {
			e.config.Log.Warn("a room that is asked for is not heard", "room", id, "error", err)
		}
		h = e.hubOf(hubKey{id, c})
	}
	if h == nil {
		return nil
	}
	return h.reels[i]
}

func (e *Edge) hubOf(key hubKey) *hub {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.hubs[key]
}
