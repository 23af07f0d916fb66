package node

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/epidaurus-live/epidaurus/bus"
)

var (
	nameOfDesc = regexp.MustCompile(`fqName: "([^"]+)"`)
	series     = regexp.MustCompile(`(?m)^epidaurus_[^ ]+ .*`)
)

// Every metric that there is appears, before anything happens; rooms and listeners add none.
func TestMetrics(t *testing.T) {
	t.Parallel()
	h := openHouse(t, usual(t))
	status, before := h.ask(t, "GET", h.PrivateURL()+"/metrics", "")
	if status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	before = "\n" + before
	described := make(chan *prometheus.Desc, 100)
	(&collector{h.Node}).Describe(described)
	close(described)
	for d := range described {
		name := nameOfDesc.FindStringSubmatch(d.String())[1]
		if !strings.Contains(before, "\n# HELP "+name+" ") || !regexp.MustCompile(`\n`+name+`[ {]`).MatchString(before) {
			t.Errorf("%s is missing", name)
		}
	}
	for _, name := range []string{"go_goroutines", "process_resident_memory_bytes"} {
		if !strings.Contains(before, "\n"+name+" ") {
			t.Errorf("%s is missing", name)
		}
	}
	for range 3 {
		hear(t, h.Node, h.room().ID, 1)
		h.ask(t, "GET", h.RoomURL("none")+"/live.mp4", "")
	}
	_, after := h.ask(t, "GET", h.PrivateURL()+"/metrics", "")
	if a, b := len(series.FindAllString(before, -1)), len(series.FindAllString(after, -1)); a != b {
		t.Errorf("%d series before anybody came, %d after", a, b)
	}
	for _, line := range []string{
		`epidaurus_rooms_open 3`, `epidaurus_edge_joins_refused_total\{reason="room_unknown"\} 3`, `epidaurus_edge_joins_seated_total [3-9]`,
		`epidaurus_edge_joins_offered_total [6-9]`, `epidaurus_channel_frames_total [1-9]`,
	} {
		if !regexp.MustCompile("(?m)^" + line).MatchString(after) {
			t.Errorf("there is no %s among %q", line, series.FindAllString(after, -1))
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	n := open(t, usual(t))
	for _, path := range []string{"/healthz", "/readyz", "/debug/pprof/", "/debug/pprof/goroutine?debug=1"} {
		status, body := n.ask(t, "GET", n.PrivateURL()+path, "")
		if status != http.StatusOK || body == "" {
			t.Errorf("%s: %d %q", path, status, body)
		}
	}
}

// Without its bus a node lives, and can do nothing.
func TestNotReady(t *testing.T) {
	b, err := bus.Open(t.Context(), bus.Config{Dir: t.TempDir(), Node: "node", Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = b.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	(&Node{bus: b}).ready(w, nil)
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "The bus is not connected.") {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
}
