//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/figure"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/tape"
)

// probe is a listener who waits for the room to be live.
type probe struct {
	cancel context.CancelFunc
	done   chan struct{}

	// set before done is closed
	depth time.Duration // with which it was seated: so much later than the stage its ear is
	at    time.Time     // when the sound of the frame came from which on the room is live; zero: never
	err   error
}

func startProbe(url string) *probe {
	ctx, cancel := context.WithCancel(context.Background())
	p := &probe{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = p.listen(ctx, url)
	}()
	return p
}

// stop ends it, and waits for it.
func (p *probe) stop() *probe {
	p.cancel()
	<-p.done
	return p
}

func (p *probe) listen(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the edge answers %s", resp.Status)
	}
	r := fmp4.NewReader(resp.Body)
	live := tape.Number(-1)
	for {
		f, err := r.Next()
		if err != nil {
			return err
		}
		now := time.Now()
		for _, e := range f.Events {
			var said struct {
				State   string `json:"state"`
				DepthMS int64  `json:"depth_ms"`
			}
			if json.Unmarshal(e.Data, &said) != nil {
				continue
			}
			if e.Kind == "seat" {
				p.depth = time.Duration(said.DepthMS) * time.Millisecond
			}
			if e.Kind == "room" && said.State == "live" && live < 0 {
				live = e.At
			}
		}
		if end := f.From + tape.Number(len(f.Packets)); live >= 0 && end > live {
			p.at = now
			return nil
		}
	}
}

// word is when the first word was at seats.
type word struct {
	Probes int     `json:"probes"`
	Heard  int     `json:"heard"`
	P50    float64 `json:"p50_s"` // after the start
	Max    float64 `json:"max_s"`
	Shown  float64 `json:"shown_delay_s"` // the least
	Late   int     `json:"late"`          // it came later than the delay that is shown there

	all []float64
}

func (w *word) take(p *probe, start time.Time) {
	w.Probes++
	if p.at.IsZero() {
		return
	}
	w.Heard++
	after := p.at.Sub(start)
	w.all = append(w.all, after.Seconds())
	w.P50, w.Max = figure.Round(figure.Quantile(w.all, 0.5)), figure.Round(figure.Quantile(w.all, 1))
	if w.Shown == 0 || p.depth.Seconds() < w.Shown {
		w.Shown = p.depth.Seconds()
	}
	if after > p.depth {
		w.Late++
	}
}
