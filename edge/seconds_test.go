//go:build linux

package edge

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
)

func TestSeconds(t *testing.T) {
	h := open(t, func(c *Config) { c.MaxSeats = 2 })
	h.record(300)
	h.edge.noteSecond()
	one := h.get("/r/harbour/live.mp4")
	h.get("/r/harbour/live.mp4")
	h.get("/r/harbour/live.mp4")
	h.get("/r/nobody/live.mp4")
	h.until("two seats", func(s Stats) bool { return s.Seated == 2 })
	raise(&h.edge.sections[1].tally.peak, int64(7*time.Millisecond))
	raise(&h.edge.sections[0].tally.peak, int64(3*time.Millisecond))
	h.clock.advance(time.Second)
	h.edge.noteSecond()
	one.conn.Close()
	h.until("the leave", func(s Stats) bool { return s.Left == 1 })
	h.clock.advance(3 * time.Second) // the process was stopped
	h.edge.noteSecond()

	all := h.edge.Seconds()
	if len(all) != 3 {
		t.Fatalf("%d seconds", len(all))
	}
	full, after := all[1], all[2]
	if full.Span != time.Second || !full.End.Equal(h.clock.Now().Add(-3*time.Second)) || full.WorstLate != 7*time.Millisecond {
		t.Errorf("%+v", full)
	}
	if full.Offered != 4 || full.Seated != 2 || full.Seats != 2 || full.BytesOut == 0 || full.Left != 0 ||
		!maps.Equal(full.Refused, map[problem.Code]uint64{problem.Full: 1, problem.RoomUnknown: 1}) {
		t.Errorf("%+v", full)
	}
	if full.WaitingIn == 0 || full.WaitingOut == 0 || after.WaitingIn != 0 || after.WaitingOut != 0 {
		t.Errorf("waiting in and out: %d and %d, then %d and %d", full.WaitingIn, full.WaitingOut, after.WaitingIn, after.WaitingOut)
	}
	if after.Span != 3*time.Second || after.Offered != 0 || after.Refused != nil || after.Seats != 1 || after.Left != 1 || after.WorstLate != 0 {
		t.Errorf("%+v", after)
	}
	line, err := json.Marshal(full)
	if err != nil {
		t.Fatal(err)
	}
	var names map[string]any
	err = json.Unmarshal(line, &names)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"end", "span_ns", "offered", "seated", "refused", "seats", "waiting", "evicted", "turned_away", "waiting_in", "waiting_out", "left", "ended", "cut",
		"bytes_in", "bytes_out", "gaps", "lost", "worst_late_ns",
	} {
		if _, ok := names[name]; !ok {
			t.Errorf("%s is missing in %s", name, line)
		}
	}
}

func TestSecondsAreTheLast(t *testing.T) {
	var s seconds
	s.begin(0, Stats{})
	start := time.Date(2026, 11, 26, 20, 0, 0, 0, time.UTC)
	for i := range 1000 {
		now := time.Duration(i+1) * time.Second
		s.add(now, start.Add(now), Stats{Offered: uint64((i + 1) * (i + 2) / 2)}, 0)
	}
	all := s.all()
	if len(all) != keptSeconds {
		t.Fatalf("%d seconds", len(all))
	}
	for i, second := range all {
		if want := uint64(401 + i); second.Offered != want || !second.End.Equal(start.Add(time.Duration(want)*time.Second)) {
			t.Fatalf("the %d. second: %+v", i, second)
		}
	}
}
