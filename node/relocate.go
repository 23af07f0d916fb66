package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/beacon"
	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// How the listeners of a room are taken to another one, and how a run-through is kept from everybody but its team.

// otherJoinRate is how many a second may join where nothing is known of the edges.
const otherJoinRate = 6000

// sign puts the order to go elsewhere into the facts as listeners are told it.
func (r *rooms) sign(f *room.Facts) error {
	to, ok := f.MovedTo()
	if !ok {
		return room.ErrPlace
	}
	rate := otherJoinRate
	if to.Origin == "" {
		rate = r.joinRate()
	}
	moved, err := room.SignMoved(r.key.PrivateKey, room.MovedOrder{
		Room: f.ID, To: f.Life.Moved.To, Made: r.now().Unix(), SpreadMS: int(room.SpreadOf(r.bus.Seats(f.ID), rate).Milliseconds()),
	})
	if err == nil {
		f.Life.Moved = moved
	}
	return err
}

// leadTimeout bounds how long the listeners wait for the list of the invited of the new room.
const leadTimeout = time.Second

// lead takes the team of a room along that is about to be moved. Tokens are signatures, so that a database which fails keeps nobody back.
func (r *rooms) lead(ctx context.Context, id room.ID) {
	f, _ := r.bus.Facts(id)
	if f.Life.Relocate == nil {
		return
	}
	to, err := room.ParsePlace(f.Life.Relocate.To)
	if err != nil || to.Origin != "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, leadTimeout)
	defer cancel()
	err = r.bus.ChangeFacts(ctx, to.Room, func(next *room.Facts) error {
		next.TakeAnswers(f)
		return nil
	})
	if err != nil {
		r.log.Error("who agreed to be recorded is asked again in the new room", "room", id, "to", to.Room, "error", err)
	} else {
		r.owe(to.Room)
	}
	err = r.store.CopyTeam(ctx, id, to.Room, false)
	if err != nil {
		r.log.Error("the team follows, and the list of the invited of the new room does not have all of them", "room", id, "to", to.Room, "error", err)
	}
}

// settle does what follows from a change of a room's life for other rooms: an evening and its run-through know of each other's end.
func (r *rooms) settle(before, now room.Facts) {
	if run := before.Life.Run; run != "" && now.Life.Run != run {
		r.beside(func(ctx context.Context) {
			err := r.End(ctx, run)
			if err != nil && !errors.Is(err, room.ErrNotFound) {
				r.log.Error("a run-through did not end with the opening of the doors", "room", now.ID, "run", run, "error", err)
			}
		})
	}
	if now.IsRun() && now.State == room.Ended && before.State != room.Ended {
		r.beside(func(ctx context.Context) {
			_, err := r.ChangeLife(ctx, now.RunOf, func(f *room.Facts) error {
				f.EndRun(now.ID)
				return nil
			})
			if err != nil && !errors.Is(err, room.ErrNotFound) {
				r.log.Error("a run-through is over, and its room does not know it", "room", now.RunOf, "run", now.ID, "error", err)
			}
		})
	}
}

// endStrayRuns ends run-throughs whose evening knows nothing of them any more: what would have ended them failed, or this process did before.
func (r *rooms) endStrayRuns(ctx context.Context) error {
	records, err := r.store.Rooms(ctx)
	if err != nil {
		return fmt.Errorf("read the rooms: %w", err)
	}
	for _, record := range records {
		f := record.Facts
		if !f.IsRun() || f.State == room.Ended {
			continue
		}
		if evening, ok := r.bus.Facts(f.RunOf); ok && evening.Life.Run == f.ID {
			continue
		}
		err = r.End(ctx, f.ID)
		if err != nil && !errors.Is(err, room.ErrNotFound) {
			return fmt.Errorf("end a run-through that is over: %w", err)
		}
	}
	return nil
}

// joinRate is how many a second may join all edges of this cluster together, as far as this node's configuration says.
func (n *Node) joinRate() int {
	rate := n.cfg.JoinRate
	if rate <= 0 {
		rate = otherJoinRate
	}
	return rate * max(1, int(n.edges.Load()))
}

// origins are where rooms of this cluster are heard, as far as it is known here.
func (n *Node) origins(r *http.Request) []string {
	all := []string{n.listenersAt(r), n.listenersURL}
	for _, e := range n.bus.Edges() {
		if room.ValidOrigin(e.Origin) {
			all = append(all, e.Origin)
		}
	}
	return all
}

// listenPath is where a room is heard, below the listeners' address: with a token for the team of a run-through.
func (n *Node) listenPath(id room.ID) string {
	f, ok := n.bus.Facts(id)
	if ok && f.IsRun() && n.rooms != nil {
		return "/r/" + string(id) + room.TokenMark + room.SignPass(n.rooms.key.PrivateKey, id, room.RunExpires(n.rooms.now()))
	}
	return "/r/" + string(id)
}

// unguarded stand below the address of a room that is not for everybody, and are for everybody, or guarded by the edge.
var unguarded = []string{"live.mp4", "live.ogg", "live.aac", "whep", "before.js", "moved.js", "more.js", "whep.js"}

// guarded keeps rooms that are not for everybody from who has no token for them, as if they were not there; and takes the token off the address
// for who has one.
func (n *Node) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, ok := strings.CutPrefix(r.URL.Path, "/r/")
		name, below, _ := strings.Cut(rest, "/")
		if !ok || slices.Contains(unguarded, below) {
			next.ServeHTTP(w, r)
			return
		}
		id, token, marked := strings.Cut(name, room.TokenMark)
		f, known := n.bus.Facts(room.ID(id))
		if known && !f.LetsIn(token, n.cfg.now()()) || marked && !known {
			w.Header().Set("Access-Control-Allow-Origin", "*")
			problem.Write(w, problem.New(problem.RoomUnknown, "There is no such room here, or the link to it has expired. Ask whoever gave it to you for a new one."))
			return
		}
		if marked {
			r = r.Clone(r.Context())
			r.URL.Path = "/r/" + id
			if strings.Contains(rest, "/") {
				r.URL.Path += "/" + below
			}
			r.URL.RawPath = ""
		}
		if !known || !f.IsPrivate() {
			next.ServeHTTP(w, r)
			return
		}
		// A cache that others use would go on answering when the pass has expired.
		answer := &private{ResponseWriter: w}
		next.ServeHTTP(answer, r)
		answer.tell()
	})
}

// away sends who comes to a room's page, or to another beginning of it, to where the room goes on.
func (n *Node) away(to string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, _ := n.bus.Facts(room.ID(r.PathValue("room")))
		place, moved := f.MovedTo()
		// The page of a room by invitation is asked for without the invitation, which stands behind its #: its sound is, and is sent there.
		if !moved || to == "" && f.Life.Access.Gated() {
			next.ServeHTTP(w, r)
			return
		}
		p := problem.New(problem.RoomMoved, "This conversation goes on at "+place.String()+".")
		p.Location = place.String() + to
		if lang := r.URL.Query().Get("lang"); lang == "en" || lang == "fr" {
			p.Location += "?lang=" + lang
		}
		w.Header().Set("Access-Control-Allow-Origin", "*")
		problem.Write(w, p)
	})
}

// status says how it goes in a room that is live, in facts that were counted, at GET /r/{room}/status.json. It costs nothing per listener: all of
// it is in this node's memory, and a cache keeps it for some seconds.
func (n *Node) status(w http.ResponseWriter, r *http.Request) {
	id := room.ID(r.PathValue("room"))
	f, ok := n.shown(id)
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if !ok {
		problem.Write(w, problem.NoRoom)
		return
	}
	now := n.cfg.now()()
	answer := statusAnswer{State: f.State, NowMS: now.UnixMilli()}
	if f.State.Open() {
		answer.Seated, answer.Refused, answer.Behind = n.bus.Seats(id), n.bus.Refused(id), n.behindCaches(id)
		answer.DelayMS = int64(f.DelayMS) + n.edge.Depth(f).Milliseconds()
	}
	if !f.Life.LiveAt.IsZero() {
		answer.SinceMS = f.Life.LiveAt.UnixMilli()
	}
	if late, ok := f.StartDelay(); ok && f.Planned() {
		ms := late.Milliseconds()
		answer.LateMS = &ms
	}
	writeCached(w, r, answer, statusLife)
}

// statusLife is how long a cache may keep how it goes: the counts behind it are made once a second.
const statusLife = 5 * time.Second

// statusAnswer is how it goes in a room. Counts are of what docs/PROTOCOL.md calls seats.
type statusAnswer struct {
	State   room.State `json:"state"`
	Seated  int        `json:"seated"`
	Refused uint64     `json:"refused"` // requests for a seat that found none

	Behind *beacon.Estimate `json:"behind_caches,omitempty"` // estimated beside them; nil: nobody is known to be

	DelayMS int64  `json:"delay_ms"`           // from the stage to the ear of who comes now
	SinceMS int64  `json:"since_ms,omitempty"` // live since, Unix
	LateMS  *int64 `json:"late_ms,omitempty"`  // the first word left, after the announced start
	NowMS   int64  `json:"now_ms"`
}
