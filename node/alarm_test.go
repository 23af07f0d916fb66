package node

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// hook is a webhook that misbehaves in the stated way, once for each attempt.
type hook struct {
	t      testing.TB
	faults []string // "refuse", "fail" (not done), "cut" (done, and the answer is lost); none: it answers

	mu   sync.Mutex
	done map[string]int // guarded by mu; alarms that it knows, by ID, and how often each came
	last alarm          // guarded by mu
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fault := ""
	if len(h.faults) > 0 {
		fault, h.faults = h.faults[0], h.faults[1:]
	}
	switch fault {
	case "refuse":
		w.WriteHeader(http.StatusForbidden)
		return
	case "fail":
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	err := json.NewDecoder(r.Body).Decode(&h.last)
	if err != nil || h.last.ID == "" || h.last.ID != r.Header.Get("Idempotency-Key") {
		h.t.Errorf("it got %+v (%v)", h.last, err)
	}
	h.done[h.last.ID]++
	if fault == "cut" {
		panic(http.ErrAbortHandler)
	}
}

func TestAlarmReachesTheWebhook(t *testing.T) {
	s, m := time.Second, "dead_air"
	for _, tt := range []struct {
		name   string
		faults []string
		waits  []time.Duration
		came   []int // how often each alarm that it knows came
		fails  bool
	}{
		{"at once", nil, nil, []int{1}, false},
		{"failed and not done", []string{"fail", "fail"}, []time.Duration{s, 2 * s}, []int{1}, false},
		{"failed but done", []string{"cut"}, []time.Duration{s}, []int{2}, false},
		{"refused", []string{"refuse"}, nil, nil, true},
		{"never", []string{"fail", "fail", "fail", "fail", "fail", "fail"}, []time.Duration{s, 2 * s, 4 * s, 8 * s}, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &hook{t: t, faults: tt.faults, done: map[string]int{}}
			server := httptest.NewUnstartedServer(h)
			server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
			server.Start()
			defer server.Close()
			var waits []time.Duration
			a := newAlarms(server.URL, slog.New(slog.DiscardHandler), func(_ context.Context, d time.Duration) error {
				waits = append(waits, d)
				return nil
			})
			defer a.client.CloseIdleConnections()
			a.raise(alarm{Kind: alarmDeadAir, On: true, Room: "harbour", Title: "Harbour talk"})
			err := a.deliver(t.Context(), <-a.queue)
			if (err != nil) != tt.fails || !slices.Equal(waits, tt.waits) {
				t.Errorf("error %v after waiting %v, want %v after %v", err, waits, tt.fails, tt.waits)
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			var came []int
			for _, n := range h.done {
				came = append(came, n)
			}
			if !slices.Equal(came, tt.came) {
				t.Errorf("it knows %v alarms, want %v", came, tt.came)
			}
			if !tt.fails && (h.last.Kind != m || !h.last.On || h.last.Room != "harbour" || h.last.Title != "Harbour talk") {
				t.Errorf("it knows %+v", h.last)
			}
		})
	}
}

// Nobody waits for a webhook: what it does not take is lost, and the end of the node ends its waiting.
func TestAlarmsDoNotBlock(t *testing.T) {
	a := newAlarms("http://127.0.0.1:1", slog.New(slog.DiscardHandler), func(ctx context.Context, _ time.Duration) error {
		<-ctx.Done()
		return ctx.Err()
	})
	for range 2 * alarmQueue {
		a.raise(alarm{Kind: alarmDeadAir})
	}
	if len(a.queue) != alarmQueue {
		t.Errorf("%d alarms wait, want %d", len(a.queue), alarmQueue)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := a.deliver(ctx, <-a.queue)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that it was stopped", err)
	}
	none := newAlarms("", slog.New(slog.DiscardHandler), nil)
	none.raise(alarm{Kind: alarmDeadAir})
	if len(none.queue) != 0 {
		t.Error("an alarm waits for no webhook")
	}
}
