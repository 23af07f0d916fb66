package cast

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/hls"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// eventsFile says what is told of a channel along the segments of its live playlist. It stands beside them: segments are kept for ever, and so are made
// of nothing but what is sealed.
const eventsFile = "events.json"

// along is what eventsFile says. docs/PROTOCOL.md ("HLS") explains it.
type along struct {
	Version int         `json:"v"`
	First   tape.Number `json:"first"` // frame with which the live playlist begins
	Last    tape.Number `json:"last"`  // one behind the newest frame
	Over    bool        `json:"over"`
	Epoch   time.Time   `json:"epoch,omitzero"` // when frame 0 began
	Events  []event     `json:"events"`
}

type event struct {
	At   tape.Number     `json:"at"`
	Data json.RawMessage `json:"e"`
}

// ofSeats are kinds of events that say nothing to who has no seat.
var ofSeats = []string{room.KindSeat, room.KindEdges, room.KindListening}

// events serves what is told along the live playlist of a room, as long as that is made of memory.
func (h *Handler) events(w http.ResponseWriter, r *http.Request, c channel) error {
	reach, heard := c.reach(hls.Renditions[0])
	switch there := heard && reach.End > reach.First; {
	case !there && c.facts.State == room.Ended:
		return errEnded
	case !there:
		return errNotOpen
	}
	from, _ := hls.Window(reach.First, reach.End)
	a := along{Version: 1, First: from * tape.SegmentFrames, Last: reach.Head, Over: reach.Over, Epoch: c.epoch(r.Context()), Events: []event{}}
	for _, e := range c.Live.Events(c.facts.ID, c.name, a.First) {
		if !slices.Contains(ofSeats, e.Kind) {
			a.Events = append(a.Events, event{e.At, e.Data})
		}
	}
	body, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("write what is told: %w", err)
	}
	return h.text(w, r, "application/json", body, cacheShort)
}
