package format

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"

	"github.com/epidaurus-live/epidaurus/tape"
)

// line is an event as it is written.
type line struct {
	At   tape.Number     `json:"at"`
	Term tape.Term       `json:"term"`
	Kind string          `json:"t"`
	Data json.RawMessage `json:"data"`
}

// AppendEvent appends an event as one line of JSON. An event whose data is no JSON is left out.
func AppendEvent(dst []byte, e tape.Event) []byte {
	text, err := json.Marshal(line{e.At, e.Term, e.Kind, e.Data})
	if err != nil {
		return dst
	}
	return append(append(dst, text...), '\n')
}

// ParseEvents reads events, by frame and kind, each of them once. A line that is cut off or damaged is passed over. Good is how many
// bytes whole lines take.
func ParseEvents(b []byte) (events []tape.Event, good int) {
	good = bytes.LastIndexByte(b, '\n') + 1
	for text := range bytes.Lines(b[:good]) {
		var l line
		err := json.Unmarshal(text, &l)
		if err != nil || l.At < 0 || l.Kind == "" || len(l.Data) == 0 || l.Data[0] != '{' {
			continue
		}
		events = append(events, tape.Event{At: l.At, Term: l.Term, Kind: l.Kind, Data: l.Data})
	}
	slices.SortStableFunc(events, Compare)
	// Of one frame and kind the last that was written counts.
	for i := len(events) - 2; i >= 0; i-- {
		if Compare(events[i], events[i+1]) == 0 {
			events = slices.Delete(events, i, i+1)
		}
	}
	return events, good
}

// Compare orders events by frame, then kind.
func Compare(a, b tape.Event) int {
	return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Kind, b.Kind))
}

// Between are the events of frames from (inclusive) to to (exclusive), and before them the last of each kind that was so already, save
// for kinds of which frame from itself has news. Events are ordered; the result is, too.
func Between(events []tape.Event, from, to tape.Number) []tape.Event {
	first, _ := slices.BinarySearchFunc(events, tape.Event{At: from}, Compare)
	last, _ := slices.BinarySearchFunc(events, tape.Event{At: to}, Compare)
	var state []tape.Event
	known := map[string]bool{}
	for i := first; i < last && events[i].At == from; i++ {
		known[events[i].Kind] = true
	}
	for i := first - 1; i >= 0; i-- {
		if !known[events[i].Kind] {
			known[events[i].Kind] = true
			state = append(state, events[i])
		}
	}
	slices.Reverse(state)
	return append(state, events[first:last]...)
}
