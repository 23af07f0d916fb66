package cast

import (
	"context"
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

// along is what is told along the live playlist. It is not ok where that is not made of memory, or empty.
func (c *channel) along(ctx context.Context) (body []byte, ok bool, err error) {
	reach, heard := c.reach(hls.Renditions[0])
	if !heard || reach.End <= reach.First {
		return nil, false, nil
	}
	from, _ := hls.Window(reach.First, reach.End)
	a := along{Version: 1, First: from * tape.SegmentFrames, Last: reach.Head, Over: reach.Over, Epoch: c.epoch(ctx), Events: []event{}}
	for _, e := range c.Live.Events(c.facts.ID, c.name, a.First) {
		if !slices.Contains(ofSeats, e.Kind) {
			a.Events = append(a.Events, event{e.At, e.Data})
		}
	}
	body, err = json.Marshal(a)
	if err != nil {
		return nil, false, fmt.Errorf("write what is told: %w", err)
	}
	return body, true, nil
}

// events serves what is told of a room while it is live, and as long as it is in memory.
func (h *Handler) events(w http.ResponseWriter, r *http.Request, c channel) error {
	body, ok, err := c.along(r.Context())
	switch {
	case err != nil:
		return err
	case !ok && c.facts.State == room.Ended:
		return errEnded
	case !ok:
		return errNotOpen
	}
	return h.text(w, r, "application/json", body, cacheShort)
}
