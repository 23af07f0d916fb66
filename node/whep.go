package node

import (
	"net/http"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/stage"
)

// openWHEP makes what lets listeners hear rooms with the delay of a call. The edge lets them in and counts them.
func (n *Node) openWHEP(p *ports) (err error) {
	if p.whep == nil {
		if n.cfg.has(roleEdge) && n.cfg.WHEPMax > 0 {
			n.log.Warn("nobody can listen by WHEP: another program uses the UDP port of the listeners' address; name one with --whep-media", "address", n.cfg.Listen)
		}
		return nil
	}
	n.whep, err = stage.NewListeners(stage.ListenersConfig{
		Media: p.takeWHEP(), Advertise: parseAddrs(n.cfg.WHEPAdvertise), Feed: n.bus, Facts: n.bus.Facts,
		Seat:   func(r *http.Request) (stage.Seat, error) { return n.edge.Place(r) },
		Refuse: n.edge.RefusePlace,
		Most:   n.cfg.WHEPMax, MostOf: n.whepOf,
		Said: n.edge.Said, Notices: n.edge.Notices, Variant: n.edge.Variant, Draining: n.edge.Draining, Origin: n.edge.Origin,
		Log: n.log.With("part", "whep"),
	})
	return err
}

// whepOf is how many may hear a room by WHEP here: this edge's part of what its host allows on all of them.
func (n *Node) whepOf(id room.ID) int {
	f, ok := n.bus.Facts(id)
	if !ok || f.Life.Access.WHEP <= 0 {
		return 0
	}
	return max(1, f.Life.Access.WHEP/max(1, int(n.edges.Load())))
}

// whepHandler serves listeners by WHEP, or says that there are none here.
func (n *Node) whepHandler() http.Handler {
	if n.whep != nil {
		return n.whep.Handler()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		problem.Write(w, problem.New(problem.NotOffered, "Nobody listens by WHEP here. Listen at live.mp4 or live.ogg."))
	})
}
