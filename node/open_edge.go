package node

import (
	"cmp"

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
	if !n.cfg.has(roleEdge) {
		cfg.MaxSeats = monitorSeats
	}
	n.edge, err = edge.New(cfg)
	return err
}

// expect is this edge's part of the audience that a room expects: all edges get the same.
func (n *Node) expect(f room.Facts) int {
	return cmp.Or(f.Expect, int(n.cfg.Expect)) / max(1, int(n.edges.Load()))
}
