package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
)

// behindCaches is what the status of a room says of who pulls.
type behindCaches struct {
	Listeners, Low, High int
	OneIn                int `json:"one_in"`
}

func (s *show) behind() (b behindCaches) {
	var status struct {
		Behind behindCaches `json:"behind_caches"`
	}
	_ = json.Unmarshal([]byte(try(s.room.ListenURL+"/status.json")), &status) // what cannot be read is nobody
	return status.Behind
}

// puller does what web/pull/beacon.ts does.
type puller struct {
	room   string // as the cache has it
	client *http.Client
	drawn  uint64
	asked  *atomic.Int64
}

// listen speaks until ctx is done. The first time comes by chance, as in the page.
func (p *puller) listen(ctx context.Context) error {
	pause := time.Duration(rand.Int64N(int64(30 * time.Second)))
	for {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		pause = 27*time.Second + time.Duration(rand.Int64N(int64(6*time.Second)))
		err := p.speak(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
}

func (p *puller) speak(ctx context.Context) error {
	text, err := p.do(ctx, http.MethodGet, "/beacon.json", "")
	if err != nil {
		return err
	}
	var rules struct {
		OneIn uint64 `json:"one_in"`
	}
	err = json.Unmarshal([]byte(text), &rules)
	if err != nil {
		return err
	}
	if rules.OneIn == 0 || p.drawn >= 1<<48/rules.OneIn {
		return nil
	}
	p.asked.Add(1)
	_, err = p.do(ctx, http.MethodPost, "/beacon", strconv.FormatUint(p.drawn, 10))
	return err
}

func (p *puller) do(ctx context.Context, method, path, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, p.room+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 400 && resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		err = fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	return string(text), err
}

// Listeners whom no edge sees are estimated: those behind nginx as a cache, and the published page in a real browser, which says so across origins.
// EPIDAURUS_BEHIND=6000 lets so many listen, of whom only some are asked; else there are few, and all are.
func TestListenersBehindACacheAreEstimated(t *testing.T) {
	t.Parallel()
	many := 60
	if v := os.Getenv("EPIDAURUS_BEHIND"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatal(err)
		}
		many = n
	}
	dir := filepath.Join(t.TempDir(), "published")
	s := serve(t, "--publish", "dir:"+dir).open("Behind a cache", false)
	speak(t, s.invite("Ada"), writeWAV(t, tone(440)))
	cache, log := nginx(t, "proxy_cache_path", "127.0.0.1:8080", strings.TrimPrefix(s.listeners, "http://"), "/var/cache/nginx/epidaurus", filepath.Join(t.TempDir(), "cache"))
	host, _ := nginx(t, "root /srv/epidaurus;", "/srv/epidaurus", dir)
	until(t, "the page is published", func() bool { return try(host+"/r/"+string(s.room.ID)+"/tape/index.json") != "" })

	p := openTapped(t, listeners.New(t), host+"/r/"+string(s.room.ID))
	p.Until(`globalThis.epidaurusTape?.state === "paused"`, browsertest.Body)
	p.Click("#play")
	p.Until(`epidaurusTape.state === "playing"`, "JSON.stringify(epidaurusTape)")
	ctx, stop := context.WithCancel(t.Context())
	var pulling sync.WaitGroup
	var asked atomic.Int64
	t.Cleanup(pulling.Wait)
	t.Cleanup(stop)
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 64, MaxIdleConnsPerHost: 64}}
	began := time.Now()
	for range many {
		l := &puller{room: cache + "/r/" + string(s.room.ID), client: client, drawn: rand.Uint64N(1 << 48), asked: &asked}
		pulling.Go(func() {
			err := l.listen(ctx)
			if err != nil {
				t.Error(err)
			}
		})
	}
	all := many + 1 // the page in the browser
	right := func() bool {
		b := s.behind()
		return b.Low <= all && all <= b.High && (many < 1500 || b.OneIn > 1 && time.Since(began) > 90*time.Second)
	}
	wait := time.NewTicker(time.Second)
	defer wait.Stop()
	for deadline := time.Now().Add(2*patience + 3*time.Minute); !right(); <-wait.C {
		if time.Now().After(deadline) {
			t.Fatalf("%d listen, and %+v are estimated", all, s.behind())
		}
	}
	got := s.behind()
	reached := strings.Count(string(mustRead(t, log)), "MISS 200 /r/"+string(s.room.ID)+"/beacon.json") + strings.Count(string(mustRead(t, log)), "EXPIRED 200 /r/"+string(s.room.ID)+"/beacon.json")
	seconds := time.Since(began).Seconds()
	t.Logf("%d listen, %d (%d to %d) are estimated, 1 in %d asked; %.1f words a second, and %.2f questions a second reached the edge", all, got.Listeners, got.Low, got.High, got.OneIn,
		float64(asked.Load())/seconds, float64(reached)/seconds)
	if many < 1500 && (got.Listeners != all || got.OneIn != 1) {
		t.Errorf("%d listen, all of them are asked, and %+v are estimated", all, got)
	}
	if float64(reached)/seconds > 1 {
		t.Errorf("%d questions reached the edge", reached)
	}
	if seats := try(s.room.ListenURL + "/status.json"); !strings.Contains(seats, `"seated":0`) {
		t.Errorf("who pulls has no seat: %s", seats)
	}
	if kept := browsertest.Eval[int](p, `document.cookie.length + localStorage.length + sessionStorage.length`); kept != 0 {
		t.Errorf("the page keeps %d things", kept)
	}
}

func mustRead(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
