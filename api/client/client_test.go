package client_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/api/client"
	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// server answers as docs/PROTOCOL.md says, to whoever has the cookie.
func server(t *testing.T) *httptest.Server {
	t.Helper()
	host := func(wants string, status int, answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			cookie, err := r.Cookie("epidaurus_host")
			if err != nil || cookie.Value != "session" {
				problem.Write(w, problem.New(problem.HostOnly, "This is for the host. Open the host's link."))
				return
			}
			var got, want any
			body, err := io.ReadAll(r.Body)
			if err != nil || json.Unmarshal(body, &got) != nil || json.Unmarshal([]byte(wants), &want) != nil {
				t.Errorf("%s: %s (%v)", r.URL, body, err)
			}
			if a, b := mustJSON(t, got), mustJSON(t, want); a != b || r.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s got %s as %q, want %s", r.URL, a, r.Header.Get("Content-Type"), b)
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, answer)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/claim", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Secret string }
		err := json.NewDecoder(r.Body).Decode(&body)
		if err != nil || body.Secret != "s+cret" {
			problem.Write(w, problem.New(problem.ClaimUnknown, "This link is not known here."))
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "epidaurus_host", Value: "session", Path: "/api", HttpOnly: true})
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /api/rooms", host(`{"title":"Harbour talk","lang":"en","low_delay":true}`, 201,
		`{"id":"harbour","title":"Harbour talk","state":"doors","listen_url":"l","desk_url":"d","more":1}`))
	mux.HandleFunc("POST /api/rooms/harbour/invites", host(`{"consent":true,"name":"Grace","role":"speaker"}`, 201,
		`{"person":"p2","role":"speaker","name":"Grace","token":"e1.x","desk_url":"d#e1.x","whip_url":"w"}`))
	mux.HandleFunc("POST /api/rooms/harbour/token", host(`{}`, 200, `{"token":"e1.y"}`))
	mux.HandleFunc("POST /api/rooms/harbour/end", host(`{}`, 204, ``))
	mux.HandleFunc("POST /api/rooms/broken/token", host(`{}`, 200, `{"token":`))
	mux.HandleFunc("POST /api/rooms/proxy/token", host(`{}`, 502, `<html>Bad Gateway`))
	mux.HandleFunc("POST /api/rooms/cut/token", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func claim(t *testing.T) *client.Client {
	t.Helper()
	c, err := client.Claim(t.Context(), server(t).URL+"/desk/#claim=s%2Bcret")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestHost(t *testing.T) {
	c := claim(t)
	r, err := c.CreateRoom(t.Context(), "Harbour talk", "en", true)
	if want := (client.Room{ID: "harbour", Title: "Harbour talk", State: room.Doors, ListenURL: "l", DeskURL: "d"}); r != want || err != nil {
		t.Errorf("the room is %+v (%v)", r, err)
	}
	i, err := c.Invite(t.Context(), r.ID, "Grace", room.Speaker)
	if want := (client.Invite{Person: "p2", Token: "e1.x", DeskURL: "d#e1.x", WHIPURL: "w"}); i != want || err != nil {
		t.Errorf("the invite is %+v (%v)", i, err)
	}
	token, err := c.Token(t.Context(), r.ID)
	if token != "e1.y" || err != nil {
		t.Errorf("the token is %q (%v)", token, err)
	}
	err = c.End(t.Context(), r.ID)
	if err != nil {
		t.Error(err)
	}
}

func TestClaimRefused(t *testing.T) {
	base := server(t).URL
	for _, row := range []struct{ name, link, want string }{
		{"NoLink", "http://[", "read the link"},
		{"NoClaim", base + "/desk/", "this is no host's link: it has no #claim= in it"},
		{"ADesk", base + "/desk/harbour#e1.x", "this is no host's link: it has no #claim= in it"},
		{"DamagedClaim", base + "/desk/#claim=%zz", "read the link"},
		{"Unknown", base + "/desk/#claim=other", "This link is not known here."},
		{"Nobody", "http://127.0.0.1:1/desk/#claim=x", "ask for /api/claim"},
		{"NoScheme", "/desk/#claim=x", "ask for /api/claim"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := client.Claim(t.Context(), row.link)
			if c != nil || err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("client %v, error %v, want one with %q", c, err, row.want)
			}
		})
	}
}

// A refusal is the server's own words and code; what is no refusal of ours is told as it is.
func TestRefusals(t *testing.T) {
	c := claim(t)
	for _, row := range []struct {
		id   room.ID
		want string
	}{
		{"broken", "read the answer of /api/rooms/broken/token"},
		{"proxy", "the server answered 502 Bad Gateway"},
		{"cut", "ask for /api/rooms/cut/token"},
		{"none", "the server answered 404 Not Found"},
	} {
		t.Run(string(row.id), func(t *testing.T) {
			_, err := c.Token(t.Context(), row.id)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want one with %q", err, row.want)
			}
		})
	}
	_, err := client.Claim(t.Context(), server(t).URL+"/desk/#claim=other")
	var p problem.Problem
	if !errors.As(err, &p) || p.Code != problem.ClaimUnknown || p.Status != http.StatusForbidden {
		t.Errorf("error %#v, want the problem claim_unknown", err)
	}
}
