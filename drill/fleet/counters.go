//go:build linux

package fleet

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/result"
)

// Reading edges' own counters.
const (
	countersEvery    = 5 * time.Minute // an edge keeps ten
	countersPatience = 5 * time.Second // for one answer
	countersLast     = 3 * time.Second // for the second in which a drill ended to be over
	countersRetry    = 250 * time.Millisecond
	maxCounters      = 8 << 20 // bytes of an answer
	maxCounterLine   = 64 << 10
	maxCounterLines  = 10_000
)

// Counters reads what edges count themselves, from Open to Close.
type Counters struct {
	urls   []string
	client http.Client
	from   time.Time
	stop   context.CancelFunc
	done   chan struct{}

	edges []result.Edge // owned by the reading goroutine, then by Close
	notes []string      // likewise
}

// OpenCounters looks at the counters of edges, by the URLs of their private ports, before a drill, and goes on doing so while it lasts:
// an edge forgets after ten minutes. One that cannot be read is told of by Close.
func OpenCounters(urls []string) *Counters {
	c := &Counters{urls: urls, client: http.Client{Timeout: countersPatience}, from: time.Now(), done: make(chan struct{})}
	for _, u := range urls {
		c.edges = append(c.edges, result.Edge{URL: u})
	}
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	go c.run(ctx) // Close waits for done
	return c
}

func (c *Counters) run(ctx context.Context) {
	defer close(c.done)
	tick := time.NewTicker(countersEvery)
	defer tick.Stop()
	for {
		c.read(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Close reads them a last time and returns what was counted from the beginning to ended, the second of it included, and what could
// not be read.
func (c *Counters) Close(ended time.Time) (edges []result.Edge, notes []string) {
	c.stop()
	<-c.done
	c.notes = nil // what failed while it was stopped, or before, and does not now, is no failure
	last := time.Now().Add(countersLast)
	for again := true; again; {
		c.notes = nil
		c.read(context.Background())
		again = len(c.notes) == 0 && time.Now().Before(last) && !c.covers(ended)
		if again {
			<-time.After(countersRetry)
		}
	}
	for _, e := range c.edges {
		kept := result.Edge{URL: e.URL}
		for _, s := range e.Seconds {
			if s.End.After(c.from) && s.End.Add(-s.Span).Before(ended) {
				kept.Seconds = append(kept.Seconds, s)
			}
		}
		if len(kept.Seconds) > 0 {
			edges = append(edges, kept)
		}
	}
	return edges, c.notes
}

// covers reports whether every edge has told of the second that holds a moment.
func (c *Counters) covers(moment time.Time) bool {
	for _, e := range c.edges {
		if n := len(e.Seconds); n == 0 || e.Seconds[n-1].End.Before(moment) {
			return false
		}
	}
	return true
}

// read adds what each edge has counted meanwhile.
func (c *Counters) read(ctx context.Context) {
	for i := range c.edges {
		e := &c.edges[i]
		seconds, err := c.fetch(ctx, e.URL)
		if err != nil {
			if ctx.Err() == nil {
				c.notes = append(c.notes, fmt.Sprintf("the edge's own counters were not read: %v", err))
			}
			continue
		}
		for _, s := range seconds {
			if n := len(e.Seconds); n == 0 || s.End.After(e.Seconds[n-1].End) {
				e.Seconds = append(e.Seconds, s)
			}
		}
	}
}

func (c *Counters) fetch(ctx context.Context, url string) ([]result.EdgeSecond, error) {
	address := strings.TrimSuffix(url, "/") + "/edge/seconds"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	answer, err := c.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %d", address, answer.StatusCode)
	}
	seconds, err := parseCounters(io.LimitReader(answer.Body, maxCounters))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	return seconds, nil
}

// parseCounters reads one JSON object a line, the oldest first.
func parseCounters(from io.Reader) (seconds []result.EdgeSecond, err error) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxCounterLine)
	for lines.Scan() {
		if len(strings.TrimSpace(lines.Text())) == 0 {
			continue
		}
		var s result.EdgeSecond
		err = json.Unmarshal(lines.Bytes(), &s)
		if err != nil {
			return nil, fmt.Errorf("no counters of an edge: %w", err)
		}
		err = s.Check()
		if err != nil {
			return nil, fmt.Errorf("no counters of an edge: %w", err)
		}
		if len(seconds) == maxCounterLines {
			return nil, fmt.Errorf("no counters of an edge: more than %d seconds", maxCounterLines)
		}
		seconds = append(seconds, s)
	}
	return seconds, lines.Err()
}
