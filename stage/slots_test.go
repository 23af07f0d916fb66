package stage

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/epidaurus-live/epidaurus/room"
)

func TestSlotsJSON(t *testing.T) {
	s := make(slots, slotCount)
	s.assign("ada", []room.PersonID{"ada", "bob"})
	b, err := json.Marshal(s)
	if err != nil || string(b) != `["bob",null,null,null,null,null,null,null,null,null,null,null]` {
		t.Errorf("%s %v", b, err)
	}
}

// Whoever comes and goes: everybody else on stage has exactly one slot, oneself has none, and who stays keeps his.
func TestSlots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := make(slots, slotCount)
		for range 20 {
			before := slices.Clone(s)
			ids := []room.PersonID{"p0"}
			for n := range 20 {
				if len(ids) < room.MaxOnStage && rapid.Bool().Draw(t, "on stage") {
					ids = append(ids, person(n+1))
				}
			}
			s.assign("p0", ids)
			seen := make(map[room.PersonID]int)
			for i, id := range s {
				if id != "" {
					seen[id]++
				}
				if old := before.of(id); id != "" && old >= 0 && old != i {
					t.Fatalf("%s moved from %d to %d", id, old, i)
				}
			}
			for _, id := range ids[1:] {
				if seen[id] != 1 {
					t.Fatalf("%s has %d slots in %v", id, seen[id], s)
				}
			}
			if seen["p0"] != 0 || len(seen) != len(ids)-1 {
				t.Fatalf("%v for %v", s, ids)
			}
		}
	})
}

// Where there are more voices than slots, those are heard who come first in order, and who was heard without need makes room.
func TestSlotsForTheFirst(t *testing.T) {
	h := newHearing(desk)
	var stage, wings []room.PersonID
	for n := range slotCount - 1 {
		stage = append(stage, person(n+1))
	}
	for n := range 3 {
		wings = append(wings, person(n+100))
	}
	h.assign("p0", append(slices.Clone(stage), wings...))
	if h.slots.of("p100") < 0 || h.slots.of("p101") >= 0 {
		t.Errorf("of those backstage it hears not the first alone: %v", h.slots)
	}
	given := slices.Clone(h.since)
	stage = append(stage, "late")
	h.assign("p0", append(slices.Clone(stage), wings...))
	if at := h.slots.of("late"); at < 0 || h.slots.of("p100") >= 0 || h.since[at] <= given[at] {
		t.Errorf("who came on stage has no slot of his own: %v", h.slots)
	}
	for i, id := range h.slots {
		if id != "late" && h.since[i] != given[i] {
			t.Errorf("slot %d began anew, and is %s's as before", i, id)
		}
	}
}
