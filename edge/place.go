//go:build linux

package edge

import (
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Place is a seat that is no open response: somebody else brings its listener the sound, as WHEP does. It is given by the same rules as any
// seat, and counts as one wherever seats are counted, until Leave. Its methods may be called from any goroutine.
type Place struct {
	Facts room.Facts // of the room, as the listener was let in

	edge   *Edge
	hub    *hub
	ticket ticket

	mu   sync.Mutex
	sat  bool // guarded by mu
	left bool // guarded by mu
}

// Place keeps a place for whoever makes a request below /r/{room}/: the room's sound is there, its doors are open, and the request's token, if
// the room asks for one, is good. Its errors are problems, of which RefusePlace is told. An edge that is under so much load that it writes
// less often than it could refuses: a listener by WebRTC costs it many times what others do.
func (e *Edge) Place(r *http.Request) (*Place, error) {
	e.offered.Add(1)
	ask, err := e.parsePlace(r)
	if err != nil {
		return nil, err
	}
	if usual, _ := stepOf(e.config.Cadence); e.policies.now.Load().step > usual {
		return nil, e.later(problem.Busy, "This server is under load. Its other sound still has room.")
	}
	ask.origin = e.origin(r)
	h, t, err := e.take(ask)
	if err != nil {
		return nil, err
	}
	defer e.joining.Done()
	err = e.ready(r.Context(), h.reels[ask.variant], ask.from, 0)
	if err != nil {
		e.giveBack(h, t)
		return nil, err
	}
	return &Place{Facts: ask.facts, edge: e, hub: h, ticket: t}, nil
}

// parsePlace reads who asks for a place where.
func (e *Edge) parsePlace(r *http.Request) (ask request, err error) {
	ask, err = parseQuery(r.URL.RawQuery, oggOpus)
	if err != nil {
		return ask, err
	}
	id, token, _ := strings.Cut(r.PathValue("room"), room.TokenMark)
	ask.key, ask.token, ask.from, ask.variant = hubKey{room.ID(id), tape.Floor}, token, -1, 0
	if ask.seat == "" {
		ask.seat = bearer(r)
	}
	err = e.find(&ask)
	if p, ok := errors.AsType[problem.Problem](err); ok && p.Code == problem.RoomMoved {
		to, _ := ask.facts.MovedTo() // or it had not been told to
		p.Location = to.String() + "/whep"
		err = p
	}
	return ask, err
}

// Sit makes the place a seat: its listener hears something.
func (p *Place) Sit() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.sat && !p.left {
		p.sat = true
		p.edge.tally.seated.Add(1)
	}
}

// Leave gives the place back. It may be called again, to no effect.
func (p *Place) Leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left {
		return
	}
	p.left = true
	if p.sat {
		p.edge.tally.left.Add(1)
	}
	p.edge.giveBack(p.hub, p.ticket)
}

// RefusePlace answers a request for a place that was refused, and counts that as a seat refused.
func (e *Edge) RefusePlace(w http.ResponseWriter, r *http.Request, err error) {
	id := room.ID(r.PathValue("room"))
	if f, ok := e.config.Rooms.Facts(id); ok {
		e.turnedDown(err, request{facts: f})
	}
	e.refuse(w, e.tellInside(err, id))
}

// Said is what is true of a room at the newest frame, and what was said of later ones: what a listener has to be told who comes now. It is empty
// where the room is not heard here.
func (e *Edge) Said(id room.ID) []tape.Event {
	h := e.hubOf(hubKey{id, tape.Floor})
	if h == nil {
		return nil
	}
	return e.Events(id, tape.Floor, h.reels[0].ring.Head()+1)
}

// Notices are this edge's own events (Announce), and a number that changes with them.
func (e *Edge) Notices() (version uint16, events []tape.Event) {
	n := e.policies.now.Load().notices
	return n.version, n.events
}

// Variant is the best variant that the line carries now.
func (e *Edge) Variant() tape.Variant { return tape.Variants[e.policies.now.Load().variant] }
