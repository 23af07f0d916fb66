//go:build linux

package edge

import (
	"encoding/json"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// told is what a channel says besides its sound, as an edge tells it: each event with its frame, and an event that comes after its frame
// was sent, as it does to an edge that begins to hear in the middle, with the next frame there is. All methods may be called from
// any goroutine; takeover and add by one at a time.
type told struct {
	log *tape.EventLog
	end atomic.Int64 // the frame before which the room ended, by its last event; never while it has not

	mu   sync.RWMutex
	late []lateEvent // guarded by mu; by due
}

// lateEvent is an event that goes out with frame due instead of its own.
type lateEvent struct {
	due   tape.Number
	event tape.Event
}

const never = math.MaxInt64

func newTold() *told {
	t := &told{log: tape.NewEventLog(keptFrames)}
	t.end.Store(never)
	return t
}

// takeover drops what an older maker said from its frame on.
func (t *told) takeover(o tape.Takeover) {
	t.log.Takeover(o)
	t.mu.Lock()
	t.late = slices.DeleteFunc(t.late, func(l lateEvent) bool { return l.event.Term < o.Term && l.event.At >= o.First })
	t.mu.Unlock()
	t.judge()
}

// add keeps an event. Sent is asked after that: no seat was sent the frame that it returns, or a later one.
func (t *told) add(e tape.Event, sent func() tape.Number) {
	if !t.log.Add(e) {
		return
	}
	if head := sent(); e.At < head && t.holdsAt(e, head) {
		t.mu.Lock()
		t.late = slices.DeleteFunc(t.late, func(l lateEvent) bool { return l.due < head-keptFrames })
		t.late = append(t.late, lateEvent{due: head, event: e})
		t.mu.Unlock()
	}
	if e.Kind == room.KindRoom {
		t.judge()
	}
}

// holdsAt reports whether e is still the truth about its kind at frame n.
func (t *told) holdsAt(e tape.Event, n tape.Number) bool {
	for _, o := range t.log.StateAt(nil, n) {
		if o.Kind == e.Kind {
			return o.At == e.At
		}
	}
	return false
}

// between appends the events to tell with the frames from (inclusive) to to (exclusive).
func (t *told) between(dst []tape.Event, from, to tape.Number) []tape.Event {
	t.mu.RLock()
	for _, l := range t.late {
		if l.due >= from && l.due < to {
			dst = append(dst, l.event)
		}
	}
	t.mu.RUnlock()
	return t.log.Between(dst, from, to)
}

// stateBefore returns the last event of each kind before frame n, save for kinds that frame n itself has news of.
func (t *told) stateBefore(n tape.Number) []tape.Event {
	return slices.DeleteFunc(t.log.StateAt(nil, n), func(e tape.Event) bool { return e.At == n })
}

// judge finds out whether the room has ended: its last word counts, and a takeover may take that back.
func (t *told) judge() {
	end := int64(never)
	for _, e := range t.log.StateAt(nil, never-1) {
		if endsRoom(e) {
			end = int64(e.At)
		}
	}
	t.end.Store(end)
}

// endsRoom reports whether an event says that the room ended at its frame.
func endsRoom(e tape.Event) bool {
	if e.Kind != room.KindRoom {
		return false
	}
	var said room.RoomEvent
	err := json.Unmarshal(e.Data, &said)
	return err == nil && said.State == room.Ended
}
