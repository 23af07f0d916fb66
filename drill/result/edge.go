package result

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// Edge is what one edge of the target counted itself, second by second (docs/PROTOCOL.md, /edge/seconds).
type Edge struct {
	URL     string       `json:"url"` // of its private port
	Seconds []EdgeSecond `json:"seconds"`
}

// EdgeSecond is what an edge counted within about one second. Seats is how many were taken at its end, by whoever.
type EdgeSecond struct {
	End       time.Time        `json:"end"`
	Span      time.Duration    `json:"span_ns"`
	Offered   int64            `json:"offered"`
	Seated    int64            `json:"seated"`
	Refused   map[string]int64 `json:"refused,omitempty"` // by reason
	Seats     int64            `json:"seats"`
	BytesIn   int64            `json:"bytes_in"`
	BytesOut  int64            `json:"bytes_out"`
	Gaps      int64            `json:"gaps"`
	Cut       int64            `json:"cut"`
	WorstLate time.Duration    `json:"worst_late_ns"` // of the latest tick
}

// Check says what cannot be in a second that an edge counted.
func (s EdgeSecond) Check() error {
	if s.Span < 0 || s.End.Unix() < 0 || s.End.Unix() > maxAt || s.End.Year() > 9999 {
		return errors.New("a second is of no clock")
	}
	counts := []int64{s.Offered, s.Seated, s.Seats, s.BytesIn, s.BytesOut, s.Gaps, s.Cut, int64(s.WorstLate)}
	for _, n := range append(counts, slices.Collect(maps.Values(s.Refused))...) {
		if n < 0 {
			return errors.New("a second counts less than nothing")
		}
	}
	return nil
}

// At is the Unix second that most of it lies in.
func (s EdgeSecond) At() int64 { return s.End.Add(-s.Span / 2).Unix() }

// EdgeTotal is what all edges counted together.
type EdgeTotal struct {
	Offered, Seated, Refused int64
	BytesIn, BytesOut        int64
	Gaps, Cut                int64
	Reasons                  map[string]int64 // of refusals
	Seats                    int64            // the most at the end of any second
	MostOffered, MostSeated  int64            // in the best second
	WorstLate                time.Duration
	Known                    bool // at least one second was read
}

// EdgeTotal adds up what the edges counted.
func (r Result) EdgeTotal() EdgeTotal {
	t := EdgeTotal{Reasons: map[string]int64{}}
	for _, s := range r.EdgeSeconds() {
		t.Known = true
		t.Offered, t.Seated = t.Offered+s.Offered, t.Seated+s.Seated
		t.BytesIn, t.BytesOut = t.BytesIn+s.BytesIn, t.BytesOut+s.BytesOut
		t.Gaps, t.Cut = t.Gaps+s.Gaps, t.Cut+s.Cut
		for code, n := range s.Refused {
			t.Reasons[code] += n
			t.Refused += n
		}
		t.Seats = max(t.Seats, s.Seats)
		t.MostOffered, t.MostSeated = max(t.MostOffered, s.Offered), max(t.MostSeated, s.Seated)
		t.WorstLate = max(t.WorstLate, s.WorstLate)
	}
	return t
}

// EdgeSeconds is what all edges counted together in each second of the wall clock, in order.
func (r Result) EdgeSeconds() []EdgeSecond {
	at := map[int64]int{}
	var all []EdgeSecond
	for _, e := range r.Edges {
		for _, s := range e.Seconds {
			i, ok := at[s.At()]
			if !ok {
				at[s.At()] = len(all)
				s.Refused = sum(s.Refused, nil)
				all = append(all, s)
				continue
			}
			all[i] = all[i].with(s)
		}
	}
	slices.SortFunc(all, func(a, b EdgeSecond) int { return a.End.Compare(b.End) })
	return all
}

// with joins the same second of two edges.
func (s EdgeSecond) with(o EdgeSecond) EdgeSecond {
	return EdgeSecond{
		End: s.End, Span: max(s.Span, o.Span), Offered: s.Offered + o.Offered, Seated: s.Seated + o.Seated, Refused: sum(s.Refused, o.Refused),
		Seats: s.Seats + o.Seats, BytesIn: s.BytesIn + o.BytesIn, BytesOut: s.BytesOut + o.BytesOut, Gaps: s.Gaps + o.Gaps, Cut: s.Cut + o.Cut,
		WorstLate: max(s.WorstLate, o.WorstLate),
	}
}

// mergeEdges joins what two agents read of the same edge: each second once.
func mergeEdges(a, b Edge) Edge {
	a.Seconds = mergeBy(a.Seconds, b.Seconds, func(s EdgeSecond) int64 { return s.End.UnixNano() }, func(x, _ EdgeSecond) EdgeSecond { return x })
	return a
}

// Misbehaved is what became of listeners who were slow or stuck on purpose. They are in no other figure of the listeners.
type Misbehaved struct {
	Due     int64 `json:"due"`
	Seated  int64 `json:"seated"`  // were answered with sound
	Refused int64 `json:"refused"` // attempts
	Failed  int64 `json:"failed"`  // attempts
	Closed  int64 `json:"closed"`  // by the server, of those who were seated
	Left    int64 `json:"left"`    // as the plan wanted
	Bytes   int64 `json:"bytes"`   // that they read
}

// Add counts what other counted too.
func (m *Misbehaved) Add(other Misbehaved) {
	m.Due += other.Due
	m.Seated += other.Seated
	m.Refused += other.Refused
	m.Failed += other.Failed
	m.Closed += other.Closed
	m.Left += other.Left
	m.Bytes += other.Bytes
}
