//go:build linux

package edge

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

func TestTurnstile(t *testing.T) {
	passed := func(ts *turnstile, now time.Duration, opening int) (n int) {
		for n < 1000 && ts.pass(now, opening) {
			n++
		}
		return n
	}
	for _, row := range []struct {
		name          string
		rate, opening int
		first, later  int // at once, and a quarter of a second later
	}{
		{"RateOnly", 100, 0, 100, 25},
		{"OpeningAsDearAsTheJoin", 100, joinUnit, 50, 12},
		{"HalfAsDear", 90, joinUnit / 2, 60, 15},
		{"DearerThanTheBucket", 1, 10 * joinUnit, 1, 0},
		{"NoLimit", -1, 0, 1000, 1000},
	} {
		t.Run(row.name, func(t *testing.T) {
			ts := &turnstile{per: perJoin(row.rate)}
			const start = 5 * time.Second
			if n := passed(ts, start, row.opening); n != row.first {
				t.Errorf("%d passed at once, want %d", n, row.first)
			}
			if n := passed(ts, start+250*time.Millisecond, row.opening); n != row.later {
				t.Errorf("%d passed later, want %d", n, row.later)
			}
			// However long nobody came, the bucket is not fuller than full.
			if n := passed(ts, time.Hour, row.opening); n != row.first {
				t.Errorf("%d passed after an hour, want %d", n, row.first)
			}
		})
	}
	ts := &turnstile{per: perJoin(1000)}
	now := time.Duration(0)
	if n := testing.AllocsPerRun(1000, func() { now += 3 * time.Millisecond; ts.pass(now, 1<<20) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestOpeningBytes(t *testing.T) {
	for _, row := range []struct {
		variant    tape.Variant
		depth      time.Duration
		from, head tape.Number
		want       int
	}{
		{tape.Opus48, 4 * time.Second, -1, 1000, 24000},
		{tape.Opus12, 4 * time.Second, -1, 1000, 6000},
		{tape.Opus24, 17 * time.Second, -1, 1000, 51000},
		{tape.Opus48, 4 * time.Second, 900, 1000, 12000},
		{tape.Opus48, 4 * time.Second, 1000, 1000, 0},
		{tape.Opus48, 4 * time.Second, 0, 1 << 40, 360000},
		{tape.Opus48, 4 * time.Second, 2000, 1000, 24000}, // not made yet: answered like none
	} {
		if got := openingBytes(row.variant, row.depth, row.from, row.head); got != row.want {
			t.Errorf("%+v: %d", row, got)
		}
	}
}

// Who walks through addresses leaves nothing behind.
func TestCrowdForgets(t *testing.T) {
	c := newCrowd(2)
	walker := netip.MustParseAddr("2001:db8::").As16()
	for i := range 100_000 {
		walker[4], walker[5], walker[6] = byte(i), byte(i>>8), byte(i>>16)
		one, ok1 := c.enter(originOf(netip.AddrFrom16(walker)))
		two, ok2 := c.enter(originOf(netip.AddrFrom16(walker)))
		_, ok3 := c.enter(originOf(netip.AddrFrom16(walker)))
		if !ok1 || !ok2 || ok3 {
			t.Fatalf("the %d. origin: %v %v %v", i, ok1, ok2, ok3)
		}
		c.leave(two)
		c.leave(one)
	}
	if len(c.index) != 0 || len(c.heads) != 2 || len(c.free) != 1 {
		t.Errorf("%d origins, %d entries, %d of them free", len(c.index), len(c.heads), len(c.free))
	}
	origins := []origin{originOf(netip.MustParseAddr("192.0.2.1")), originOf(netip.MustParseAddr("2001:db8::1"))}
	if n := testing.AllocsPerRun(1000, func() {
		for _, o := range origins {
			t, _ := c.enter(o)
			c.leave(t)
		}
	}); n > 0.5 {
		t.Errorf("%v allocations", n)
	}
}

func TestCrowdWithoutLimit(t *testing.T) {
	c := newCrowd(0)
	for range 10 {
		if ticket, ok := c.enter(originOf(netip.MustParseAddr("192.0.2.1"))); !ok || ticket != 0 {
			t.Fatalf("%d %v", ticket, ok)
		}
	}
	c.leave(0)
	c.most = 1
	for range 10 {
		if ticket, ok := c.enter(0); !ok || ticket != 0 {
			t.Fatalf("of unknown origin: %d %v", ticket, ok)
		}
	}
}

func TestPerAddress(t *testing.T) {
	h := open(t, func(c *Config) {
		c.PerAddress, c.ProxyHeader = 2, "X-Forwarded-For"
		c.ProxyFrom = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		c.Inside = func(id room.ID) int { return 100 + len(id) }
	})
	h.record(300)
	from := func(address string) *listener { return h.get("/r/harbour/live.mp4", "X-Forwarded-For: "+address) }
	first := from("203.0.113.7")
	for i, row := range []struct {
		address string
		status  int
	}{
		{"203.0.113.7", 200},
		{"203.0.113.7", 429},
		{"198.51.100.1, 203.0.113.7", 429},
		{"203.0.113.8", 200},
		{"2001:db8:1:200::1", 200},
		{"2001:db8:1:2aa::1", 200},
		{"2001:db8:1:2ff::1", 429},
		{"2001:db8:1:300::1", 200},
	} {
		l := from(row.address)
		if l.resp.StatusCode != row.status {
			t.Fatalf("%d. %s: %d, want %d", i, row.address, l.resp.StatusCode, row.status)
		}
		if row.status == 200 {
			continue
		}
		body, err := io.ReadAll(l.resp.Body)
		var p struct {
			Code   problem.Code
			Inside int
			Retry  int `json:"retry_after_ms"`
		}
		if err != nil || json.Unmarshal(body, &p) != nil || p.Code != problem.TooMany || p.Inside != 107 || p.Retry != 15000 {
			t.Errorf("refused by %s (%v)", body, err)
		}
	}
	first.conn.Close()
	h.until("the leave", func(s Stats) bool { return s.Left == 1 })
	if l := from("203.0.113.7"); l.resp.StatusCode != 200 {
		t.Errorf("status %d after one has left", l.resp.StatusCode)
	}
	if s := h.edge.Stats(); s.Refused[problem.TooMany] != 3 || s.Seats != 6 {
		t.Errorf("%+v", s)
	}
}

// Loopback addresses count as any others, and the header of a stranger changes nothing.
func TestPerAddressWithoutBalancer(t *testing.T) {
	h := open(t, func(c *Config) { c.PerAddress, c.ProxyHeader = 1, "X-Forwarded-For" })
	h.record(300)
	for i, want := range []int{200, 429} {
		l := h.get("/r/harbour/live.mp4", fmt.Sprintf("X-Forwarded-For: 203.0.113.%d", i))
		if l.resp.StatusCode != want {
			t.Errorf("%d, want %d", l.resp.StatusCode, want)
		}
	}
}

// Those who get no seat are counted no longer.
func TestRefusedLeaveTheCrowd(t *testing.T) {
	h := open(t, func(c *Config) { c.PerAddress, c.FirstWait = 1, 1 })
	for range 3 {
		checkProblem(t, h.get("/r/harbour/live.mp4").resp, 425, problem.RoomNotOpen)
	}
	if n := h.edge.crowd.count(); n != 0 {
		t.Errorf("%d are counted", n)
	}
}

// count is how many are in the crowd.
func (c *crowd) count() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, i := range c.index {
		n += int(c.heads[i].count)
	}
	return n
}

func TestJoinRate(t *testing.T) {
	h := open(t, func(c *Config) {
		c.JoinRate = 3 // a join of 4 s at 48 kbit/s costs 1.37
		c.PerAddress = 100
		c.Inside = func(room.ID) int { return 915_000 }
	})
	h.record(300)
	join := func() *listener { return h.get("/r/harbour/live.mp4") }
	for i := range 2 {
		if l := join(); l.resp.StatusCode != 200 {
			t.Fatalf("%d. join: %d", i, l.resp.StatusCode)
		}
	}
	l := join()
	if got := l.resp.Header.Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After is %q, want 2 when the dice say a half", got)
	}
	body, err := io.ReadAll(l.resp.Body)
	if err != nil || len(body) >= 600 || l.resp.StatusCode != 503 ||
		!strings.Contains(string(body), `"code":"busy"`) || !strings.Contains(string(body), `"retry_after_ms":2000,"inside":915000`) {
		t.Errorf("refused by %d bytes: %s (%v)", len(body), body, err)
	}
	h.clock.advance(time.Second)
	if l := join(); l.resp.StatusCode != 200 {
		t.Errorf("a second later: %d", l.resp.StatusCode)
	}
	if s := h.edge.Stats(); s.Refused[problem.Busy] != 1 || s.Seats != 3 || h.edge.crowd.count() != 3 {
		t.Errorf("%+v, %d are counted", s, h.edge.crowd.count())
	}
}

func TestShareFiles(t *testing.T) {
	for _, row := range []struct{ open, wished, waiting, seats int }{
		{512, 0, 64, 304}, {1024, 0, 128, 608}, {20_000, 0, 2500, 15_851}, {1 << 20, 0, 4096, 1<<20 - 6144},
		{20_000, 512, 512, 18_336}, {512, 10_000, 128, 224},
	} {
		if waiting, seats := shareFiles(row.open, row.wished); waiting != row.waiting || seats != row.seats {
			t.Errorf("of %d files %d for those who wait and %d seats, want %d and %d", row.open, waiting, seats, row.waiting, row.seats)
		}
	}
}

// Whoever asks how many files so many seats need is given a number that is enough, and not one more.
func TestFilesFor(t *testing.T) {
	for _, row := range []struct{ seats, files int }{
		{1, 2}, {608, 1021}, {15_851, 19_998}, {300_000, 306_144}, {filesMost, filesMost},
	} {
		files := FilesFor(row.seats)
		if files != row.files {
			t.Errorf("%d seats need %d files, want %d", row.seats, files, row.files)
		}
		if row.seats < filesMost && (SeatsFor(files) < row.seats || SeatsFor(files-1) >= row.seats) {
			t.Errorf("%d files give %d seats, one less gives %d", files, SeatsFor(files), SeatsFor(files-1))
		}
	}
}
