package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/epidaurus-live/epidaurus/api/client"
	"github.com/epidaurus-live/epidaurus/internal/clock"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// wall is a time of day that goes on from wherever it is set.
type wall struct{ ahead atomic.Int64 }

func (w *wall) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

// set moves the time of day to a moment, as far as the clock of a node is concerned.
func (w *wall) set(n *Node, at time.Time) {
	w.ahead.Store(int64(time.Until(at)))
	n.life.poke()
}

func (h *house) announce(start time.Time, byClock bool) client.Room {
	h.t.Helper()
	r, err := h.host.AnnounceRoom(h.t.Context(), client.Announcement{
		Title: "Harbour talk", Start: start, Zone: "Europe/Paris", LeadS: 900, ByClock: byClock, Description: "What the sea remembers",
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// From the announcement on the clock alone opens the doors and begins, over a restart, whoever speaks before; what was said behind the curtain
// is heard by nobody, and how late the first word was is kept.
func TestTheClockLeadsARoom(t *testing.T) {
	t.Parallel()
	w := &wall{}
	cfg := usual(t)
	cfg.wall = w.now
	h := openHouse(t, cfg)
	start := time.Now().Add(24 * time.Hour).UTC().Truncate(time.Second)
	r := h.announce(start, true)

	status, body := h.ask(t, "GET", r.ListenURL+"/live.mp4", "")
	if status != http.StatusTooEarly || !strings.Contains(body, `"code":"room_not_open"`) {
		t.Errorf("before the doors a listener gets %d %s", status, body)
	}
	if _, err := h.rooms.Open(r.ID, "p1"); err == nil || !strings.Contains(err.Error(), "doors") {
		t.Errorf("before the doors a speaker gets %v", err)
	}
	status, body = h.ask(t, "GET", r.ListenURL+"/event.ics", "")
	if status != http.StatusOK || !strings.Contains(body, "DTSTART:"+start.Format("20060102T150405Z")) || !strings.Contains(body, "SEQUENCE:1\r\n") {
		t.Errorf("the calendar has %d %s", status, body)
	}
	status, body = h.ask(t, "GET", r.ListenURL+"/event.json", "")
	if want := fmt.Sprintf(`"start_ms":%d,"doors_ms":%d,"zone":"Europe/Paris","by_clock":true`, start.UnixMilli(), start.Add(-15*time.Minute).UnixMilli()); status != http.StatusOK || !strings.Contains(body, want) {
		t.Errorf("the page is told %d %s", status, body)
	}
	shut(t, h.Node)

	n := open(t, cfg)
	w.set(n, start.Add(-15*time.Minute-time.Second/2))
	if s := n.state(r.ID); s != room.Announced {
		t.Fatalf("after the restart it is %s", s)
	}
	until(t, "the doors are open", func() bool { return n.state(r.ID) == room.Doors })
	hear(t, n, r.ID, 25)
	voice, err := n.rooms.Open(r.ID, "p1")
	if err != nil {
		t.Fatal(err)
	}
	defer voice.Close()
	packet, seq := opusPacket(t), uint16(0)
	speak := func() {
		voice.Push(seq, uint32(seq)*tape.FrameSamples, packet, clock.Mono())
		seq++
	}
	for range 100 { // as long as makes another room live
		speak()
		time.Sleep(5 * time.Millisecond)
	}
	if f, _ := n.bus.Facts(r.ID); f.State != room.Doors || !f.Life.FirstWord.IsZero() {
		t.Fatalf("a voice began the room before its time: %+v", f)
	}
	w.set(n, start.Add(-time.Second/4))
	until(t, "it is live, and a word went out", func() bool {
		speak()
		f, _ := n.bus.Facts(r.ID)
		return f.State == room.Live && !f.Life.FirstWord.IsZero()
	})
	f, _ := n.bus.Facts(r.ID)
	late, ok := f.StartDelay()
	if f.Life.LiveAt.Before(start) || !ok || late < 0 || late > time.Minute {
		t.Errorf("live at %v, first word %v after %v", f.Life.LiveAt, late, start)
	}
	until(t, "it is written down", func() bool {
		kept, err := n.store.Room(t.Context(), r.ID)
		return err == nil && kept.Facts.State == room.Live && kept.Facts.Life.FirstWord.Equal(f.Life.FirstWord)
	})
}

// A room that is begun by the button waits for it, and an end that was asked for comes by itself.
func TestTheButtonBeginsARoom(t *testing.T) {
	t.Parallel()
	w := &wall{}
	cfg := usual(t)
	cfg.wall = w.now
	h := openHouse(t, cfg)
	start := time.Now().Add(24 * time.Hour).UTC().Truncate(time.Second)
	r := h.announce(start, false)
	w.set(h.Node, start.Add(time.Minute))
	until(t, "the doors are open", func() bool { return h.state(r.ID) == room.Doors })
	hear(t, h.Node, r.ID, 25)
	if s := h.state(r.ID); s != room.Doors {
		t.Errorf("nobody pressed, and it is %s", s)
	}
	host := room.By(room.Host)
	f, err := h.rooms.ChangeLife(t.Context(), r.ID, func(f *room.Facts) error { return f.Take(room.MoveLive, host, w.now()) })
	if err != nil || f.State != room.Live {
		t.Fatalf("%+v, %v", f, err)
	}
	_, err = h.rooms.ChangeLife(t.Context(), r.ID, func(f *room.Facts) error { return f.AskEnd(host, time.Second/2, w.now()) })
	if err != nil || h.state(r.ID) != room.Live {
		t.Fatalf("asked for the end: %s, %v", h.state(r.ID), err)
	}
	until(t, "it has ended, and its tape is posted", func() bool {
		f, _ := h.bus.Facts(r.ID)
		kept, err := h.store.Room(t.Context(), r.ID)
		return f.Stage() == room.Replay && err == nil && kept.Facts.Stage() == room.Replay
	})
}

// Of hosts who put a room off at once none is lost: each saw what the one before had done, or was told.
func TestPutOffAtOnce(t *testing.T) {
	t.Parallel()
	h := openHouse(t, usual(t))
	start := time.Now().Add(24 * time.Hour).UTC().Truncate(time.Second)
	r := h.announce(start, true)
	var done, told atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			seen := 1
			_, err := h.rooms.ChangeLife(t.Context(), r.ID, func(f *room.Facts) error {
				return f.Replan(f.Life.Plan.Late(10*time.Minute, time.Now()), room.By(room.Host), seen, time.Now())
			})
			switch {
			case err == nil:
				done.Add(1)
			case errors.Is(err, room.ErrChanged):
				told.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	f, _ := h.bus.Facts(r.ID)
	if done.Load() != 1 || told.Load() != 7 || !f.Life.Plan.Start.Equal(start.Add(10*time.Minute)) {
		t.Errorf("%d did it, %d were told, it begins at %v", done.Load(), told.Load(), f.Life.Plan.Start)
	}
	until(t, "that is written down", func() bool {
		kept, err := h.store.Room(t.Context(), r.ID)
		return err == nil && kept.Facts.Life.Plan.Start.Equal(f.Life.Plan.Start)
	})
}

// What is due is done at its time to the millisecond, tried again while it fails, and done by one of two clocks.
func TestLifeClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		start := time.Now().Add(time.Hour)
		facts := room.Facts{ID: "harbour", State: room.Announced, Life: room.Life{Plan: room.Plan{Start: start, Zone: "UTC", LeadS: 900, ByClock: true}}}
		read := func(room.ID) (room.Facts, bool) { mu.Lock(); defer mu.Unlock(); return facts, true }
		fails, taken := 3, map[room.Move]time.Duration{}
		take := func(_ context.Context, _ room.ID, m room.Move) error {
			mu.Lock()
			defer mu.Unlock()
			if m == room.MoveLive && fails > 0 {
				fails--
				return errors.New("the bus is away")
			}
			err := facts.Take(m, room.ByClock, time.Now())
			if err == nil {
				taken[m] = time.Since(start)
			}
			return err
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		for range 2 {
			l := newLifeClock(read, take, func(room.ID) bool { return false }, time.Now, slog.New(slog.DiscardHandler))
			l.follow("harbour")
			running.Go(func() { l.run(ctx) })
		}
		time.Sleep(2 * time.Hour)
		cancel()
		running.Wait()
		if taken[room.MoveDoors] != -15*time.Minute || facts.State != room.Live {
			t.Errorf("doors at %v, then %s", taken[room.MoveDoors], facts.State)
		}
		if late := taken[room.MoveLive]; late < lifeRetry || late > 2*lifeRetry {
			t.Errorf("live %v after the start, the bus was away for two attempts of each clock", late)
		}
	})
}

// The node that makes a room ends it, on time, since it alone knows what of the delay has not gone out; where nobody makes it, or whoever does is
// late, another does two seconds later. What is not open yet has no maker to wait for.
func TestTheMakerEndsARoom(t *testing.T) {
	for _, row := range []struct {
		name  string
		state room.State
		maker int // which of two clocks, or none
		by    int // -1: any
		late  time.Duration
	}{
		{"Made", room.Live, 1, 1, 0},
		{"MadeByNobody", room.Live, -1, -1, lifeOverdue},
		{"NotOpenYet", room.Announced, -1, -1, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				end := time.Now().Add(10 * time.Second)
				facts := room.Facts{ID: "harbour", State: row.state, Life: room.Life{EndsAt: end}}
				read := func(room.ID) (room.Facts, bool) { mu.Lock(); defer mu.Unlock(); return facts, true }
				by, late := -1, time.Duration(-1)
				ctx, cancel := context.WithCancel(t.Context())
				var running sync.WaitGroup
				for i := range 2 {
					take := func(_ context.Context, _ room.ID, m room.Move) error {
						mu.Lock()
						defer mu.Unlock()
						err := facts.Take(m, room.ByClock, time.Now())
						if err == nil {
							by, late = i, time.Since(end)
						}
						return err
					}
					l := newLifeClock(read, take, func(room.ID) bool { return i == row.maker }, time.Now, slog.New(slog.DiscardHandler))
					l.follow("harbour")
					running.Go(func() { l.run(ctx) })
				}
				time.Sleep(time.Minute)
				cancel()
				running.Wait()
				if facts.State != room.Ended || late != row.late || row.by >= 0 && by != row.by {
					t.Errorf("%s, by the clock of node %d, %v after its time", facts.State, by, late)
				}
			})
		})
	}
}
