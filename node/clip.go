package node

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/replay"
	"github.com/epidaurus-live/epidaurus/replay/picture"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
	"github.com/epidaurus-live/epidaurus/web"
)

// clipPage serves the page of a clip. That of a room by invitation is for everybody who shows no invitation in what a server is told: it says
// nothing, and its gate finds the one behind the # of the address, or asks for it.
func (n *Node) clipPage() http.Handler {
	page := web.ClipPage(n.clipHead)
	invited := n.invited(seatOf, page)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if seatOf(r) == "" {
			page.ServeHTTP(w, r)
			return
		}
		invited.ServeHTTP(w, r)
	})
}

// clipHead is what a clip's page says of it to those who show links.
func (n *Node) clipHead(r *http.Request) (head web.ClipHead, status int) {
	id := room.ID(r.PathValue("room"))
	f, ok := n.shown(id)
	if !ok {
		return head, http.StatusNotFound
	}
	gated := f.Life.Access.Gated()
	if gated && seatOf(r) == "" { // any other that came here was let in
		return web.ClipHead{Gated: true}, http.StatusOK
	}
	t, err := n.tapeOf(id, tape.Floor)
	if err != nil {
		return head, http.StatusNotFound
	}
	c, err := replay.FindClip(f, n.tapedOf(id, t), r.PathValue("clip"))
	var p problem.Problem
	if errors.As(err, &p) {
		return head, cmp.Or(p.Status, http.StatusNotFound)
	}
	seconds := int(c.Length().Seconds() + 0.5)
	words := fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
	if len(c.Speakers) > 0 {
		words = strings.Join(c.Speakers, ", ") + " · " + words
	}
	return web.ClipHead{
		Title: c.Title, Words: words, Address: n.listenersAt(r) + r.URL.EscapedPath(), Width: picture.Width, Height: picture.Height,
		Gated: gated,
	}, http.StatusOK
}
