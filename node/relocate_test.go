package node

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/crowd"
	"github.com/epidaurus-live/epidaurus/drill/listener"
	"github.com/epidaurus-live/epidaurus/drill/plan"
	"github.com/epidaurus-live/epidaurus/drill/result"
	"github.com/epidaurus-live/epidaurus/room"
)

// where asks for an address and returns the status, and where it sends who asks.
func (h *house) where(url string) (status int, location string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		h.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("Location")
}

func (h *house) change(id room.ID, change func(f *room.Facts) error) {
	h.t.Helper()
	_, err := h.rooms.ChangeLife(h.t.Context(), id, change)
	if err != nil {
		h.t.Fatal(err)
	}
}

// hostToken is that of the host in her own room.
func (h *house) hostToken(id room.ID) string {
	h.t.Helper()
	record, err := h.store.Room(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.store.Key().Sign(room.Grant{Room: id, Person: record.HostPerson, Role: room.Host, Expires: h.rooms.now().Add(time.Hour).Unix()})
}

// Who listens is told, signed, and goes on in the new room without a gap; who comes is sent there, page and sound; who comes back to his seat gets it
// as long as the old room is open, and after its end everybody is sent.
func TestARoomIsMoved(t *testing.T) {
	t.Parallel()
	h := openHouse(t, usual(t))
	from, to := h.room(), h.room()
	err := h.store.AddInvite(t.Context(), room.Invite{Room: from.ID, Person: "grace", Role: room.CoHost, Name: "Grace", Created: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithTimeout(t.Context(), patience)
	defer leave()
	heard, told := make(chan listener.Report, 1), make(chan struct{}, 1)
	go func() { // ends with ctx
		r, _ := listener.Listen(ctx, listener.Config{URL: from.ListenURL}, func(e listener.Event) {
			select {
			case told <- struct{}{}:
			default:
			}
			if e.Report.Moves == 1 && e.Report.Frames > 300 {
				leave()
			}
		})
		heard <- r
	}()
	until(t, "one seat is counted", func() bool { return h.bus.Seats(from.ID) == 1 })
	host := room.By(room.Host)
	h.change(from.ID, func(f *room.Facts) error {
		return f.Relocate(room.Place{Room: to.ID}, host, 0, time.Hour, h.rooms.now())
	})
	if status, _ := h.where(from.ListenURL); status != http.StatusOK {
		t.Errorf("before the moment of the order the page is answered with %d", status)
	}
	h.change(from.ID, func(f *room.Facts) error { return f.Remain(host, h.rooms.now()) })
	h.change(from.ID, func(f *room.Facts) error { return f.Relocate(room.Place{Room: to.ID}, host, 0, 0, h.rooms.now()) })
	r := <-heard
	if r.Moves != 1 || r.GapCount != 0 || r.FaultCount != 0 {
		t.Errorf("a listener was moved %d times, and heard %+v", r.Moves, r)
	}
	until(t, "the team of the new room is written down", func() bool {
		invites, err := h.store.Invites(t.Context(), to.ID)
		return err == nil && len(invites) == 1 && invites[0].Person == "grace"
	})

	new := "/r/" + string(to.ID)
	for below, want := range map[string]string{
		"": new, "?lang=fr": new + "?lang=fr", "?lang=//evil.example": new,
		"/live.mp4": new + "/live.mp4", "/live.ogg?variant=opus-12": new + "/live.ogg?variant=opus-12", "/live.ogg": new + "/live.ogg",
		"/listen.m3u": new + "/listen.m3u", "/listen.pls": new + "/listen.pls", "/hls/master.m3u8": new + "/hls/master.m3u8", "/hls/low.m3u8": new + "/hls/low.m3u8",
	} {
		if status, location := h.where(from.ListenURL + below); status != http.StatusTemporaryRedirect || location != want {
			t.Errorf("%q: %d to %q, want %q", below, status, location, want)
		}
	}
	for _, seated := range []string{"/live.mp4?pace=1", "/live.mp4?from=0", "/live.ogg?from=0"} {
		if status, _ := h.where(from.ListenURL + seated); status != http.StatusOK {
			t.Errorf("who reads events, or comes back, gets %d", status)
		}
	}
	status, body := h.ask(t, "GET", h.StageURL()+"/api/rooms/"+string(from.ID)+"/life", h.hostToken(from.ID))
	var life struct {
		Follow struct {
			Room  room.ID
			Token string
		}
	}
	if err := json.Unmarshal([]byte(body), &life); err != nil || status != 200 || life.Follow.Room != to.ID {
		t.Fatalf("the host follows to %d %s", status, body)
	}
	if status, body := h.ask(t, "GET", h.StageURL()+"/api/rooms/"+string(to.ID)+"/runs", life.Follow.Token); status != 200 {
		t.Errorf("there she is no host: %d %s", status, body)
	}
	// Where a room by invitation has gone nobody is told without one.
	h.change(from.ID, func(f *room.Facts) error { f.Life.Access.Visibility = room.ByInvitation; return nil })
	for _, below := range []string{"", "/live.ogg", "/listen.m3u", "/hls/master.m3u8", "/hls/low.m3u8"} {
		if status, location := h.where(from.ListenURL + below); location != "" || below != "" && status != http.StatusUnauthorized {
			t.Errorf("by invitation, %q: %d to %q", below, status, location)
		}
	}
	h.change(from.ID, func(f *room.Facts) error { f.Life.Access.Visibility = room.Unlisted; return nil })
	if err := h.rooms.End(t.Context(), from.ID); err != nil {
		t.Fatal(err)
	}
	for below, want := range map[string]string{"/live.mp4?pace=1&from=10&depth=4000": new + "/live.mp4?pace=1", "/live.ogg?from=0": new + "/live.ogg", "": new} {
		if status, location := h.where(from.ListenURL + below); status != http.StatusTemporaryRedirect || location != want {
			t.Errorf("after the end, %q: %d to %q, want %q", below, status, location, want)
		}
	}
}

// Of a run-through nobody hears, sees or counts anything who has not its link; the evening stays where it is, has its own tape, timeline and first
// word, and the opening of its doors ends it.
func TestARunThroughIsUnheard(t *testing.T) {
	t.Parallel()
	w := &wall{}
	cfg := usual(t)
	cfg.wall, cfg.Tape = w.now, "on"
	h := openHouse(t, cfg)
	start := time.Now().Add(24 * time.Hour).UTC().Truncate(time.Second)
	evening := h.announce(start, true)
	status, body := h.ask(t, "POST", h.StageURL()+"/api/rooms/"+string(evening.ID)+"/runs", h.hostToken(evening.ID))
	var run struct {
		ID     room.ID
		Listen string `json:"listen_url"`
		Follow struct{ Token string }
	}
	if err := json.Unmarshal([]byte(body), &run); err != nil || status != http.StatusCreated || run.Follow.Token == "" {
		t.Fatalf("a run-through: %d %s", status, body)
	}
	h.change(run.ID, func(f *room.Facts) error { return f.Take(room.MoveLive, room.By(room.Host), h.rooms.now()) })
	ctx, leave := context.WithTimeout(t.Context(), patience)
	defer leave()
	r, err := listener.Listen(ctx, listener.Config{URL: run.Listen}, func(e listener.Event) {
		if e.Report.Frames >= 300 {
			leave()
		}
	})
	if err != nil || r.Frames < 300 || !r.Faultless() {
		t.Errorf("by the link one hears %+v, %v", r, err)
	}
	open := h.ListenersURL() + "/r/" + string(run.ID)
	key := run.Listen[strings.Index(run.Listen, "~"):]
	middle, other := len(key)/2, "0"
	if key[middle] == '0' {
		other = "1"
	}
	forged := key[:middle] + other + key[middle+1:]
	for _, below := range []string{"", "/live.mp4", "/live.ogg?from=0", "/live.mp4?pace=1", "/event.json", "/event.ics", "/status.json", "/tape/", "/tape/index.json", "/hls/master.m3u8",
		"/hls/floor/opus-48/live.m3u8", "/hls/floor/events.json", "/listen.m3u", "/hand", "/floor/live.mp4", "/tape/floor/opus-48.ogg"} {
		for name, address := range map[string]string{"without the token": open + below, "with a forged one": open + forged + below} {
			if status, body := h.ask(t, "GET", address, ""); status != http.StatusNotFound || strings.Contains(body, "Harbour") {
				t.Errorf("%s, %s: %d %.80s", name, below, status, body)
			}
		}
		if base := h.StageURL() + "/r/" + string(run.ID) + below; strings.HasPrefix(below, "/live") {
			if status, _ := h.ask(t, "GET", base, ""); status != http.StatusNotFound {
				t.Errorf("at the stage's port, %s: %d", below, status)
			}
		}
	}
	for _, below := range []string{"", "/event.json", "/status.json", "/hand"} {
		if status, _ := h.ask(t, "GET", run.Listen+below, ""); status != http.StatusOK {
			t.Errorf("with the token, %s: %d", below, status)
		}
	}
	for _, below := range []string{"", "/status.json", "/event.ics", "/qr.svg", "/tape/floor/opus-48/init.mp4", "/hls/master.m3u8"} {
		_, head, _ := try(t, "GET", run.Listen+below, "")
		if cache := head.Get("Cache-Control"); strings.Contains(cache, "public") || !strings.Contains(cache, "private") && cache != "no-store" {
			t.Errorf("with the token, %s may be kept by caches of others: %q", below, cache)
		}
	}
	h.change(run.ID, func(f *room.Facts) error { f.Life.Access.Visibility = room.Public; return nil })
	if f, _ := h.bus.Facts(run.ID); f.Life.Access.Visibility != room.Public || listed(&f) {
		t.Errorf("a run-through that was made public is listed in the foyer")
	}
	if status, body := h.ask(t, "GET", evening.ListenURL+"/live.mp4", ""); status != http.StatusTooEarly {
		t.Errorf("at the evening's address there is %d %s", status, body)
	}
	f, _ := h.bus.Facts(evening.ID)
	if f.State != room.Announced || !f.Life.FirstWord.IsZero() || !f.Life.LiveAt.IsZero() || h.bus.Seats(evening.ID) != 0 || h.rooms.frame(evening.ID) != 0 {
		t.Errorf("the evening is %+v", f)
	}
	w.set(h.Node, start.Add(-15*time.Minute))
	until(t, "the evening's doors are open", func() bool { return h.state(evening.ID) == room.Doors })
	until(t, "the run-through is over", func() bool { return h.state(run.ID) == room.Ended })
	if f, _ := h.bus.Facts(evening.ID); f.Life.Run != "" {
		t.Errorf("the evening still has a run-through: %+v", f.Life)
	}
	until(t, "its recording is there for the team", func() bool {
		status, _ := h.ask(t, "GET", run.Listen+"/tape/index.json", "")
		return status == http.StatusOK
	})
	if status, body := h.ask(t, "DELETE", h.StageURL()+"/api/rooms/"+string(evening.ID)+"/runs/"+string(run.ID), h.hostToken(evening.ID)); status != http.StatusNoContent {
		t.Errorf("its recording is deleted with %d %s", status, body)
	}
	if status, _ := h.ask(t, "GET", run.Listen+"/tape/index.json", ""); status != http.StatusNotFound {
		t.Errorf("its recording is answered with %d", status)
	}
}

// What the public is told of a live room was counted, and a cache may keep it.
func TestStatus(t *testing.T) {
	t.Parallel()
	h := openHouse(t, usual(t))
	r := h.room()
	h.change(r.ID, func(f *room.Facts) error { return f.Take(room.MoveLive, room.By(room.Host), h.rooms.now()) })
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { // ends with ctx
		defer close(done)
		_, _ = listener.Listen(ctx, listener.Config{URL: r.ListenURL}, nil)
	}()
	until(t, "one seat is counted", func() bool { return h.bus.Seats(r.ID) == 1 })
	h.change(r.ID, func(f *room.Facts) error { return f.CloseDoors(1, "", false, room.By(room.Host)) })
	if status, _ := h.where(r.ListenURL + "/live.mp4"); status != http.StatusServiceUnavailable {
		t.Fatalf("behind closed doors: %d", status)
	}
	var s statusAnswer
	until(t, "the refusal is counted", func() bool {
		status, body := h.ask(t, "GET", r.ListenURL+"/status.json", "")
		s = statusAnswer{}
		return status == http.StatusOK && json.Unmarshal([]byte(body), &s) == nil && s.Refused == 1
	})
	if s.State != room.Live || s.Seated != 1 || s.DelayMS < 700 || s.SinceMS == 0 || s.NowMS < s.SinceMS || s.LateMS != nil {
		t.Errorf("it says %+v", s)
	}
	resp, err := http.Get(r.ListenURL + "/status.json")
	if err != nil || resp.Header.Get("Cache-Control") != "public, max-age=5" || resp.Header.Get("Set-Cookie") != "" {
		t.Errorf("%+v, %v", resp, err)
	}
	_ = resp.Body.Close()
	leave()
	<-done
}

// A drill's listeners go along, all of them, and so do those of its listeners who come when the room was moved already.
func TestACrowdIsMoved(t *testing.T) {
	t.Parallel()
	h := openHouse(t, usual(t))
	from, to := h.room(), h.room()
	p := plan.Default()
	p.Target, p.Sample = from.ListenURL, 1
	p.Phases = []plan.Phase{{Shape: plan.Ramp, Listeners: 20, Over: plan.Duration(time.Second)}, {Shape: plan.Hold, Over: plan.Duration(time.Hour)}}
	c, err := crowd.New(t.Context(), crowd.Config{Plan: p, Name: "a", Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	found := make(chan result.Result, 1)
	go func() { // ends with ctx
		r, _ := c.Run(ctx)
		found <- r
	}()
	until(t, "all are seated", func() bool { return h.bus.Seats(from.ID) == 20 })
	h.change(from.ID, func(f *room.Facts) error {
		return f.Relocate(room.Place{Room: to.ID}, room.By(room.Host), 0, 0, h.rooms.now())
	})
	until(t, "all are in the new room, and none in the old one", func() bool { return h.bus.Seats(to.ID) == 20 && h.bus.Seats(from.ID) == 0 })
	if r := hearMoved(t, from.ListenURL); r.Moves != 0 || !strings.HasSuffix(r.URL, string(to.ID)+"/live.mp4") {
		t.Errorf("a newcomer hears %+v", r)
	}
	stop()
	r := <-found
	if all := r.Total(); r.Crossed.Count() != 20 || all.Seated != 20 || all.Gaps != 0 || all.Wrong != 0 || all.Cuts != 0 || all.AllRefused != 0 {
		t.Errorf("%d were moved, %+v; %v", r.Crossed.Count(), all, r.Notes)
	}
}

func hearMoved(t *testing.T, url string) listener.Report {
	t.Helper()
	ctx, leave := context.WithTimeout(t.Context(), patience)
	defer leave()
	r, err := listener.Listen(ctx, listener.Config{URL: url}, func(e listener.Event) {
		if e.Report.Frames >= 25 {
			leave()
		}
	})
	if err != nil || !r.Faultless() {
		t.Fatalf("heard %+v, %v", r, err)
	}
	return r
}

// Should the process die when the doors open, before that has ended the run-through, the next one ends it.
func TestAStrayRunThroughIsEnded(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	h := openHouse(t, cfg)
	evening := h.announce(time.Now().Add(24*time.Hour), true)
	status, body := h.ask(t, "POST", h.StageURL()+"/api/rooms/"+string(evening.ID)+"/runs", h.hostToken(evening.ID))
	var run struct{ ID room.ID }
	if err := json.Unmarshal([]byte(body), &run); err != nil || status != http.StatusCreated {
		t.Fatalf("a run-through: %d %s", status, body)
	}
	f, _ := h.bus.Facts(evening.ID)
	f.Life.Run, f.Life.Revision = "", f.Life.Revision+1
	if err := h.store.SetLife(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if err := h.bus.PutFacts(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	shut(t, h.Node)
	n := open(t, cfg)
	until(t, "the run-through is over", func() bool { return n.state(run.ID) == room.Ended })
	if s := n.state(evening.ID); s != room.Announced {
		t.Errorf("the evening is %s", s)
	}
}
