package node

import (
	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/edge"
)

// monitorSeats are for the people on a stage who hear what listeners hear, where the node gives no seats to others.
const monitorSeats = 32

// openEdge makes what seats listeners.
func (n *Node) openEdge() (err error) {
	n.balancers, err = n.cfg.balancers()
	if err != nil {
		return err
	}
	cfg := edge.Config{
		Rooms: n.bus, Feed: n.bus, Peers: n.bus, PreSkip: codec.OpusPreSkip, MaxSeats: n.cfg.MaxSeats, Log: n.log.With("part", "edge"),
		PerAddress: n.cfg.PerAddress, JoinRate: n.cfg.JoinRate, ProxyFrom: n.balancers, ProxyHeader: n.cfg.ProxyHeader, Inside: n.bus.Seats,
	}
	if !n.cfg.has(roleEdge) {
		cfg.MaxSeats = monitorSeats
	}
	n.edge, err = edge.New(cfg)
	return err
}
