//go:build linux

package edge

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// Rooms by invitation: the seat token is looked at when somebody asks for a seat, by what the facts of the room say, and never again. Whoever
// sits has nothing to do with it.

// invited checks the seat token of a request to a room that asks for one. It asks nobody.
func (e *Edge) invited(ask *request) (err error) {
	if !ask.facts.Life.Access.Gated() {
		return nil
	}
	ask.grant, err = ask.facts.Life.Access.Admit(ask.key.room, ask.seat, e.config.Now())
	if err != nil {
		return problem.OfSeat(err)
	}
	return nil
}

// bearer is the token in a request's Authorization header.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// originOfSeat is what the seats of one token are counted by: of a seat token that was checked, so nobody chooses it.
func originOfSeat(g room.SeatGrant) origin {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s %s", g.Room, g.Seat) // a hash never fails
	return origin(h.Sum64())&^0xff | originInvited
}

func fullInvitation(g room.SeatGrant) string {
	if g.Most() == 1 {
		return "Somebody listens with this invitation already. Close the other player, or try again in a moment."
	}
	return fmt.Sprintf("%d players listen with this invitation already, which is all that it is for. Close one of them, or try again in a moment.", g.Most())
}

// seatAnswer is what a page may know of its invitation before it asks for the sound.
type seatAnswer struct {
	Gated   bool   `json:"gated"` // without, no token is needed
	Name    string `json:"name,omitempty"`
	Expires int64  `json:"expires_ms,omitempty"` // Unix
	Seats   int    `json:"seats,omitempty"`      // at the same time on one edge
	Taken   int    `json:"taken,omitempty"`      // of these, here and now
}

// serveSeat says whether a seat token is good here, or why not.
func (e *Edge) serveSeat(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD")
		w.Header().Set("Access-Control-Allow-Headers", "Authorization")
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		e.refuse(w, problem.New(problem.MethodNotAllowed, "An invitation can only be looked at: use GET."))
		return
	}
	ask := request{seat: r.URL.Query().Get("seat")}
	if ask.seat == "" {
		ask.seat = bearer(r)
	}
	ask.key.room = room.ID(r.PathValue("room"))
	ok := ask.key.room.Valid()
	if ok {
		ask.facts, ok = e.config.Rooms.Facts(ask.key.room)
	}
	if !ok || ask.facts.State == room.Draft {
		e.refuse(w, problem.NoRoom)
		return
	}
	err := e.invited(&ask)
	if err != nil {
		e.refuse(w, err)
		return
	}
	answer := seatAnswer{}
	if ask.facts.Life.Access.Gated() {
		g := ask.grant
		answer = seatAnswer{Gated: true, Name: g.Name, Expires: g.Expires * 1000, Seats: g.Most(), Taken: e.crowd.countOf(originOfSeat(g))}
	}
	body, err := json.Marshal(answer)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodHead {
		_, _ = w.Write(append(body, '\n')) // the reader may be gone; nobody is left to tell
	}
}
