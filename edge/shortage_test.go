//go:build linux

package edge

import (
	"encoding/json"
	"io"
	"testing"

	"github.com/epidaurus-live/epidaurus/internal/memory"
	"github.com/epidaurus-live/epidaurus/internal/problem"
)

func TestMargin(t *testing.T) {
	for _, row := range []struct{ of, want int64 }{
		{64 << 30, 1 << 30}, {20 << 30, 1 << 30}, {10 << 30, 512 << 20}, {1 << 30, 64 << 20}, {512 << 20, 64 << 20},
		{128 << 20, 32 << 20}, {0, 0},
	} {
		if got := MemoryMargin(row.of); got != row.want {
			t.Errorf("of %d bytes %d stay free, want %d", row.of, got, row.want)
		}
	}
}

// Memory that is short is short until there is half a margin more, whichever bound it was.
func TestShortage(t *testing.T) {
	const of = 10 << 30
	const m = of / 20
	roomy := memory.Room{Left: of, Of: of}
	var s shortage
	for i, row := range []struct {
		rooms []memory.Room
		short bool
	}{
		{nil, false},
		{[]memory.Room{{Left: m, Of: of}}, false},
		{[]memory.Room{{Left: m - 1, Of: of}}, true},
		{[]memory.Room{{Left: m + 1, Of: of}}, true},
		{[]memory.Room{{Left: m*3/2 - 1, Of: of}}, true},
		{[]memory.Room{{Left: m * 3 / 2, Of: of}}, false},
		{[]memory.Room{{Left: m + 1, Of: of}}, false},
		{[]memory.Room{roomy, {Left: -5, Of: 1 << 30}}, true},
		{[]memory.Room{roomy, {Left: 65 << 20, Of: 1 << 30}}, true},
		{[]memory.Room{{Left: m + 1, Of: of}, {Left: 1 << 30, Of: 1 << 30}}, true},
		{[]memory.Room{roomy, {Left: 96 << 20, Of: 1 << 30}}, false},
		{[]memory.Room{{Left: 0, Of: of}}, true},
		{nil, false}, // nothing is known any more
	} {
		if got := s.observe(row.rooms); got != row.short {
			t.Errorf("%d. %v: short is %v", i, row.rooms, got)
		}
	}
}

// Without memory newcomers are told that it is full and when to come again, and who is seated stays.
func TestShortOfMemory(t *testing.T) {
	left := memory.Room{Left: 1 << 30, Of: 1 << 30}
	h := open(t, func(c *Config) { c.Memory = func() []memory.Room { return []memory.Room{left} } })
	h.record(300)
	h.edge.watchMemory()
	seated := h.get("/r/harbour/live.mp4")
	if seated.resp.StatusCode != 200 {
		t.Fatalf("status %d", seated.resp.StatusCode)
	}
	h.until("a seat", func(s Stats) bool { return s.Seated == 1 })
	left.Left = 63 << 20
	h.edge.watchMemory()
	refused := h.get("/r/harbour/live.mp4")
	body, err := io.ReadAll(refused.resp.Body)
	var p struct {
		Code  problem.Code
		Retry int `json:"retry_after_ms"`
	}
	if err != nil || json.Unmarshal(body, &p) != nil || refused.resp.StatusCode != 503 || p.Code != problem.Full || p.Retry != 15_000 {
		t.Errorf("%d, %s (%v)", refused.resp.StatusCode, body, err)
	}
	if s := h.edge.Stats(); !s.Short || s.Seats != 1 || s.Refused[problem.Full] != 1 || s.Cut+s.Stuck+s.Ended != 0 {
		t.Errorf("%+v", s)
	}
	h.play(100)
	h.until("sound for who is seated", func(s Stats) bool { return s.Writes > 1 && s.Seats == 1 })
	left.Left = 1 << 30
	h.edge.watchMemory()
	if l := h.get("/r/harbour/live.mp4"); l.resp.StatusCode != 200 {
		t.Errorf("status %d when there is memory again", l.resp.StatusCode)
	}
}
