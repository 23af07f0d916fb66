package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// want is what an action answers: a status, and the code of a refusal.
type want struct {
	status int
	code   problem.Code
}

var (
	ok        = want{status: http.StatusOK}
	created   = want{status: http.StatusCreated}
	noContent = want{status: http.StatusNoContent}
	hostOnly  = want{http.StatusUnauthorized, problem.HostOnly}
	forbidden = want{http.StatusForbidden, problem.Forbidden}
	ended     = want{http.StatusGone, problem.RoomEnded}
	unknown   = want{http.StatusNotFound, problem.RoomUnknown}
)

// Each caller does each action in a room that is live and in one that has ended.
func TestWhoMayDoWhat(t *testing.T) {
	actions := []struct{ name, method, path, body string }{
		{"get", "GET", "", ""},
		{"own token", "POST", "/token", ""},
		{"invite a speaker", "POST", "/invites", `{"name":"Grace","role":"speaker"}`},
		{"invite a co-host", "POST", "/invites", `{"name":"Grace","role":"cohost"}`},
		{"end", "POST", "/end", ""},
	}
	h := newHouse(t)
	_, otherHost := h.newHost()
	other := h.newRoom(room.Live)
	var forger room.Key
	sign := func(key *room.Key, id room.ID, p room.PersonID, role room.Role, expires int64) edit {
		return token(key.Sign(room.Grant{Room: id, Person: p, Role: role, Name: "Somebody", Expires: expires}))
	}
	soon := noon.Unix() + 1
	all := func(w want) [5]want { return [5]want{w, w, w, w, w} }
	unauthorized := func(code problem.Code) [5]want { return all(want{http.StatusUnauthorized, code}) }

	tests := []struct {
		caller      string
		as          func(id room.ID) edit
		live, ended [5]want
	}{
		{"the host, by cookie", func(room.ID) edit { return with(h.cookie) },
			[5]want{ok, ok, created, created, noContent}, [5]want{ok, ended, ended, ended, noContent}},
		{"the host, by token", func(id room.ID) edit { return sign(h.cfg.Key, id, "h0st", room.Host, soon) },
			[5]want{ok, hostOnly, created, created, noContent}, [5]want{ok, hostOnly, ended, ended, noContent}},
		{"a co-host", func(id room.ID) edit { return sign(h.cfg.Key, id, "c0", room.CoHost, soon) },
			[5]want{ok, hostOnly, created, forbidden, forbidden}, [5]want{ok, hostOnly, ended, ended, forbidden}},
		{"a speaker", func(id room.ID) edit { return sign(h.cfg.Key, id, "p1", room.Speaker, soon) },
			[5]want{ok, hostOnly, forbidden, forbidden, forbidden}, [5]want{ok, hostOnly, ended, ended, forbidden}},
		{"another host", func(room.ID) edit { return with(otherHost) }, all(unknown), all(unknown)},
		{"nobody", func(room.ID) edit { return func(*http.Request) {} }, all(hostOnly), all(hostOnly)},
		{"a cookie of no session", func(room.ID) edit {
			return with(&http.Cookie{Name: plainCookie, Value: strings.Repeat("a", 32)})
		}, all(hostOnly), all(hostOnly)},
		{"a damaged cookie", func(room.ID) edit { return with(&http.Cookie{Name: plainCookie, Value: "x"}) }, all(hostOnly), all(hostOnly)},
		{"the TLS cookie without TLS", func(room.ID) edit {
			return with(&http.Cookie{Name: secureCookie, Value: h.cookie.Value})
		}, all(hostOnly), all(hostOnly)},
		{"a password", func(room.ID) edit { return header("Authorization", "Basic YTpi") }, all(hostOnly), all(hostOnly)},
		{"the host of another room, by token", func(room.ID) edit { return sign(h.cfg.Key, other, "h0st", room.Host, soon) },
			all(want{http.StatusForbidden, problem.TokenWrongRoom}), all(want{http.StatusForbidden, problem.TokenWrongRoom})},
		{"somebody who was removed", func(id room.ID) edit { return sign(h.cfg.Key, id, "mallory1", room.CoHost, soon) },
			all(want{http.StatusForbidden, problem.Removed}), all(want{http.StatusForbidden, problem.Removed})},
		{"an expired token", func(id room.ID) edit { return sign(h.cfg.Key, id, "h0st", room.Host, noon.Unix()) },
			unauthorized(problem.TokenExpired), unauthorized(problem.TokenExpired)},
		{"a forged token", func(id room.ID) edit { return sign(&forger, id, "h0st", room.Host, soon) },
			unauthorized(problem.TokenForged), unauthorized(problem.TokenForged)},
		{"half a token", func(room.ID) edit { return token("e1.eyJyIjoi") },
			unauthorized(problem.TokenMalformed), unauthorized(problem.TokenMalformed)},
		{"an empty token", func(room.ID) edit { return token("") },
			unauthorized(problem.TokenMalformed), unauthorized(problem.TokenMalformed)},
		{"a forged token beside the host's cookie", func(id room.ID) edit {
			return func(r *http.Request) { sign(&forger, id, "h0st", room.Host, soon)(r); with(h.cookie)(r) }
		}, unauthorized(problem.TokenForged), unauthorized(problem.TokenForged)},
	}
	for _, tt := range tests {
		for state, answers := range map[room.State][5]want{room.Live: tt.live, room.Ended: tt.ended} {
			for i, action := range actions {
				t.Run(fmt.Sprintf("%s/%s/%s", tt.caller, state, action.name), func(t *testing.T) {
					id := h.newRoom(state)
					w := h.do(action.method, "/api/rooms/"+string(id)+action.path, action.body, tt.as(id))
					if answers[i].code != "" {
						refused(t, w, answers[i].status, answers[i].code)
					} else if w.Code != answers[i].status {
						t.Errorf("status = %d %s, want %d", w.Code, w.Body, answers[i].status)
					}
					if w.Code == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") != "Bearer" {
						t.Error("a 401 does not say what would help (RFC 9110, section 15.5.2)")
					}
					_, open := h.rooms.Facts(id)
					if stays := state == room.Live && (action.name != "end" || w.Code != http.StatusNoContent); open != stays {
						t.Errorf("the room is open: %v, want %v", open, stays)
					}
				})
			}
		}
	}
}

func TestOnlyHostsListAndCreate(t *testing.T) {
	h := newHouse(t)
	id := h.newRoom(room.Live)
	other, otherHost := h.newHost()
	hostToken := token(h.cfg.Key.Sign(room.Grant{Room: id, Person: "h0st", Role: room.Host, Expires: noon.Unix() + 1}))
	tests := []struct {
		caller string
		as     edit
		me     string
		list   int // rooms seen; -1: refused
	}{
		{"host", with(h.cookie), `{"host":true,"feed_url":"http://localhost:8080/feed/` + string(h.host) + `.xml"}`, 1},
		{"another host", with(otherHost), `{"host":true,"feed_url":"http://localhost:8080/feed/` + string(other) + `.xml"}`, 0},
		{"nobody", with(nil), `{"host":false}`, -1},
		{"the host's stage token", hostToken, `{"host":false}`, -1},
	}
	for _, tt := range tests {
		t.Run(tt.caller, func(t *testing.T) {
			w := h.do("GET", "/api/me", "", tt.as)
			if got := strings.TrimSpace(w.Body.String()); w.Code != http.StatusOK || got != tt.me {
				t.Errorf("me = %d %s, want %s", w.Code, got, tt.me)
			}
			list, create := h.do("GET", "/api/rooms", "", tt.as), h.do("POST", "/api/rooms", `{"title":"x"}`, tt.as)
			if tt.list < 0 {
				refused(t, list, http.StatusUnauthorized, problem.HostOnly)
				refused(t, create, http.StatusUnauthorized, problem.HostOnly)
				return
			}
			got := into[struct{ Rooms []roomAnswer }](t, list, http.StatusOK)
			if got.Rooms == nil || len(got.Rooms) != tt.list {
				t.Errorf("rooms = %v, want %d of them", got.Rooms, tt.list)
			}
			into[roomAnswer](t, create, http.StatusCreated)
		})
	}
}

func TestASessionEnds(t *testing.T) {
	h := newHouse(t)
	h.now = noon.AddDate(0, 2, 0)
	if w := h.do("GET", "/api/rooms", "", with(h.cookie)); w.Code != http.StatusOK {
		t.Errorf("after two months: %d", w.Code)
	}
	h.now = h.now.AddDate(0, 6, 0)
	refused(t, h.do("GET", "/api/rooms", "", with(h.cookie)), http.StatusUnauthorized, problem.HostOnly)
}

func TestRoomsThatAreNot(t *testing.T) {
	h := newHouse(t)
	for _, id := range []string{"nowhere", "ab", "NOWHERE", "a%20b", "%2e%2e%2f", strings.Repeat("a", 5000)} {
		refused(t, h.do("GET", "/api/rooms/"+id, "", with(h.cookie)), http.StatusNotFound, problem.RoomUnknown)
	}
	gone := token(h.cfg.Key.Sign(room.Grant{Room: "nowhere", Person: "p1", Role: room.Speaker, Expires: noon.Unix() + 1}))
	refused(t, h.do("GET", "/api/rooms/nowhere", "", gone), http.StatusNotFound, problem.RoomUnknown)
}

// What the stage needs of this side goes on when the database does not.
func TestTokensNeedNoDatabase(t *testing.T) {
	h := newHouse(t)
	id := h.newRoom(room.Live)
	h.faults.before = "room rooms session state"
	hostToken := token(h.cfg.Key.Sign(room.Grant{Room: id, Person: "h0st", Role: room.Host, Expires: noon.Unix() + 1}))
	into[roomAnswer](t, h.do("GET", "/api/rooms/"+string(id), "", hostToken), http.StatusOK)
	refused(t, h.do("POST", "/api/rooms/"+string(id)+"/end", "", hostToken), http.StatusInternalServerError, problem.Internal)
	if _, open := h.rooms.Facts(id); open {
		t.Error("the room goes on because the database does not")
	}
	h.faults.before = ""
	if w := h.do("POST", "/api/rooms/"+string(id)+"/end", "", hostToken); w.Code != http.StatusNoContent {
		t.Errorf("to end it once more: %d %s", w.Code, w.Body)
	}
}
