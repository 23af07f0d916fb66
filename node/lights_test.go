package node

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/api"
	"github.com/epidaurus-live/epidaurus/bus"
	"github.com/epidaurus-live/epidaurus/drill/result"
	"github.com/epidaurus-live/epidaurus/internal/clock"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// lightsOf is what a desk is told, by name.
func (h *house) lightsOf(id room.ID) map[string]api.Light {
	f, _ := h.bus.Facts(id)
	all := map[string]api.Light{}
	for _, l := range (&lights{node: h.Node}).Lights(h.t.Context(), f) {
		all[l.Name] = l
	}
	return all
}

// The lights say what is so: of a real room with nobody on its stage, then with somebody who is heard; and that its sound is there for listeners.
func TestLights(t *testing.T) {
	t.Parallel()
	h := openHouse(t, usual(t))
	r := h.room()
	hear(t, h.Node, r.ID, 25)
	until(t, "its edge has spoken", func() bool { return len(h.bus.Edges()) == 1 })
	got := h.lightsOf(r.ID)
	for name, want := range map[string]api.Light{
		"speakers": {State: api.Red, Why: "nobody"},
		"sound":    {State: api.Green, Why: "arrives", N: got["sound"].N},
		"line":     {State: api.Green, Why: "near", N: 1, Of: 1},
		"publish":  {State: api.Dark, Why: "off"},
		"drill":    {State: api.Amber, Why: "none"},
	} {
		want.Name = name
		if got[name] != want {
			t.Errorf("%+v, want %+v", got[name], want)
		}
	}
	if l := got["tape"]; (l.N >= diskLow) != (l.State == api.Green && l.Why == "planned") {
		t.Errorf("%+v", l)
	}
	if s := got["seats"]; s.State != api.Green || s.N == 0 || s.Of < s.N {
		t.Errorf("%+v", s)
	}
	voice, err := h.rooms.Open(r.ID, "p1")
	if err != nil {
		t.Fatal(err)
	}
	defer voice.Close()
	h.rooms.people(r.ID, []room.Person{{ID: "p1", Name: "Ada", Role: room.Host}})
	packet, seq := opusPacket(t), uint16(0)
	until(t, "the speaker's light is green", func() bool {
		voice.Push(seq, uint32(seq)*tape.FrameSamples, packet, clock.Mono())
		seq++
		f, _ := h.bus.Facts(r.ID)
		return h.lightOfSpeakers(f) == api.Light{Name: "speakers", State: api.Green, Why: "heard", N: 1, Of: 1}
	})
}

// A drill counts while it is valid, of this build, and of this configuration; the newest one alone.
func TestLightOfTheDrill(t *testing.T) {
	t.Parallel()
	h := openHouse(t, usual(t))
	now := time.Now()
	good := result.Result{
		Format: result.Format, Valid: true, Started: now.Add(-36 * time.Hour), Config: h.cfg.fingerprint(),
		Server: result.Build{Program: "epidaurus", Version: version(), Revision: revision()},
	}
	for i, row := range []struct {
		why    string
		change func(*result.Result)
	}{
		{"invalid", func(r *result.Result) { r.Valid = false }},
		{"build", func(r *result.Result) { r.Server.Revision = "another" }},
		{"config", func(r *result.Result) { r.Config = "another" }},
		{"old", func(r *result.Result) { r.Started = now.Add(-200 * 24 * time.Hour) }},
		{"valid", func(*result.Result) {}},
	} {
		r := good
		row.change(&r)
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		file := write(t, filepath.Join(h.data.path, "drills", row.why+".json"), string(text))
		err = os.Chtimes(file, now, now.Add(time.Duration(i)*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if got := h.lightOfDrill(now); got.Why != row.why || (got.State == api.Green) != (row.why == "valid") {
			t.Errorf("%s: %+v", row.why, got)
		}
	}
	write(t, filepath.Join(h.data.path, "drills", "zz.json"), "{")
	err := os.Chtimes(filepath.Join(h.data.path, "drills", "zz.json"), now, now.Add(time.Hour))
	if got := h.lightOfDrill(now); err != nil || got.Why != "unreadable" {
		t.Errorf("%+v (%v)", got, err)
	}
}

func TestLightsOfEdges(t *testing.T) {
	edge := func(capacity, taken, step int, full, draining bool) bus.Presence {
		return bus.Presence{Capacity: capacity, Rooms: map[room.ID]int{"harbour": taken}, Step: step, Full: full, Draining: draining}
	}
	for _, row := range []struct {
		name        string
		edges       []bus.Presence
		expect      int
		seats, line string
	}{
		{"None", nil, 0, "red no_edge", "red no_edge"},
		{"Free", []bus.Presence{edge(100, 20, 0, false, false), edge(100, 0, 1, false, true)}, 90, "green free", "green near"},
		{"Few", []bus.Presence{edge(100, 20, 3, false, false)}, 200, "amber few", "amber far"},
		{"OneFull", []bus.Presence{edge(100, 100, 0, true, false), edge(100, 1, 0, false, false)}, 0, "green free", "amber some_full"},
		{"AllFull", []bus.Presence{edge(100, 100, 4, true, false)}, 0, "red none", "red full"},
	} {
		seats := lightOfSeats(int64(row.expect), row.edges, 20)
		line := lightOfLine(row.edges)
		if got := seats.State + " " + seats.Why; got != row.seats {
			t.Errorf("%s: %s, want %s", row.name, got, row.seats)
		}
		if got := line.State + " " + line.Why; got != row.line {
			t.Errorf("%s: %s, want %s", row.name, got, row.line)
		}
	}
}

// What every room is said to expect counts where a room says nothing, and what the room says counts before it.
func TestLightOfSeatsCountsOnExpect(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	cfg.Expect, cfg.MaxSeats = 5000, 100
	h := openHouse(t, cfg)
	r := h.room()
	until(t, "the edge is there", func() bool { return len(h.bus.Edges()) == 1 })
	if l := h.lightsOf(r.ID)["seats"]; l.State != api.Amber || l.Why != "few" || l.Of != 5000 {
		t.Errorf("with --expect 5000 and 100 seats: %+v", l)
	}
	err := h.bus.ChangeFacts(t.Context(), r.ID, func(f *room.Facts) error { f.Expect = 50; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if l := h.lightsOf(r.ID)["seats"]; l.State != api.Green {
		t.Errorf("of a room that expects 50: %+v", l)
	}
}

// A desk is told that what is said does not reach the file host: here a folder that a file stands in the way of.
func TestLightOfPublishing(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	dir := t.TempDir()
	cfg.Publish = "dir:" + dir
	h := openHouse(t, cfg)
	r := h.room()
	f, _ := h.bus.Facts(r.ID)
	hear(t, h.Node, r.ID, 2*96)
	until(t, "it is published", func() bool { return h.lightOfPublishing(f) == api.Light{Name: "publish", State: api.Green, Why: "on"} })
	if got := h.lightOfPublishing(room.Facts{ID: "nobody-knows", State: room.Announced}); got.State != api.Dark || got.Why != "not_open" {
		t.Errorf("%+v", got)
	}
	until(t, "it is seen that nothing arrives", func() bool {
		in := filepath.Join(dir, "r")
		err := errors.Join(os.RemoveAll(in), os.WriteFile(in, nil, 0o600))
		l := h.lightOfPublishing(f)
		return err == nil && l.State == api.Red && l.Why == "failed"
	})
}
