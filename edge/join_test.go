//go:build linux

package edge

import (
	"testing"

	"github.com/epidaurus-live/epidaurus/tape"
)

func TestJoinGetsABurstAndThenFragments(t *testing.T) {
	h := open(t, nil)
	h.record(500)
	l := h.get("/r/harbour/live.mp4")
	if l.resp.StatusCode != 200 {
		t.Fatalf("status %d", l.resp.StatusCode)
	}
	first := l.frame()
	if depth := 500 - first; depth < 200 || depth > 212 {
		t.Errorf("the burst begins %d frames before the newest one, want 200 to 212", depth)
	}
	h.play(100)
	checkSound(t, tape.Opus48, first, l.hear(first, 588))
}
