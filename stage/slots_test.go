package stage

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"github.com/epidaurus-live/epidaurus/room"
)

func TestSlotsJSON(t *testing.T) {
	var s slots
	s.assign("ada", []room.PersonID{"ada", "bob"})
	b, err := json.Marshal(s)
	if err != nil || string(b) != `["bob",null,null,null,null,null,null,null,null,null,null,null]` {
		t.Errorf("%s %v", b, err)
	}
}

// Whoever comes and goes: everybody else on stage has exactly one slot, oneself has none, and who stays keeps his.
func TestSlots(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s slots
		for range 20 {
			before := s
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
