package stage

import (
	"encoding/json"
	"slices"

	"github.com/epidaurus-live/epidaurus/room"
)

// slots says whose voice each of a listener's receiving sections carries. A free one is empty.
type slots []room.PersonID

// assign frees the slots of those who are not heard any more and gives one to each who came, the lowest first. Who stays keeps his slot: a
// page's audio element plays on. A listener never hears himself; where there are more voices than slots, the first ones are heard.
func (s slots) assign(self room.PersonID, voices []room.PersonID) {
	voices = slices.DeleteFunc(slices.Clone(voices), func(id room.PersonID) bool { return id == self })
	voices = voices[:min(len(voices), len(s))]
	for i, id := range s {
		if !slices.Contains(voices, id) {
			s[i] = ""
		}
	}
	for _, id := range voices {
		if s.of(id) >= 0 {
			continue
		}
		if free := s.of(""); free >= 0 {
			s[free] = id
		}
	}
}

// of is the slot of a person, or -1.
func (s slots) of(id room.PersonID) int { return slices.Index(s, id) }

// MarshalJSON writes free slots as null.
func (s slots) MarshalJSON() ([]byte, error) {
	out := make([]*room.PersonID, len(s))
	for i := range s {
		if s[i] != "" {
			out[i] = &s[i]
		}
	}
	return json.Marshal(out)
}

// hearing is whom somebody hears, by which slot.
type hearing struct {
	slots slots
	since []uint64 // by slot: the first number of a source that is its present person's; they are never given twice, see rewriter
}

func newHearing(k kind) hearing {
	return hearing{make(slots, k.slots()), make([]uint64, k.slots())}
}

func (h hearing) assign(self room.PersonID, voices []room.PersonID) {
	before := slices.Clone(h.slots)
	h.slots.assign(self, voices)
	for i := range h.slots {
		if h.slots[i] != before[i] {
			h.since[i] = sources.Add(1)
		}
	}
}
