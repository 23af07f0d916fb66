package e2e

import (
	"encoding/json"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
)

// tapeIndex is what is read of a tape's index.
type tapeIndex struct {
	Closed bool
	First  int64
	Last   int64
	Spans  [][2]int64
}

// tape waits for a tape that satisfies ok, and returns how long that took.
func (s *show) tape(what string, ok func(tapeIndex) bool) (i tapeIndex, took time.Duration) {
	s.t.Helper()
	begin := time.Now()
	for time.Since(begin) < patience {
		resp, err := http.Get(s.room.ListenURL + "/tape/index.json") //nolint:noctx // on this machine
		if err == nil {
			i = tapeIndex{}
			if resp.StatusCode == http.StatusOK {
				err = json.NewDecoder(resp.Body).Decode(&i)
			}
			_ = resp.Body.Close()
			if err == nil && resp.StatusCode == http.StatusOK && ok(i) {
				return i, time.Since(begin)
			}
		}
		time.Sleep(50 * time.Millisecond) // between two requests
	}
	s.t.Fatalf("waited %v, and still not: %s; the index is %+v", patience, what, i)
	return i, 0
}

// The process is killed while it tapes, and the room goes on; who comes late hears it from the beginning, and at the same address its
// replay is there within 5 s of the end. Chromium plays both, and seeks.
func TestReplayAfterAKill(t *testing.T) {
	t.Parallel()
	s := serve(t).open("It stays", true)
	goOnStage(t, ada, s.hostDesk())
	before, _ := s.tape("it is taped", func(i tapeIndex) bool { return i.Last-i.First >= 5*96 })

	late := openTapped(t, listeners.New(t), s.room.ListenURL+"/tape/#play")
	late.Until(`globalThis.epidaurusTape?.state === "playing" && epidaurusTape.time > 2 && !epidaurusTape.closed`, "JSON.stringify(epidaurusTape)")

	s.signal(syscall.SIGKILL)
	s.restart()
	after, _ := s.tape("the tape goes on", func(i tapeIndex) bool { return i.Last >= before.Last+3*96 })
	if after.First != before.First || after.Closed {
		t.Errorf("before the kill the tape was %+v, after it %+v", before, after)
	}
	err := s.client.End(t.Context(), s.room.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, took := s.tape("it is closed", func(i tapeIndex) bool { return i.Closed })
	if took > bar(5*time.Second) {
		t.Errorf("the replay was there after %v", took)
	}
	p := openTapped(t, listeners.New(t), s.room.ListenURL)
	p.Until(`globalThis.epidaurusTape?.state === "paused"`, browsertest.Body)
	p.Click("#play")
	p.Until(`epidaurusTape.state === "playing" && epidaurusTape.time > 0.5`, "JSON.stringify(epidaurusTape)")
	browsertest.Eval[bool](p, `(() => { audio.currentTime = 4; return true })()`)
	hearsCleanly(p, captured, 1, 1, holds(440))
}
