package bus

import (
	"encoding/json"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/epidaurus-live/epidaurus/room"
)

// A word of a listener whom no edge sees is told to all nodes, so that all of them have one estimate, wherever he says the next one.
const beaconsSubject = "beacons"

// beaconMessage is such a word.
type beaconMessage struct {
	Room  room.ID `json:"room"`
	Drawn uint64  `json:"drawn"` // his number
}

// PublishBeacon tells all nodes, this one too, that the listener who drew a number listens to a room.
func (b *Bus) PublishBeacon(id room.ID, drawn uint64) error {
	msg, err := json.Marshal(beaconMessage{id, drawn})
	if err != nil {
		return fmt.Errorf("write that somebody listens: %w", err)
	}
	return b.conn.Publish(beaconsSubject, msg)
}

// WatchBeacons calls fn with each such word, from one goroutine, until stop is called. A call that is under way may still end after that.
func (b *Bus) WatchBeacons(fn func(id room.ID, drawn uint64)) (stop func(), err error) {
	sub, err := b.conn.Subscribe(beaconsSubject, func(m *nats.Msg) {
		if id, drawn, ok := parseBeacon(m.Data); ok {
			fn(id, drawn)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe to who listens: %w", err)
	}
	return func() { _ = sub.Unsubscribe() }, nil // fails only on a closed connection, which is the same thing
}

func parseBeacon(msg []byte) (id room.ID, drawn uint64, ok bool) {
	var said beaconMessage
	err := json.Unmarshal(msg, &said)
	return said.Room, said.Drawn, err == nil && said.Room.Valid()
}
