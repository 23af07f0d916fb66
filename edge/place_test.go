//go:build linux

package edge

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// place asks for one, as a listener by WHEP does.
func (h *house) place(id, query string) (*Place, problem.Code) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/r/"+id+"/whep"+query, nil)
	r.SetPathValue("room", id)
	p, err := h.edge.Place(r)
	var why problem.Problem
	if err != nil && !errors.As(err, &why) {
		h.t.Errorf("%v is no problem", err)
	}
	w := httptest.NewRecorder()
	if err != nil {
		h.edge.RefusePlace(w, r, err)
		if w.Code != why.Status {
			h.t.Errorf("answered %d, want %d", w.Code, why.Status)
		}
		if to := w.Header().Get("Location"); why.Code == problem.RoomMoved && to != "/r/other-room-k3f9/whep" {
			h.t.Errorf("sent to %q", to)
		}
	}
	return p, why.Code
}

// hear subscribes, as the opening of the doors does.
func (h *house) hear() {
	h.t.Helper()
	err := h.edge.Open(harbour)
	if err != nil {
		h.t.Fatal(err)
	}
}

// A place counts as a seat until it is left, and is given by the same rules: of states, limits, drains, and where a room goes on.
func TestPlaceIsASeat(t *testing.T) {
	h := open(t, func(c *Config) { c.MaxSeats = 2 })
	h.hear()
	h.play(10)
	p, code := h.place(string(harbour), "")
	if code != "" {
		t.Fatal(code)
	}
	if s := h.edge.Stats(); s.Seats != 1 || s.Seated != 0 || h.edge.Seats()[harbour] != 1 {
		t.Errorf("before it is heard: %+v", s)
	}
	p.Sit()
	p.Sit()
	q, code := h.place(string(harbour), "")
	if code != "" {
		t.Fatal(code)
	}
	if _, code = h.place(string(harbour), ""); code != problem.Full {
		t.Errorf("one more than there are: %q", code)
	}
	p.Leave()
	p.Leave()
	q.Leave()
	s := h.edge.Stats()
	if s.Seats != 0 || s.Seated != 1 || s.Left != 1 || s.Refused[problem.Full] != 1 || len(h.edge.Seats()) != 0 || h.edge.TurnedDown()[harbour] != 1 {
		t.Errorf("after all left: %+v", s)
	}
	if _, code = h.place("nowhere", ""); code != problem.RoomUnknown {
		t.Errorf("no such room: %q", code)
	}
	h.rooms.set(room.Facts{ID: harbour, State: room.Announced, Life: room.Life{Plan: room.Plan{Start: h.clock.Now().Add(time.Hour)}}})
	if _, code = h.place(string(harbour), ""); code != problem.RoomNotOpen {
		t.Errorf("before the doors: %q", code)
	}
	h.rooms.set(room.Facts{ID: harbour, State: room.Ended})
	if _, code = h.place(string(harbour), ""); code != problem.RoomEnded {
		t.Errorf("after the end: %q", code)
	}
	h.rooms.set(room.Facts{ID: harbour, State: room.Live})
	h.rooms.set(room.Facts{ID: harbour, State: room.Live, Life: room.Life{Moved: &room.MovedEvent{To: "/r/other-room-k3f9"}}})
	if _, code = h.place(string(harbour), ""); code != problem.RoomMoved {
		t.Errorf("where the room goes on: %q", code)
	}
	h.rooms.set(room.Facts{ID: harbour, State: room.Live})
	usual, _ := stepOf(h.edge.config.Cadence)
	h.edge.policies.change(func(p *policy) { p.step = usual + 1 })
	if _, code = h.place(string(harbour), ""); code != problem.Busy {
		t.Errorf("under load: %q", code)
	}
	h.edge.policies.change(func(p *policy) { p.step = usual })
	h.edge.drain.Store(&drain{random: func() float64 { return 0 }, empty: func() {}})
	if _, code = h.place(string(harbour), ""); code != problem.Draining {
		t.Errorf("drained: %q", code)
	}
}

// Who comes is told what is true, and what was said of later frames, and this edge's own news with their number.
func TestSaid(t *testing.T) {
	h := open(t, nil)
	h.hear()
	h.play(10)
	if got := h.edge.Said("nowhere"); len(got) != 0 {
		t.Errorf("of no room: %v", got)
	}
	h.say(room.ListeningEvent{Kind: room.KindListening, N: 7})
	h.play(10)
	kinds := map[string]bool{}
	for _, e := range h.edge.Said(harbour) {
		kinds[e.Kind] = true
	}
	if !kinds[room.KindListening] {
		t.Errorf("told %v", kinds)
	}
	before, _ := h.edge.Notices()
	h.edge.Announce("edges", []byte(`{"t":"edges"}`))
	after, events := h.edge.Notices()
	if after == before || len(events) != 1 || events[0].Kind != "edges" {
		t.Errorf("%d to %d: %v", before, after, events)
	}
	if h.edge.Variant() != variants[0] {
		t.Errorf("the best is %s", h.edge.Variant())
	}
}
