//go:build linux

package crowd

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/plan"
	"github.com/epidaurus-live/epidaurus/drill/result"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/tape"
)

// fake is a room that is always live. What goes wrong is up to the test.
type fake struct {
	begun    time.Time
	requests atomic.Int64
	// fault says what happens to a request: its number (from 0) and whether it resumes. Default: nothing.
	fault func(n int64, resumes bool) fault
	event []byte // an edges event in the head of each answer; default: none
	odd   atomic.Int64
	// retryMS is when to come again, for whoever is refused. Default: 50.
	retryMS int
}

type fault int

const (
	fine   fault = iota
	full         // refused: 503, come again in 50 ms
	cut          // cut after the second fragment
	drop         // a frame is missing in the second fragment
	repeat       // the second fragment comes twice
	wrong        // the second fragment has a broken box
	flip         // the second fragment has a bit of sound that is another one
	short        // the answer ends within a chunk
	reset        // reset after the second fragment, as an edge does to whom it gives up
	end          // the room ends after the second fragment
)

const cadence = 12 // frames

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := f.requests.Add(1) - 1
	from, err := strconv.ParseInt(r.URL.Query().Get("from"), 10, 64)
	resumes := err == nil
	if resumes && r.URL.Query().Get("depth") == "" {
		f.odd.Add(1)
	}
	what := fine
	if f.fault != nil {
		what = f.fault(n, resumes)
	}
	if what == full {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintf(w, `{"code":"full","retry_after_ms":%d}`, cmp.Or(f.retryMS, 50))
		return
	}
	newest := int64(time.Since(f.begun)/tape.FrameDuration) / cadence * cadence
	if !resumes {
		from = newest - 4*cadence
	}
	w.Header().Set("Content-Type", `audio/mp4; codecs="opus"`)
	w.Header().Set("Epidaurus-Frame", strconv.FormatInt(from, 10))
	body := fmp4.Init(312)
	if f.event != nil {
		body = fmp4.AppendEvent(body, tape.Event{At: tape.Number(from), Kind: "edges", Data: f.event})
	}
	f.stream(w, r, append(body, sound(tape.Number(from), tape.Number(newest))...), newest, what)
}

// stream writes the beginning, and then a fragment at each cadence.
func (f *fake) stream(w http.ResponseWriter, r *http.Request, body []byte, at int64, what fault) {
	flush := http.NewResponseController(w).Flush
	for n := 1; ; n++ {
		_, err := w.Write(body)
		if err == nil {
			err = flush()
		}
		if err != nil || n == 2 && what == end {
			return
		}
		if n == 2 && (what == cut || what == short) {
			panic(http.ErrAbortHandler)
		}
		if n == 2 && what == reset {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.(*net.TCPConn).SetLinger(0)
				_ = conn.Close()
			}
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(time.Until(f.begun.Add(time.Duration(at+cadence) * tape.FrameDuration))):
		}
		from := at
		at += cadence
		body = sound(tape.Number(from), tape.Number(at))
		if n != 1 {
			continue
		}
		switch what {
		case drop:
			body = sound(tape.Number(from+1), tape.Number(at))
		case repeat:
			body = append(body, body...)
		case wrong:
			body[3]++
		case flip:
			body[len(body)-9] ^= 1
		}
	}
}

// TestMain is also the server of the test that measures memory: another process, so that its memory is not counted.
func TestMain(m *testing.M) {
	if os.Getenv("DRILL_TEST_SERVER") == "" {
		os.Exit(m.Run())
	}
	server := httptest.NewServer(&fake{begun: time.Now().Add(-time.Minute)})
	fmt.Println(server.URL)
	_, _ = os.Stdin.Read(make([]byte, 1)) // until whoever started it closes it
	os.Exit(0)
}

// open starts a fake room and returns a plan for it.
func open(t *testing.T, f *fake, phases ...plan.Phase) plan.Plan {
	t.Helper()
	f.begun = time.Now().Add(-time.Minute)
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	p := plan.Default()
	p.Target, p.Phases, p.Sample = server.URL+"/r/room", phases, 0.5
	return p
}

func ramp(n int, over time.Duration) plan.Phase {
	return plan.Phase{Shape: plan.Ramp, Listeners: n, Over: plan.Duration(over)}
}

func hold(over time.Duration) plan.Phase {
	return plan.Phase{Shape: plan.Hold, Over: plan.Duration(over)}
}

// play plays a plan until enough was found, or to its end.
func play(t *testing.T, p plan.Plan, enough func(result.Result, result.Total) bool) (result.Result, result.Total) {
	t.Helper()
	c, err := New(t.Context(), Config{Plan: p, Name: "test", Loops: 2})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			<-tick.C
			if r := c.Snapshot(); enough(r, r.Total()) {
				cancel()
			}
		}
	}()
	r, err := c.Run(ctx)
	cancel()
	<-watched
	if err != nil {
		t.Fatal(err)
	}
	return r, r.Total()
}
