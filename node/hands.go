package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/web"
)

// Hands of an edge's listeners. All of them together have a budget, so that a crowd that wants to speak takes nothing from those who listen;
// a queue is short, and a page asks every few seconds. Each origin has a small one before it, so that nobody takes what belongs to all.
const (
	ownPerSecond, ownBurst = 2, 10
	ownBudgets             = 1024 // origins that share one are few and change with each start

	handsPerSecond, handsBurst = 10, 50   // raised
	looksPerSecond, looksBurst = 100, 200 // asked about

	maxHandBody = 2 << 10 // bytes
)

// handDesk carries what listeners' pages want of a room's queue of hands to the node that has it.
type handDesk struct {
	node   *Node
	own    *ownBudget
	raises *rate.Limiter
	looks  *rate.Limiter
}

// ownBudget is what each origin may ask, in a memory that does not grow with their number. Its methods may be called from any goroutine.
type ownBudget struct {
	seed maphash.Seed
	of   [ownBudgets]*rate.Limiter
}

func newOwnBudget() *ownBudget {
	b := &ownBudget{seed: maphash.MakeSeed()}
	for i := range b.of {
		b.of[i] = rate.NewLimiter(ownPerSecond, ownBurst)
	}
	return b
}

// allow takes from an origin's budget. One that is not known, or this machine itself, behind which anybody may be, has none of its own.
func (b *ownBudget) allow(origin string, now time.Time) bool {
	return origin == "" || b.of[maphash.String(b.seed, origin)%ownBudgets].AllowN(now, 1)
}

// handsHandler serves the page of a raised hand and what it asks, on the listeners' port.
func (n *Node) handsHandler(known func(room.ID) bool) http.Handler {
	d := &handDesk{n, newOwnBudget(), rate.NewLimiter(handsPerSecond, handsBurst), rate.NewLimiter(looksPerSecond, looksBurst)}
	mux := http.NewServeMux()
	mux.Handle("GET /r/{room}/hand", web.HandPage(known))
	mux.HandleFunc("POST /r/{room}/hand", d.serve("raise", d.raises))
	mux.HandleFunc("GET /r/{room}/hand/mine", d.serve("look", d.looks))
	mux.HandleFunc("DELETE /r/{room}/hand/mine", d.serve("lower", d.looks))
	mux.HandleFunc("POST /r/{room}/hand/mine/accept", d.serve("accept", d.looks))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		problem.Write(w, problem.New(problem.MethodNotAllowed, "A hand is raised by POST, asked about by GET, and lowered by DELETE."))
	})
	return mux
}

// serve answers one thing that a page wants, within a budget.
func (d *handDesk) serve(do string, budget *rate.Limiter) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		reply, err := d.ask(w, r, do, budget)
		if err == nil && reply.Code != "" {
			err = problem.Problem{Code: problem.Code(reply.Code), Detail: reply.Detail, RetryAfter: time.Duration(reply.RetryMS) * time.Millisecond}
		}
		var p problem.Problem
		switch {
		case err == nil:
			d.answer(w, r, reply)
		case errors.As(err, &p):
			problem.Write(w, p)
		default:
			d.node.log.Debug("nobody takes a hand", "path", r.URL.Path, "error", err)
			problem.Write(w, tooManyHands("The stage does not answer at this moment. Try again in a few seconds."))
		}
	}
}

// tooManyHands is a refusal that scatters those who come again.
func tooManyHands(detail string) problem.Problem {
	const soonest = 5 * time.Second
	return problem.Problem{Code: problem.Busy, Detail: detail, RetryAfter: soonest + rand.N(2*soonest)}
}

func (d *handDesk) ask(w http.ResponseWriter, r *http.Request, do string, budget *rate.Limiter) (room.HandReply, error) {
	var reply room.HandReply
	id := room.ID(r.PathValue("room"))
	facts, ok := d.node.shown(id)
	if !ok {
		return reply, problem.NoRoom
	}
	err := problem.OfDenial(room.May(room.Listener, room.ActRaiseHand, facts.State))
	if err != nil {
		return reply, err
	}
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || !room.Secret(secret).Valid() {
		return reply, problem.New(problem.TokenMalformed, "Send the secret that your page made as \"Authorization: Bearer ...\".")
	}
	ask := room.HandAsk{Do: do, ID: room.HandIDOf(room.Secret(secret)), Origin: d.node.edge.Origin(r)}
	if do == "raise" {
		err := readHand(w, r, &ask)
		if err != nil {
			return reply, err
		}
	}
	if !d.own.allow(ask.Origin, time.Now()) {
		return reply, tooManyHands("Very many requests come from your network's address. Try again in a few seconds.")
	}
	if !budget.Allow() {
		return reply, tooManyHands("Very many raise their hands at this moment. Try again in a few seconds.")
	}
	question, err := json.Marshal(ask)
	if err != nil {
		return reply, err
	}
	answer, err := d.node.bus.Ask(r.Context(), id, question)
	if err != nil {
		return reply, err
	}
	return reply, json.Unmarshal(answer, &reply)
}

// readHand reads who raises a hand, and about what.
func readHand(w http.ResponseWriter, r *http.Request, ask *room.HandAsk) error {
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" {
		return problem.New(problem.WrongType, "Send the body as application/json.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxHandBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return problem.New(problem.TooLarge, fmt.Sprintf("The body may have at most %d bytes.", maxHandBody))
	}
	var hand struct{ Name, Line string }
	if err == nil {
		err = json.Unmarshal(body, &hand)
	}
	if err != nil {
		return problem.New(problem.BadRequest, "The body has to be an object with \"name\" and \"line\".")
	}
	ask.Name, err = room.CheckName(hand.Name)
	if err == nil {
		ask.Line, err = room.CheckLine(hand.Line)
	}
	if err != nil {
		return problem.New(problem.BadRequest, problem.Sentence(err))
	}
	return nil
}

// handAnswer is how a hand stands, as its page is told.
type handAnswer struct {
	State   room.HandState `json:"state"`
	Ahead   int            `json:"ahead"`
	DeskURL string         `json:"desk_url,omitempty"` // with the token behind #
}

func (d *handDesk) answer(w http.ResponseWriter, r *http.Request, reply room.HandReply) {
	if reply.State == "" { // lowered
		w.WriteHeader(http.StatusNoContent)
		return
	}
	told := handAnswer{State: reply.State, Ahead: reply.Ahead}
	if reply.Token != "" {
		told.DeskURL = d.node.deskOf(reply.Stage, r.Host) + "/desk/" + r.PathValue("room") + "#" + reply.Token
	}
	body, err := json.Marshal(told)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n')) // the page may be gone; nobody is left to tell
}

// deskOf is where a listener finds the desk: at the configured address, or at this machine by the name under which it was reached.
func (n *Node) deskOf(stage, asked string) string {
	if n.stage == nil || n.cfg.StageURL != "" || stage != n.stageURL {
		return stage
	}
	scheme := "https"
	if n.cfg.StageTLS == "off" || isLocal(asked) {
		scheme = "http"
	}
	return sameHost("", n.stageURL, scheme, asked)
}

// isLocal reports whether a Host header names the browser's own machine, from which a page over plain HTTP may have a microphone.
func isLocal(asked string) bool {
	host, _, err := net.SplitHostPort(asked)
	if err != nil {
		host = asked
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

// answerHands lets the makers of this node answer for their rooms.
func (n *Node) answerHands() error {
	stop, err := n.bus.Answer(n.rooms.answerHand)
	if err != nil {
		return err
	}
	n.unwatch = append(n.unwatch, stop)
	return nil
}
