package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

func TestBodies(t *testing.T) {
	h := newHouse(t)
	tests := []struct {
		name, body string
		status     int
		code       problem.Code
		detail     string
	}{
		{"no JSON", `hello`, 400, problem.BadRequest, "The body is not a JSON object."},
		{"an array", `[]`, 400, problem.BadRequest, "The body is not a JSON object."},
		{"null", `null`, 400, problem.BadRequest, "The body is not a JSON object."},
		{"half an object", `{"title":`, 400, problem.BadRequest, "The body is not a JSON object."},
		{"two objects", `{"title":"a"}{}`, 400, problem.BadRequest, "The body is not a JSON object."},
		{"a member missing", `{}`, 400, problem.BadRequest, `The member "title" is missing.`},
		{"a member unknown", `{"title":"a","colour":"blue"}`, 400, problem.BadRequest, `The member "colour" is not known here.`},
		{"a member in capitals", `{"Title":"a"}`, 400, problem.BadRequest, `The member "title" is missing.`},
		{"an endless unknown member", `{"title":"a","` + strings.Repeat("x", 100) + `":1}`, 400, problem.BadRequest, `The member "` + strings.Repeat("x", 40) + `" is not known here.`},
		{"a number for a string", `{"title":1}`, 400, problem.BadRequest, `The member "title" has to be a string.`},
		{"null for a string", `{"title":null}`, 400, problem.BadRequest, `The member "title" has to be a string.`},
		{"a string for a truth", `{"title":"a","low_delay":"yes"}`, 400, problem.BadRequest, `The member "low_delay" has to be true or false.`},
		{"not UTF-8", "{\"title\":\"\xff\"}", 400, problem.BadRequest, "The body is not UTF-8 text."},
		{"nothing to see", `{"title":"\u200b"}`, 400, problem.BadRequest, "The title is empty: write at least one letter, digit or sign."},
		{"no language", `{"title":"a","lang":"--"}`, 400, problem.BadRequest, `"--" is no language tag: write one such as en, fr or pt-BR.`},
		{"64 kB and a byte", `{"title":"` + strings.Repeat("a", maxBody-11) + `"}`, 413, problem.TooLarge, "The body may have at most 65536 bytes."},
		{"ten megabytes", strings.Repeat("x", 10<<20), 413, problem.TooLarge, "The body may have at most 65536 bytes."},
		{"deep", strings.Repeat("[", 60000), 400, problem.BadRequest, "The body is not a JSON object."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := refused(t, h.do("POST", "/api/rooms", tt.body, with(h.cookie)), tt.status, tt.code)
			if p.Detail != tt.detail {
				t.Errorf("detail = %q, want %q", p.Detail, tt.detail)
			}
		})
	}
	if n := len(h.rooms.all()); n != 0 {
		t.Errorf("%d rooms were made", n)
	}
}

func TestContentTypes(t *testing.T) {
	h := newHouse(t)
	for contentType, want := range map[string]int{
		"application/json":                  http.StatusCreated,
		"application/json; charset=utf-8":   http.StatusCreated,
		"APPLICATION/JSON":                  http.StatusCreated,
		"":                                  http.StatusUnsupportedMediaType,
		"text/plain":                        http.StatusUnsupportedMediaType,
		"application/x-www-form-urlencoded": http.StatusUnsupportedMediaType,
		"application/json-patch+json":       http.StatusUnsupportedMediaType,
		"application/json; =":               http.StatusUnsupportedMediaType,
	} {
		w := h.do("POST", "/api/rooms", `{"title":"a"}`, with(h.cookie), header("Content-Type", contentType))
		if w.Code != want {
			t.Errorf("%q: %d, want %d", contentType, w.Code, want)
		}
	}
	id := h.newRoom(room.Live)
	w := h.do("POST", "/api/rooms/"+string(id)+"/end", `x=1`, with(h.cookie), header("Content-Type", "text/plain"))
	refused(t, w, http.StatusUnsupportedMediaType, problem.WrongType)
}

// A page of another site can do nothing in the name of a host who looks at it.
func TestOtherSites(t *testing.T) {
	h := newHouse(t)
	tests := []struct {
		name, fetchSite, origin string
		refused                 bool
	}{
		{"the desk", "same-origin", "http://localhost:8081", false},
		{"an address typed in", "none", "", false},
		{"a program", "", "", false},
		{"an old browser at the desk", "", "http://localhost:8081", false},
		{"another site", "cross-site", "http://evil.example", true},
		{"the listeners' port", "same-site", "http://localhost:8080", true},
		{"a sandboxed frame", "cross-site", "null", true},
		{"an old browser elsewhere", "", "http://evil.example", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, path := range []string{"/claim", "/rooms", "/rooms/x/token", "/rooms/x/invites", "/rooms/x/end"} {
				w := h.do("POST", "/api"+path, "", with(h.cookie), func(r *http.Request) {
					r.Header.Set("Sec-Fetch-Site", tt.fetchSite)
					r.Header.Set("Origin", tt.origin)
				})
				if got := strings.Contains(w.Body.String(), "another site"); got != tt.refused {
					t.Errorf("%s: %d %s", path, w.Code, w.Body)
				}
				if tt.refused {
					refused(t, w, http.StatusForbidden, problem.Forbidden)
				}
			}
		})
	}
}

func TestMethods(t *testing.T) {
	h := newHouse(t)
	for path, allow := range map[string]string{
		"/api/claim": "POST", "/api/me": "GET, HEAD", "/api/rooms": "GET, HEAD, POST", "/api/rooms/x": "GET, HEAD", "/api/rooms/x/invites": "GET, HEAD, POST",
	} {
		for _, method := range []string{"PUT", "DELETE", "PATCH", "TRACE", "BREW"} {
			w := h.do(method, path, "", with(h.cookie))
			refused(t, w, http.StatusMethodNotAllowed, problem.MethodNotAllowed)
			if got := w.Header().Get("Allow"); got != allow {
				t.Errorf("%s %s: Allow = %q, want %q", method, path, got, allow)
			}
		}
	}
	if w := h.do("HEAD", "/api/me", ""); w.Code != http.StatusOK {
		t.Errorf("HEAD: %d", w.Code)
	}
	for _, path := range []string{"/api/", "/api/nothing", "/api/rooms/x/y", "/api/rooms/x/end/"} {
		refused(t, h.do("GET", path, ""), http.StatusNotFound, problem.NotFound)
	}
}

func TestNothingIsCached(t *testing.T) {
	h := newHouse(t)
	for _, w := range []*httptest.ResponseRecorder{h.do("GET", "/api/me", ""), h.do("GET", "/api/rooms", ""), h.do("GET", "/api/x", "")} {
		if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("headers = %v", w.Header())
		}
	}
}
