package stage

import (
	"encoding/json"
	"slices"

	"github.com/epidaurus-live/epidaurus/room"
)

// slots says whose voice each of a listener's receiving sections carries. A free one is empty.
type slots [slotCount]room.PersonID

// assign frees the slots of those who left and gives one to each who came, the lowest first. Who stays keeps his slot: a page's
// audio element plays on. A listener never hears himself.
func (s *slots) assign(self room.PersonID, onStage []room.PersonID) {
	for i, id := range s {
		if id == self || !slices.Contains(onStage, id) {
			s[i] = ""
		}
	}
	for _, id := range onStage {
		if id == self || s.of(id) >= 0 {
			continue
		}
		if free := s.of(""); free >= 0 {
			s[free] = id
		}
	}
}

// of is the slot of a person, or -1.
func (s *slots) of(id room.PersonID) int { return slices.Index(s[:], id) }

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
