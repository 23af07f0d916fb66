package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/bus"
	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

const (
	// unlistWait is how long a list without this edge may take to come.
	unlistWait = 3 * time.Second
	// usualDrain is the time over which a node is emptied where none is named.
	usualDrain = time.Minute
)

// Drain sends the listeners of this node elsewhere: no list names it any more, and then its seats are cut one by one over the time given. It
// returns when no seat is left, or with an error when ctx is done. The node gives no seats from then on until it is started again.
func (n *Node) Drain(ctx context.Context, over time.Duration) error {
	if !n.cfg.has(roleEdge) {
		return nil
	}
	n.news.mu.Lock()
	n.news.draining = true
	n.news.mu.Unlock()
	n.present()
	unlisted, cancel := context.WithTimeout(ctx, unlistWait)
	n.news.omits(unlisted, n.cfg.PublicURL)
	cancel()
	return n.edge.Drain(ctx, over)
}

// draining reports whether the listeners of this node are being sent elsewhere.
func (n *Node) draining() bool {
	n.news.mu.Lock()
	defer n.news.mu.Unlock()
	return n.news.draining
}

// Replaceable reports whether another edge is known that could take the listeners of this node.
func (n *Node) Replaceable() bool { return replaceable(n.name, n.bus.Edges()) }

func replaceable(name string, edges []bus.Presence) bool {
	return slices.ContainsFunc(edges, func(e bus.Presence) bool { return e.Edge != name && !e.Draining && room.ValidOrigin(e.Origin) })
}

// DrainStatus is what the private port says about a drain.
type DrainStatus struct {
	Draining bool `json:"draining"`
	Seats    int  `json:"seats"` // left
}

// serveDrain begins to empty this node (POST), and says how far that is.
func (n *Node) serveDrain(w http.ResponseWriter, r *http.Request) {
	if !n.cfg.has(roleEdge) {
		problem.Write(w, problem.New(problem.StepImpossible, "This node seats no listeners: drain an edge."))
		return
	}
	status := http.StatusOK
	if r.Method == http.MethodPost {
		err := n.beginDrain(r.URL.Query())
		if refusal, ok := errors.AsType[problem.Problem](err); ok {
			problem.Write(w, refusal)
			return
		}
		status = http.StatusAccepted
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(DrainStatus{n.draining() || r.Method == http.MethodPost, n.edge.Stats().Seats}) // the reader may be gone
}

// beginDrain empties this node as it is asked to, unless that would end the show. Its errors are problems.
func (n *Node) beginDrain(ask url.Values) error {
	over, err := drainTime(ask.Get("over"))
	if err != nil {
		return problem.New(problem.BadRequest, err.Error())
	}
	if ask.Get("force") != "1" && !n.draining() && !n.Replaceable() {
		return problem.New(problem.StepImpossible, "No other edge is known that could take the listeners: they would be cut off, and the show would be "+
			"over. Start another edge with a public-url first, or drain all the same with --force (force=1).")
	}
	n.log.Info("sending the listeners elsewhere", "over", over)
	n.running.Go(func() {
		err := n.Drain(n.open, over)
		if err != nil && n.open.Err() == nil {
			n.log.Warn("this node was not emptied to the end", "error", err)
		}
	})
	return nil
}

func drainTime(text string) (time.Duration, error) {
	if text == "" {
		return usualDrain, nil
	}
	over, err := time.ParseDuration(text)
	if err != nil || over < 0 || over > maxDrain {
		return 0, fmt.Errorf("over=%s is no time to drain: write one from 0s to 1h, such as over=60s", text)
	}
	return over, nil
}
