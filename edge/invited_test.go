//go:build linux

package edge

import (
	"crypto/ed25519"
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// invite makes the house's room one by invitation, and returns what makes tokens for it.
func (h *house) invite() (token func(change func(*room.SeatGrant)) string, facts room.Facts) {
	var k room.Key
	key := k.SeatKey(harbour)
	f, _ := h.rooms.Facts(harbour)
	f.Life.Access.Visibility = room.ByInvitation
	f.Invites(key.Public().(ed25519.PublicKey))
	h.rooms.set(f)
	return func(change func(*room.SeatGrant)) string {
		g := room.SeatGrant{Room: harbour, Seat: "ada", Name: "Ada", Seats: 2, Expires: h.clock.Now().Add(time.Hour).Unix()}
		if change != nil {
			change(&g)
		}
		return room.SignSeat(key, g)
	}, f
}

// said is the problem that a listener was refused with.
func (l *listener) said(t *testing.T) (p struct {
	Code   problem.Code
	Detail string
	Retry  int `json:"retry_after_ms"`
}) {
	t.Helper()
	body, err := io.ReadAll(l.resp.Body)
	if err != nil || json.Unmarshal(body, &p) != nil || p.Code == "" || !strings.HasSuffix(p.Detail, ".") {
		t.Errorf("refused by %q (%v)", body, err)
	}
	return p
}

// Every answer of a room by invitation is had with a good token only, whichever way it comes, through the front and through net/http.
func TestInvited(t *testing.T) {
	h := open(t, func(c *Config) { c.PerAddress = 1 }) // who is invited is not counted by his address
	h.record(300)
	address, accepted := h.watched()
	token, facts := h.invite()
	facts.Life.Access.Revoked = []room.SeatID{"bob"}
	h.rooms.set(facts)
	good := token(nil)
	var forger room.Key
	forger[0] = 1
	forged := room.SignSeat(forger.SeatKey(harbour), room.SeatGrant{Room: harbour, Seat: "ada", Expires: h.clock.Now().Add(time.Hour).Unix()})
	rows := []struct {
		name, token string
		status      int
		code        problem.Code
	}{
		{"none", "", 401, problem.InvitationNeeded},
		{"cut", good[:len(good)-1], 401, problem.TokenMalformed},
		{"forged", forged, 401, problem.TokenForged},
		{"expired", token(func(g *room.SeatGrant) { g.Expires = h.clock.Now().Unix() }), 401, problem.TokenExpired},
		{"withdrawn", token(func(g *room.SeatGrant) { g.Seat = "bob" }), 403, problem.InvitationVoid},
		{"of another generation", token(func(g *room.SeatGrant) { g.Generation = 7 }), 403, problem.InvitationVoid},
		{"of another room", token(func(g *room.SeatGrant) { g.Room = "elsewhere" }), 403, problem.TokenWrongRoom},
		{"good", good, 200, ""},
	}
	paths := []string{"/r/harbour/live.mp4", "/r/harbour/live.ogg", "/r/harbour/floor/live.mp4", "/r/harbour/seat.json"}
	for _, path := range paths {
		for _, method := range []string{"GET", "HEAD"} {
			for _, way := range []string{"query", "header"} {
				for _, row := range rows {
					conn, err := net.Dial("tcp", address)
					if err != nil {
						t.Fatal(err)
					}
					line, field := method+" "+path, "Accept: */*"
					if way == "query" && row.token != "" {
						line += "?seat=" + row.token
					}
					if way == "header" && row.token != "" {
						field = "Authorization: Bearer " + row.token
					}
					l := ask(t, conn, line+" HTTP/1.1", field)
					if l.resp.StatusCode != row.status {
						t.Errorf("%s, a token that is %s, by %s: %d, want %d", line, row.name, way, l.resp.StatusCode, row.status)
					}
					if cache := l.resp.Header.Get("Cache-Control"); cache != "no-store" {
						t.Errorf("%s, %s: Cache-Control %q", line, row.name, cache)
					}
					if row.status == 401 && l.resp.Header.Get("WWW-Authenticate") == "" {
						t.Errorf("%s, %s: nothing says what is wanted", line, row.name)
					}
					if row.code != "" && method == "GET" {
						if p := l.said(t); p.Code != row.code {
							t.Errorf("%s, %s: %s, want %s", line, row.name, p.Code, row.code)
						}
					}
					conn.Close()
					h.until("the leave", func(s Stats) bool { return s.Seats == 0 })
				}
			}
		}
	}
	// What can be seated by the front was: only the good token of the query, for the two usual addresses.
	if all := len(paths) * 2 * 2 * len(rows); accepted() != all-2 {
		t.Errorf("%d of %d requests went to net/http, want all but 2", accepted(), all)
	}
	if s := h.edge.Stats(); s.Refused[problem.InvitationNeeded] == 0 || s.Refused[problem.TokenForged] == 0 {
		t.Errorf("nothing was counted: %v", s.Refused)
	}
}

// With one token so many listen at the same time as it says, here; who sits stays when it is withdrawn.
func TestSeatsOfOneInvitation(t *testing.T) {
	h := open(t, nil)
	h.record(300)
	token, facts := h.invite()
	at := func(token string) string { return "/r/harbour/live.mp4?seat=" + token }
	ada := at(token(nil))
	first, second := h.get(ada), h.get(ada)
	if first.resp.StatusCode != 200 || second.resp.StatusCode != 200 {
		t.Fatalf("two of two: %d, %d", first.resp.StatusCode, second.resp.StatusCode)
	}
	third := h.get(ada)
	if p := third.said(t); third.resp.StatusCode != 403 || p.Code != problem.InvitationFull || p.Retry == 0 {
		t.Errorf("three of two: %d, %+v", third.resp.StatusCode, p)
	}
	if l := h.get(at(token(func(g *room.SeatGrant) { g.Seat = "grace" }))); l.resp.StatusCode != 200 {
		t.Errorf("another token: %d", l.resp.StatusCode)
	}
	var seat struct {
		Gated        bool
		Name         string
		Seats, Taken int
	}
	err := json.NewDecoder(h.get("/r/harbour/seat.json?seat=" + token(nil)).resp.Body).Decode(&seat)
	if err != nil || !seat.Gated || seat.Name != "Ada" || seat.Seats != 2 || seat.Taken != 2 {
		t.Errorf("the invitation says of itself: %+v (%v)", seat, err)
	}
	err = facts.RevokeSeat("ada")
	if err != nil {
		t.Fatal(err)
	}
	h.rooms.set(facts)
	from := first.frame()
	h.play(50)
	first.hear(from, from+50)
	first.conn.Close()
	h.until("the leave", func(s Stats) bool { return s.Left == 1 })
	if l := h.get(ada); l.resp.StatusCode != 403 || l.said(t).Code != problem.InvitationVoid {
		t.Errorf("a withdrawn token takes a seat: %d", l.resp.StatusCode)
	}
}
