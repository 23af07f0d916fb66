package node

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// Rooms by invitation, on the listeners' port: what sounds is given to a seat token only, and no cache that others use may keep it. The edge
// looks at the tokens of seats itself; what is pulled passes here.

// seatOf is the seat token of a request: behind the question mark, or as a header.
func seatOf(r *http.Request) string {
	if token := r.URL.Query().Get("seat"); token != "" {
		return token
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// invited lets requests about a room by invitation pass with a good seat token only. It asks nobody. What it lets pass no shared cache may keep,
// whatever the handler behind it says.
func (n *Node) invited(seat func(*http.Request) string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := room.ID(r.PathValue("room"))
		f, ok := n.bus.Facts(id)
		if !ok || f.State == room.Draft || !f.Life.Access.Gated() {
			next.ServeHTTP(w, r)
			return
		}
		if r.Method == http.MethodOptions { // whoever asks before he shows his token has none yet
			h := w.Header()
			h.Set("Access-Control-Allow-Origin", "*")
			h.Set("Access-Control-Allow-Methods", "GET, HEAD")
			h.Set("Access-Control-Allow-Headers", "Authorization, Range")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_, err := f.Life.Access.Admit(id, seat(r), n.cfg.now()())
		if err != nil {
			p := problem.OfSeat(err)
			w.Header().Set("Access-Control-Allow-Origin", "*") // a page of any site may read why
			if p.Status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", "Bearer")
			}
			problem.Write(w, p)
			return
		}
		answer := &private{ResponseWriter: w}
		next.ServeHTTP(answer, r)
		answer.tell() // who writes nothing, as for HEAD, may have said how it is kept
	})
}

// private makes an answer one that only its reader's own cache may keep.
type private struct {
	http.ResponseWriter
	told bool
}

// WriteHeader implements http.ResponseWriter.
func (p *private) WriteHeader(status int) {
	if status >= http.StatusOK {
		p.tell()
	}
	p.ResponseWriter.WriteHeader(status)
}

func (p *private) tell() {
	if p.told {
		return
	}
	p.told = true
	h := p.Header()
	cache := h.Get("Cache-Control")
	if !strings.Contains(cache, "no-store") {
		h.Set("Cache-Control", privately(cache))
	}
	h.Add("Vary", "Authorization")
	h.Set("Referrer-Policy", "no-referrer")
}

func (p *private) Write(b []byte) (int, error) {
	if !p.told {
		p.WriteHeader(http.StatusOK)
	}
	return p.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (p *private) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// privately is a Cache-Control without what concerns caches that several people use.
func privately(cache string) string {
	kept := []string{"private"}
	for d := range strings.SplitSeq(cache, ",") {
		d = strings.ToLower(strings.TrimSpace(d))
		name, _, _ := strings.Cut(d, "=")
		switch name {
		case "", "public", "private", "s-maxage", "proxy-revalidate", "stale-while-revalidate", "stale-if-error":
		default:
			kept = append(kept, d)
		}
	}
	return strings.Join(kept, ", ")
}

// seatPath serves /r/{room}/seat/{token}/…, which is /r/{room}/…?seat={token}: below it all that a playlist or a page names relatively has the
// token, too.
func seatPath(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner := r.Clone(r.Context())
		rest := r.PathValue("rest")
		inner.URL.Path = "/r/" + r.PathValue("room")
		if rest != "" {
			inner.URL.Path += "/" + rest
		}
		inner.URL.RawPath = ""
		query := "seat=" + url.QueryEscape(r.PathValue("token"))
		if r.URL.RawQuery != "" {
			query += "&" + r.URL.RawQuery
		}
		inner.URL.RawQuery = query
		inner.RequestURI = ""
		next.ServeHTTP(w, inner)
	})
}

// bySeatPath sends who asks for a playlist with a token behind the question mark to where the addresses in it have the token, too: a player does
// not carry a query on.
func bySeatPath(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := r.URL.Query().Get("seat")
		if token == "" || !strings.HasSuffix(r.URL.Path, ".m3u8") || r.RequestURI == "" { // it came from there
			next.ServeHTTP(w, r)
			return
		}
		id := r.PathValue("room")
		rest := strings.TrimPrefix(r.URL.Path, "/r/"+id+"/")
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Location", "/r/"+id+"/seat/"+url.PathEscape(token)+"/"+rest)
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
}

// ownSeat is a seat token for this house's own ears; empty where the room needs none.
func (n *Node) ownSeat(f room.Facts, who room.SeatID, life time.Duration) string {
	if n.store == nil || !f.Life.Access.Gated() {
		return ""
	}
	return room.SignSeat(n.store.Key().SeatKey(f.ID), room.SeatGrant{
		Room: f.ID, Seat: who, Generation: f.Life.Access.Generation, Seats: ownSeats, Expires: n.cfg.now()().Add(life).Unix(),
	})
}

// ownSeats is how many seats the house's own ears may have.
const ownSeats = 20
