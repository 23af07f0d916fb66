package node

import (
	"cmp"
	"sync"
	"sync/atomic"

	"github.com/epidaurus-live/epidaurus/bus"
	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/edge"
	"github.com/epidaurus-live/epidaurus/room"
)

// monitorSeats are for the people on a stage who hear what listeners hear, where the node gives no seats to others.
const monitorSeats = 32

// openEdge makes what seats listeners.
func (n *Node) openEdge() (err error) {
	n.balancers, err = n.cfg.balancers()
	if err != nil {
		return err
	}
	line, err := n.cfg.line()
	if err != nil {
		return err
	}
	cfg := edge.Config{
		Expect: n.expect, Line: line, Cadence: n.cfg.Cadence,
		Rooms: n.bus, Feed: n.bus, Peers: n.bus, PreSkip: codec.OpusPreSkip, MaxSeats: int(n.cfg.MaxSeats), Log: n.log.With("part", "edge"),
		PerAddress: n.cfg.PerAddress, JoinRate: n.cfg.JoinRate, ProxyFrom: n.balancers, ProxyHeader: n.cfg.ProxyHeader, Inside: n.bus.Seats,
	}
	if n.offersAAC() {
		cfg.Want = n.bus.Want
	}
	if !n.cfg.has(roleEdge) {
		cfg.MaxSeats = monitorSeats
	}
	n.edge, err = edge.New(cfg)
	return err
}

// radioFiles are the endless answers that a radio may be given, the one that most of them play first.
func (n *Node) radioFiles() []string {
	if n.offersAAC() {
		return []string{"live.aac", "live.ogg"}
	}
	return []string{"live.ogg"}
}

// offersAAC reports whether a room may be heard as AAC here: the rooms of this node, at least, are never made so by a program without.
func (n *Node) offersAAC() bool { return codec.HasAAC || !n.cfg.has(roleStage) }

// expect is this edge's part of the audience that is expected: all edges get the same of it. An edge has one cadence for all of its seats, so
// whoever comes to one room needs depth for the listeners of the others too.
func (n *Node) expect(f room.Facts) int {
	all := max(n.audience.expected(), expects(f, n.cfg.Expect))
	return int(all) / max(1, int(n.edges.Load()))
}

// audience is what the rooms that are not over expect.
type audience struct {
	mu    sync.Mutex
	rooms map[room.ID]int64 // guarded by mu; those that expect anybody
	all   atomic.Int64      // their sum; changed under mu
}

// expects is what one room expects: what its host said, or else what every room is said to.
func expects(f room.Facts, otherwise Count) int64 { return cmp.Or(int64(f.Expect), int64(otherwise)) }

// expected is what all rooms expect together.
func (a *audience) expected() int64 { return a.all.Load() }

// follow takes note of what facts says of a room now. Facts is asked in turn, so that of two who follow one room the later one is right.
func (a *audience) follow(id room.ID, facts func(room.ID) (room.Facts, bool), otherwise Count) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, ok := facts(id)
	now := int64(0)
	if ok && f.State.Open() && !f.IsRun() { // a team is no audience, and of what is announced nobody has come yet
		now = expects(f, otherwise)
	}
	a.all.Add(now - a.rooms[id])
	if now == 0 {
		delete(a.rooms, id)
		return
	}
	if a.rooms == nil {
		a.rooms = make(map[room.ID]int64)
	}
	a.rooms[id] = now
}

// seating is how many edges seat newcomers. One that drains takes no part of an audience.
func seating(edges []bus.Presence) (n int) {
	for _, e := range edges {
		if !e.Draining {
			n++
		}
	}
	return n
}
