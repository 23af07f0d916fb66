//go:build linux

package edge

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
)

// drain begins to empty a house, and returns what tells its end.
func (h *house) drain(ctx context.Context, over time.Duration) <-chan error {
	h.t.Helper()
	before := h.edge.drain.Load()
	done := make(chan error, 1)
	go func() { done <- h.edge.Drain(ctx, over) }()
	for h.edge.drain.Load() == before {
		time.Sleep(time.Millisecond)
	}
	return done
}

// Seats are cut evenly over the time given, in no order, as a cut and not as an end; who comes is sent away.
func TestDrain(t *testing.T) {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(1, 2))
	h := open(t, func(c *Config) {
		c.Random = func() float64 { mu.Lock(); defer mu.Unlock(); return random.Float64() }
	})
	h.record(300)
	const seats, over = 200, 10 * time.Second
	var listeners []*listener
	for range seats {
		listeners = append(listeners, h.get("/r/harbour/live.mp4"))
	}
	h.until("a full house", func(s Stats) bool { return s.Seated == seats })
	done := h.drain(t.Context(), over)
	if !h.edge.Draining() {
		t.Error("it does not say that it is being emptied")
	}
	checkProblem(t, h.get("/r/harbour/live.mp4").resp, 503, problem.Draining)
	var firstHalf [2]int // of those who were cut in the first half of the time: how many came first, and last
	for step := range int(over/tick) + 1 {
		h.play(1)
		passed := time.Duration(step+1) * tick
		want := seats - int(seats*min(passed, over)/over)
		if got := h.edge.Stats().Seats; got < want-2 || got > want+2 {
			t.Fatalf("after %v there are %d seats, want about %d", passed, got, want)
		}
		if passed == over/2 {
			// Of those who were cut it can be read at once. The others wait together.
			var reading sync.WaitGroup
			until := time.Now().Add(time.Second)
			for i, l := range listeners {
				reading.Go(func() {
					_ = l.conn.SetReadDeadline(until)
					_, err := io.Copy(io.Discard, l.resp.Body)
					if errors.Is(err, io.ErrUnexpectedEOF) {
						mu.Lock()
						defer mu.Unlock()
						firstHalf[i*2/seats]++
					}
				})
			}
			reading.Wait()
		}
	}
	err := <-done
	if err != nil {
		t.Error(err)
	}
	if firstHalf[0] < 30 || firstHalf[1] < 30 {
		t.Errorf("in the first half %v of those who came first and last were cut", firstHalf)
	}
	for _, l := range listeners {
		_ = l.conn.SetReadDeadline(time.Time{})
	}
	if s := h.edge.Stats(); s.Cut != seats || s.Ended != 0 || s.Left != 0 || s.Refused[problem.Draining] != 1 {
		t.Errorf("%+v", s)
	}
}

func TestDrainCutsWithoutAnEnd(t *testing.T) {
	h := open(t, nil)
	h.record(300)
	l := h.get("/r/harbour/live.mp4")
	h.until("a seat", func(s Stats) bool { return s.Seated == 1 })
	done := h.drain(t.Context(), 0)
	h.play(1)
	l.isCut()
	err := <-done
	if err != nil {
		t.Error(err)
	}
}

// Who is in a hurry gives another time; both calls return when the house is empty.
func TestDrainAgain(t *testing.T) {
	h := open(t, nil)
	h.record(300)
	for range 20 {
		h.get("/r/harbour/live.ogg")
	}
	h.until("the seats", func(s Stats) bool { return s.Seated == 20 })
	slow := h.drain(t.Context(), time.Hour)
	h.play(10)
	if s := h.edge.Stats(); s.Seats < 19 {
		t.Errorf("%d seats within an hour's first moment", s.Seats)
	}
	ctx, cancel := context.WithCancel(t.Context())
	impatient := h.drain(ctx, time.Hour)
	cancel()
	if err := <-impatient; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	fast := h.drain(t.Context(), time.Second)
	h.play(51)
	for _, done := range []<-chan error{slow, fast} {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if s := h.edge.Stats(); s.Seats != 0 || s.Cut != 20 {
		t.Errorf("%+v", s)
	}
}

func TestDrainOfAnEmptyHouse(t *testing.T) {
	h := open(t, nil)
	done := h.drain(t.Context(), time.Hour)
	h.step()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestCloseEndsADrain(t *testing.T) {
	h := open(t, nil)
	h.record(300)
	h.get("/r/harbour/live.mp4")
	h.until("a seat", func(s Stats) bool { return s.Seated == 1 })
	done := h.drain(t.Context(), time.Hour)
	h.close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
