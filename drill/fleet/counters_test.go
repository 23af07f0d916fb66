//go:build linux

package fleet

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/result"
)

// What an edge counted from the beginning of a drill to its end is read, each second once, and nothing of before and after.
func TestCounters(t *testing.T) {
	var asked atomic.Int64
	told := make(chan struct{}, 10)
	begun := time.Now()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/edge/seconds" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		n := int(asked.Add(1))
		lines := json.NewEncoder(w)
		for i := range 3 + n { // one second more at each look
			_ = lines.Encode(map[string]any{
				"end": begun.Add(time.Duration(i-1) * time.Second), "span_ns": time.Second, "offered": 100 + i, "seated": 90,
				"refused": map[string]int64{"busy": int64(10 + i)}, "seats": 1000 * i, "worst_late_ns": time.Duration(i) * time.Millisecond,
				"evicted": 7,
			})
		}
		told <- struct{}{}
	}))
	defer server.Close()
	c := OpenCounters([]string{server.URL + "/"})
	<-told
	edges, notes := c.Close(begun.Add(2500 * time.Millisecond))
	if len(edges) != 1 || len(notes) != 0 || len(edges[0].Seconds) != 3 {
		t.Fatalf("%+v, %q", edges, notes)
	}
	all := result.Result{Edges: edges}.EdgeTotal()
	if all.Offered != 102+103+104 || all.Seated != 270 || all.Reasons["busy"] != 12+13+14 || all.Refused != 39 || all.Seats != 4000 ||
		all.MostOffered != 104 || all.WorstLate != 4*time.Millisecond {
		t.Errorf("%+v", all)
	}
}

// A server that has none says so, and is no reason not to drill it.
func TestCountersOfOthers(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	edges, notes := OpenCounters([]string{server.URL}).Close(time.Now())
	if len(edges) != 0 || len(notes) != 1 || !strings.Contains(notes[0], "/edge/seconds answered 404") {
		t.Errorf("%+v, %q", edges, notes)
	}
}

func FuzzCounters(f *testing.F) {
	f.Add(`{"end":"2026-11-26T20:00:00Z","span_ns":1000000000,"offered":3,"refused":{"busy":1}}` + "\n\n{}")
	f.Add(fmt.Sprintf(`{"end":"9999-12-31T23:59:59Z","span_ns":%d}`, int64(1)<<62))
	f.Fuzz(func(t *testing.T, text string) {
		seconds, err := parseCounters(strings.NewReader(text))
		if err != nil {
			return
		}
		r := result.Result{Edges: []result.Edge{{Seconds: seconds}}}
		r.EdgeTotal()
		_, err = json.Marshal(r.Edges)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
	})
}
