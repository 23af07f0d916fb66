package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/epidaurus-live/epidaurus/bus"
	"github.com/epidaurus-live/epidaurus/edge"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// count says once a second how this edge is, tells the rooms how many seats all edges have, and all edges which ones there are.
func (n *Node) count(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		n.present()
		n.beacons.tally.Turn(time.Now())
		n.edges.Store(int32(seating(n.bus.Edges())))
		if n.rooms != nil {
			n.rooms.count(n.behindCaches)
			n.list(time.Now())
		}
	}
}

// present says how this node's edge is.
func (n *Node) present() {
	if !n.cfg.has(roleEdge) {
		return
	}
	stats := n.edge.Stats()
	err := n.bus.PublishPresence(bus.Presence{
		Origin: n.cfg.PublicURL, Rooms: n.edge.Seats(), Capacity: stats.MaxSeats, Step: step(stats.Cadence), Draining: n.draining(),
		Full: n.fullness.observe(stats, time.Now()), Version: version(),
		Refused: n.edge.TurnedDown(),
	})
	if err != nil {
		n.log.Warn("this edge could not say how it is", "error", err)
	}
}

// fullness decides whether an edge calls itself full. Each change of the list is told to every seat of the cluster, so an edge whose last seats
// come and go must not come and go with them.
type fullness struct {
	mu    sync.Mutex
	full  bool      // guarded by mu
	since time.Time // guarded by mu; of full
}

const (
	fullLeast = 30 * time.Second // an edge that was full is so for at least that long
	freeShare = 0.9              // of its seats: more must not be taken for it to be free again
)

// observe takes in how an edge is now.
func (f *fullness) observe(s edge.Stats, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case s.Short || s.Seats >= s.MaxSeats:
		f.full, f.since = true, now
	case f.full && now.Sub(f.since) >= fullLeast && float64(s.Seats) <= freeShare*float64(s.MaxSeats):
		f.full = false
	}
	return f.full
}

// step is the number of a cadence: 0.24 s, doubled so many times.
func step(cadence time.Duration) int {
	return max(bits.Len(uint(cadence/(tape.PageFrames*tape.FrameDuration)))-1, 0)
}

// version is of this build.
var version = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
})

// list tells all edges which ones there are, when that has changed or was long ago.
func (n *Node) list(now time.Time) {
	if !n.bus.Connected() {
		n.lister.listenFirst(now)
		return
	}
	list, err := n.lister.next(n.bus.Edges(), now)
	if err == nil && list != nil {
		err = n.bus.PublishEdges(list)
	}
	if err != nil {
		n.log.Warn("the edges were not told of each other", "error", err)
	}
}

const (
	listAgain  = 10 * time.Second // an edge that has just come waits no longer for its first list
	listenTime = 5 * time.Second  // within it, every edge that there is has been heard
)

// lister makes the signed list of edges. It belongs to one goroutine, and reads no clock.
type lister struct {
	key       room.ClusterKey
	told      []string // last
	toldAt    time.Time
	notBefore time.Time
}

func newLister(key room.ClusterKey, now time.Time) *lister {
	l := &lister{key: key}
	l.listenFirst(now)
	return l
}

// listenFirst is for who has just come, or has heard nothing for a while: what he knows of the edges is not all.
func (l *lister) listenFirst(now time.Time) { l.notBefore = now.Add(listenTime) }

// next is the event to tell, or nil while there is nothing new. Edges that are full are named only where all are. A list without an edge is
// never told: an old one is better.
func (l *lister) next(edges []bus.Presence, now time.Time) ([]byte, error) {
	if now.Before(l.notBefore) {
		return nil, nil
	}
	var origins, full []string
	for _, e := range edges {
		switch {
		case e.Draining || !room.ValidOrigin(e.Origin):
		case e.Full:
			full = append(full, e.Origin)
		default:
			origins = append(origins, e.Origin)
		}
	}
	if len(origins) == 0 {
		origins = full
	}
	list := room.NewEdgeList(origins, now)
	if len(list.Edges) == 0 || slices.Equal(list.Edges, l.told) && now.Sub(l.toldAt) < listAgain {
		return nil, nil
	}
	event, err := room.SignEdges(l.key.PrivateKey, list)
	if err != nil {
		return nil, fmt.Errorf("sign the list of edges: %w", err)
	}
	l.told, l.toldAt = list.Edges, now
	return json.Marshal(event)
}

// announceAgain is how often seats are told a list that has not changed, so that the one they have does not expire.
const announceAgain = 5 * time.Minute

// edgeNews is what an edge knows of the others.
type edgeNews struct {
	mu       sync.Mutex
	key      []byte        // guarded by mu; of the first list that came: who comes with another is not believed
	warned   time.Time     // guarded by mu; of another key
	edges    []string      // guarded by mu; as they were announced last
	at       time.Time     // guarded by mu; when
	listed   []string      // guarded by mu; as they were heard last
	heard    chan struct{} // guarded by mu; closed at the next list; nil when nobody waits
	draining bool          // guarded by mu; of this edge
}

var errOtherKey = errors.New("it is signed by another key than the one before: if the stage's cluster.key was changed, restart this edge")

// hear takes a list. It returns what to announce, or nil while there is nothing new for seats.
func (e *edgeNews) hear(list []byte, now time.Time) ([]byte, error) {
	event, err := room.ParseEdges(list)
	if err != nil {
		return nil, err
	}
	l, err := room.VerifyEdges(event, nil, now)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.key == nil {
		e.key = []byte(event.Key)
	}
	if string(e.key) != event.Key {
		return nil, errOtherKey
	}
	e.listed = l.Edges
	if e.heard != nil {
		close(e.heard)
		e.heard = nil
	}
	if slices.Equal(e.edges, l.Edges) && now.Sub(e.at) < announceAgain {
		return nil, nil
	}
	e.edges, e.at = l.Edges, now
	return json.Marshal(event)
}

// omits returns when the last list that came leaves an origin out, or ctx is done.
func (e *edgeNews) omits(ctx context.Context, origin string) {
	for {
		e.mu.Lock()
		if !slices.Contains(e.listed, origin) {
			e.mu.Unlock()
			return
		}
		if e.heard == nil {
			e.heard = make(chan struct{})
		}
		heard := e.heard
		e.mu.Unlock()
		select {
		case <-heard:
		case <-ctx.Done():
			return
		}
	}
}

// complain reports whether it is time to say that a list was not believed.
func (e *edgeNews) complain(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if now.Sub(e.warned) < time.Minute {
		return false
	}
	e.warned = now
	return true
}

// watchEdges hands what is heard of other edges to the seats of this one.
func (n *Node) watchEdges() error {
	if !n.cfg.has(roleEdge) {
		return nil
	}
	stop, err := n.bus.WatchEdges(func(list []byte) {
		now := time.Now()
		event, err := n.news.hear(list, now)
		if err != nil && n.news.complain(now) {
			n.log.Warn("a list of edges is not passed on", "error", err)
		}
		if event != nil {
			n.edge.Announce(room.KindEdges, event)
		}
	})
	if err == nil {
		n.unwatch = append(n.unwatch, stop)
	}
	return err
}
