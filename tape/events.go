package tape

import (
	"slices"
	"sync"
)

// EventLog keeps the events of a channel for as long as its ring keeps frames, and of each kind the last one before that: a player
// that joins at any frame learns the whole state.
//
// All methods may be called from any goroutine.
type EventLog struct {
	window Number // immutable

	mu     sync.RWMutex
	events []Event // guarded by mu; by At, then Kind
	terms  terms   // guarded by mu
}

// NewEventLog makes a log that answers for the last window frames.
func NewEventLog(window int) *EventLog { return &EventLog{window: Number(window)} }

// Takeover makes the log drop events of older terms from t.First on.
func (l *EventLog) Takeover(t Takeover) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.terms.add(t) {
		return
	}
	l.events = slices.DeleteFunc(l.events, func(e Event) bool {
		owner, ok := l.terms.owner(e.At)
		return !ok || owner != e.Term
	})
}

// Add keeps an event and reports whether it was new. A maker repeats its latest events for nodes that come late: the same frame and kind
// again is not news.
func (l *EventLog) Add(e Event) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if owner, ok := l.terms.owner(e.At); !ok || owner != e.Term {
		return false
	}
	i, found := slices.BinarySearchFunc(l.events, e, compareEvents)
	if found {
		return false
	}
	l.events = slices.Insert(l.events, i, e)
	l.prune(l.events[len(l.events)-1].At - l.window)
	return true
}

// prune drops events before horizon that a later one of their kind, also before it, has replaced.
func (l *EventLog) prune(horizon Number) {
	old, _ := slices.BinarySearchFunc(l.events, Event{At: horizon}, compareEvents)
	if old < 2 {
		return
	}
	kept := l.lastOfEachKind(nil, l.events[:old])
	if len(kept) < old {
		l.events = slices.Replace(l.events, 0, old, kept...)
	}
}

// Between appends the events of frames from (inclusive) to to (exclusive).
func (l *EventLog) Between(dst []Event, from, to Number) []Event {
	l.mu.RLock()
	defer l.mu.RUnlock()
	i, _ := slices.BinarySearchFunc(l.events, Event{At: from}, compareEvents)
	for ; i < len(l.events) && l.events[i].At < to; i++ {
		dst = append(dst, l.events[i])
	}
	return dst
}

// StateAt appends the last event of each kind at or before frame n, in order.
func (l *EventLog) StateAt(dst []Event, n Number) []Event {
	l.mu.RLock()
	defer l.mu.RUnlock()
	end, _ := slices.BinarySearchFunc(l.events, Event{At: n + 1}, compareEvents)
	return l.lastOfEachKind(dst, l.events[:end])
}

func (l *EventLog) lastOfEachKind(dst, events []Event) []Event {
	for i, e := range events {
		if !slices.ContainsFunc(events[i+1:], func(o Event) bool { return o.Kind == e.Kind }) {
			dst = append(dst, e)
		}
	}
	return dst
}

func compareEvents(a, b Event) int {
	switch {
	case a.At != b.At:
		if a.At < b.At {
			return -1
		}
		return 1
	case a.Kind < b.Kind:
		return -1
	case a.Kind > b.Kind:
		return 1
	}
	return 0
}
