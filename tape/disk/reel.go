package disk

import (
	"encoding/json"
	"sync"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

const (
	keptFrames = 60 * tape.FramesPerSec // in memory: who waits for a disk longer than this has lost something
	never      = tape.Number(1) << 62
)

// reel hears a channel and keeps its last minute. It is a tape.SealReceiver: one goroutine of the bus fills it, that of the session reads.
type reel struct {
	rings []*tape.Ring // in the order of tape.Variants
	log   *tape.EventLog

	mu    sync.Mutex
	seals map[tape.Number]tape.Seal // guarded by mu; by segment
	live  tape.Number               // guarded by mu; the frame at which the room went live; never before that
	end   tape.Number               // guarded by mu; the frame at which it ended; never before that
}

func newReel() *reel {
	r := &reel{log: tape.NewEventLog(keptFrames), seals: map[tape.Number]tape.Seal{}, live: never, end: never}
	for range tape.Variants {
		r.rings = append(r.rings, tape.NewRing(keptFrames))
	}
	return r
}

// Takeover implements tape.Receiver.
func (r *reel) Takeover(t tape.Takeover) {
	for _, ring := range r.rings {
		ring.Takeover(t)
	}
	r.log.Takeover(t)
	r.judge()
}

// Frame implements tape.Receiver.
func (r *reel) Frame(v tape.Variant, f tape.Frame) {
	for i, o := range tape.Variants {
		if o == v {
			r.rings[i].Put(f)
		}
	}
}

// Event implements tape.Receiver.
func (r *reel) Event(e tape.Event) {
	if r.log.Add(e) && e.Kind == room.KindRoom {
		r.judge()
	}
}

// Seal implements tape.SealReceiver.
func (r *reel) Seal(s tape.Seal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := tape.SegmentOf(s.From)
	r.seals[k] = s
	for o := range r.seals {
		if o < k-keptFrames/tape.SegmentFrames {
			delete(r.seals, o)
		}
	}
}

// judge finds out whether the room is live, or over: its last word counts, and a takeover may take that back.
func (r *reel) judge() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end = never
	for _, e := range r.log.StateAt(nil, never) {
		if e.Kind != room.KindRoom {
			continue
		}
		var said room.RoomEvent
		err := json.Unmarshal(e.Data, &said)
		switch {
		case err != nil:
		case said.State == room.Live:
			r.live = min(r.live, e.At)
		case said.State == room.Ended:
			r.end = e.At
		}
	}
}

// life is when the room went live and ended, as far as heard.
func (r *reel) life() (live, end tape.Number) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live, r.end
}

func (r *reel) seal(k tape.Number) (tape.Seal, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.seals[k]
	return s, ok
}

// newest is one past the last frame of any variant, and oldest the first from which on all variants may be there.
func (r *reel) span() (oldest, newest tape.Number) {
	for _, ring := range r.rings {
		s := ring.Span()
		oldest, newest = max(oldest, s.Oldest), max(newest, s.Newest)
	}
	return oldest, newest
}

// missing counts the frames of a stretch that did not come, of the variant that misses most.
func (r *reel) missing(s tape.Stretch) (most int) {
	for _, ring := range r.rings {
		most = max(most, ring.Missing(s.From, s.To))
	}
	return most
}
