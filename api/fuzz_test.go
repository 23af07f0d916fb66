package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// answers checks that whatever came in, what goes out is an answer of ours and not a failure.
func answers(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code >= 500 {
		t.Fatalf("status = %d %s", w.Code, w.Body)
	}
	if w.Code >= 400 && (w.Header().Get("Content-Type") != problem.ContentType || !json.Valid(w.Body.Bytes())) {
		t.Fatalf("refused without a problem: %d %s", w.Code, w.Body)
	}
}

func FuzzBodies(f *testing.F) {
	for _, seed := range []string{`{"title":"a","lang":"en","low_delay":false}`, `{"name":"Grace","role":"speaker"}`, `{"secret":"x"}`, `{}`, `null`, `[`,
		"{\"title\":\"\xff\"}", `{"title":"a","title":null}`, `{"\u0000":1}`} {
		f.Add([]byte(seed))
	}
	h := newHouse(f)
	id := h.newRoom(room.Live)
	f.Fuzz(func(t *testing.T, body []byte) {
		h.t = t
		h.now = h.now.Add(claimEvery) // so that the limit does not stand in the way
		for _, path := range []string{"/claim", "/rooms", "/rooms/" + string(id) + "/invites", "/rooms/" + string(id) + "/token"} {
			w := h.do(http.MethodPost, "/api"+path, string(body), with(h.cookie))
			if w.Code == http.StatusTooManyRequests {
				continue // the room has as many invites as it may have by now
			}
			answers(t, w)
		}
	})
}

func FuzzTokens(f *testing.F) {
	h := newHouse(f)
	id := h.newRoom(room.Live)
	good := h.cfg.Key.Sign(room.Grant{Room: id, Person: "p1", Role: room.Speaker, Expires: noon.Unix() + 1})
	for _, seed := range []string{good, good[:len(good)-1], "e1..", "", "e1.e30.AAAA", "null"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		h.t = t
		w := h.do(http.MethodGet, "/api/rooms/"+string(id), "", token(s))
		answers(t, w)
		if w.Code == http.StatusOK {
			_, err := h.cfg.Key.Verify(s, noon)
			if err != nil {
				t.Errorf("%q is taken: %v", s, err)
			}
		}
	})
}
