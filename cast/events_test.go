package cast

import (
	"net/http"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

const told = "/r/harbour/hls/floor/events.json"

// What is told along the live playlist begins with how it is where that begins, and has nothing that is for seats alone.
func TestEventsAlongThePlaylist(t *testing.T) {
	t.Parallel()
	m := aRoom()
	for _, e := range []struct {
		at         tape.Number
		kind, data string
	}{
		{90 * 96, "stage", `{"t":"stage","people":[]}`},
		{100 * 96, "stage", `{"t":"stage","people":[{"id":"a","name":"Ada"}]}`},
		{112 * 96, "speaking", `{"t":"speaking","ids":["a"]}`},
		{115 * 96, "edges", `{"t":"edges"}`},
		{116 * 96, "listening", `{"t":"listening","n":2}`},
		{119*96 + 95, "caption", `{"t":"caption","at":11500,"lines":[]}`},
	} {
		m.say(e.at, e.kind, e.data)
	}
	w := m.get(t, told)
	want := `{"v":1,"first":10752,"last":11520,"over":false,"epoch":"2027-01-15T08:00:00Z","events":[` +
		`{"at":9600,"e":{"t":"stage","people":[{"id":"a","name":"Ada"}]}},` +
		`{"at":10752,"e":{"t":"speaking","ids":["a"]}},` +
		`{"at":11519,"e":{"t":"caption","at":11500,"lines":[]}}]}`
	if w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != want {
		t.Fatalf("%d, %s", w.Code, w.Body)
	}
	if h := w.Header(); h.Get("Cache-Control") != "public, max-age=1" || h.Get("Content-Type") != "application/json" || h.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%v", h)
	}
	if again := m.get(t, told, func(r *http.Request) { r.Header.Set("If-None-Match", w.Header().Get("ETag")) }); again.Code != http.StatusNotModified {
		t.Errorf("the same again answers %d", again.Code)
	}
	m.to(121, true)
	if text := m.get(t, told).Body.String(); !strings.Contains(text, `"over":true`) {
		t.Errorf("at the end: %s", text)
	}
	// A host who has cut the replay takes back what was said there, too.
	m.state, m.life.Edit = room.Ended, room.Edit{To: 11_000}
	if w = m.get(t, told); w.Code != http.StatusGone {
		t.Errorf("cut: %d, %s", w.Code, w.Body)
	}
}

func TestEventsRefused(t *testing.T) {
	t.Parallel()
	m := aRoom()
	m.reach.End = m.reach.First
	if w := m.get(t, told); w.Code != http.StatusTooEarly || w.Header().Get("Retry-After") == "" {
		t.Errorf("before the first segment: %d, %v, %s", w.Code, w.Header(), w.Body)
	}
	if w := m.get(t, "/r/harbour/hls/backstage/events.json"); w.Code != http.StatusNotFound {
		t.Errorf("of a channel that is none: %d", w.Code)
	}
	m.heard, m.state = false, room.Ended
	if w := m.get(t, told); w.Code != http.StatusGone || strings.Contains(w.Header().Get("Cache-Control"), "max-age") {
		t.Errorf("when it is over: %d, %v", w.Code, w.Header())
	}
}
