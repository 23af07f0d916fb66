package bus

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/epidaurus-live/epidaurus/room"
)

// seatCounts sums what the edges say once a second about their seats.
type seatCounts struct {
	mu    sync.Mutex
	edges map[string]edgeSeats // guarded by mu
}

type edgeSeats struct {
	rooms map[room.ID]int
	at    time.Time
}

type seatsMessage struct {
	Edge  string          `json:"edge"`
	Rooms map[room.ID]int `json:"rooms"`
}

const (
	seatsSubject = "seats"
	seatsExpire  = 5 * time.Second // an edge that was silent this long has no seats
)

func newSeatCounts(conn *nats.Conn) (*seatCounts, error) {
	c := &seatCounts{edges: map[string]edgeSeats{}}
	_, err := conn.Subscribe(seatsSubject, func(m *nats.Msg) {
		var msg seatsMessage
		if json.Unmarshal(m.Data, &msg) != nil {
			return // another edge's fault must not stop the count of the rest
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.edges[msg.Edge] = edgeSeats{msg.Rooms, time.Now()}
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe to seat counts: %w", err)
	}
	return c, nil
}

// PublishSeats says how many seats this node's edge holds in each room.
func (b *Bus) PublishSeats(rooms map[room.ID]int) error {
	msg, err := json.Marshal(seatsMessage{b.node, rooms})
	if err != nil {
		return fmt.Errorf("write seat counts: %w", err)
	}
	return b.conn.Publish(seatsSubject, msg)
}

// Seats is how many seats a room has on all edges.
func (b *Bus) Seats(id room.ID) (n int) {
	c := b.counts
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, edge := range c.edges {
		if time.Since(edge.at) > seatsExpire {
			delete(c.edges, name)
			continue
		}
		n += edge.rooms[id]
	}
	return n
}
