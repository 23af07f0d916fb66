package bus

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/epidaurus-live/epidaurus/room"
)

// Presence is what an edge says of itself once a second. A member that an edge of another version leaves out is zero; one that this version
// does not know is passed over.
type Presence struct {
	Edge     string          `json:"edge"`               // the node's name; PublishPresence fills it in
	Origin   string          `json:"origin,omitempty"`   // where listeners reach it, such as https://e1.example.org; empty: it did not say
	Rooms    map[room.ID]int `json:"rooms"`              // seats
	Capacity int             `json:"capacity,omitempty"` // seats that it gives at most; 0: it did not say
	Step     int             `json:"step,omitempty"`     // of its cadence: how loaded it is
	Draining bool            `json:"draining,omitempty"` // it gives no seats any more
	Full     bool            `json:"full,omitempty"`     // it gives no seats for now: all are taken, or its memory is short
	Version  string          `json:"version,omitempty"`  // of its software

	Refused map[room.ID]uint64 `json:"refused,omitempty"` // how often somebody found no seat in a room, since the edge began
}

// presences keeps what the edges said last.
type presences struct {
	mu    sync.Mutex
	edges map[string]heardPresence // guarded by mu; by name
}

type heardPresence struct {
	Presence
	at time.Time
}

const (
	seatsSubject = "seats"
	edgeExpires  = 5 * time.Second // an edge that was silent this long has no seats
)

func newPresences(conn *nats.Conn) (*presences, error) {
	p := &presences{edges: map[string]heardPresence{}}
	_, err := conn.Subscribe(seatsSubject, func(m *nats.Msg) { p.hear(m.Data, time.Now()) })
	if err != nil {
		return nil, fmt.Errorf("subscribe to the edges' presence: %w", err)
	}
	return p, nil
}

// hear takes what an edge said. Another edge's fault must not stop the count of the rest, so what cannot be read is passed over.
func (p *presences) hear(msg []byte, now time.Time) {
	var said Presence
	if json.Unmarshal(msg, &said) != nil || said.Edge == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.edges[said.Edge] = heardPresence{said, now}
}

// aliveLocked forgets the edges that are silent. The caller holds mu.
func (p *presences) aliveLocked(now time.Time) map[string]heardPresence {
	for name, e := range p.edges {
		if now.Sub(e.at) > edgeExpires {
			delete(p.edges, name)
		}
	}
	return p.edges
}

// PublishPresence says how this node's edge is.
func (b *Bus) PublishPresence(p Presence) error {
	p.Edge = b.node
	msg, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write this edge's presence: %w", err)
	}
	return b.conn.Publish(seatsSubject, msg)
}

// Seats is how many seats a room has on all edges.
func (b *Bus) Seats(id room.ID) (n int) {
	p := b.presence
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.aliveLocked(time.Now()) {
		n += e.Rooms[id]
	}
	return n
}

// Refused is how often somebody found no seat in a room, on all edges that are there, since each began.
func (b *Bus) Refused(id room.ID) (n uint64) {
	p := b.presence
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.aliveLocked(time.Now()) {
		n += e.Presence.Refused[id]
	}
	return n
}

// Edges is what the edges said last that spoke within the last five seconds, by name.
func (b *Bus) Edges() []Presence {
	p := b.presence
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []Presence
	for _, e := range p.aliveLocked(time.Now()) {
		all = append(all, e.Presence)
	}
	slices.SortFunc(all, func(a, b Presence) int { return cmp.Compare(a.Edge, b.Edge) })
	return all
}

// The signed list of edges is told to all nodes as it is, byte for byte.
const edgesSubject = "edges"

// PublishEdges tells all nodes the list of edges.
func (b *Bus) PublishEdges(list []byte) error { return b.conn.Publish(edgesSubject, list) }

// WatchEdges calls fn with each list of edges that is told from now on, from one goroutine, until stop is called. A call that is under way
// may still end after that.
func (b *Bus) WatchEdges(fn func(list []byte)) (stop func(), err error) {
	sub, err := b.conn.Subscribe(edgesSubject, func(m *nats.Msg) { fn(m.Data) })
	if err != nil {
		return nil, fmt.Errorf("subscribe to the list of edges: %w", err)
	}
	return func() { _ = sub.Unsubscribe() }, nil // fails only on a closed connection, which is the same thing
}
