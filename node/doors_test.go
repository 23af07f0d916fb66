package node

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/api"
	"github.com/epidaurus-live/epidaurus/drill/listener"
	"github.com/epidaurus-live/epidaurus/room"
)

// Doors that close at a number keep newcomers out, with a word, and nobody who was in; the tape of such an evening is heard when it is posted.
func TestDoorsCloseAtANumber(t *testing.T) {
	t.Parallel()
	h := openHouse(t, usual(t))
	r := h.room()
	host := room.By(room.Host)
	change := func(change func(f *room.Facts) error) {
		t.Helper()
		_, err := h.rooms.ChangeLife(t.Context(), r.ID, change)
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() { // ends with ctx
		_, err := listener.Listen(ctx, listener.Config{URL: r.ListenURL}, func(listener.Event) {})
		left <- err
	}()
	until(t, "one seat is counted", func() bool { return h.bus.Seats(r.ID) == 1 })
	change(func(f *room.Facts) error { return f.Take(room.MoveLive, host, h.rooms.now()) })
	change(func(f *room.Facts) error { return f.CloseDoors(1, "Come back for the replay.", true, host) })

	status, body := h.ask(t, "GET", r.ListenURL+"/live.mp4", "")
	if status != http.StatusServiceUnavailable || !strings.Contains(body, `"code":"full"`) || !strings.Contains(body, "Come back for the replay.") {
		t.Errorf("a newcomer gets %d %s", status, body)
	}
	if l := h.lightsOf(r.ID)["sound"]; l.State != api.Green {
		t.Errorf("behind closed doors the light of the sound is %+v", l)
	}
	resp, err := http.Get(r.ListenURL + "/live.mp4?from=" + strconv.FormatInt(max(0, int64(h.rooms.frame(r.ID))-10), 10))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("who comes back to his seat gets %+v, %v", resp, err)
	}
	_ = resp.Body.Close()
	status, body = h.ask(t, "GET", r.ListenURL+"/event.json", "")
	if status != http.StatusOK || !strings.Contains(body, `"closed":true,"notice":"Come back for the replay."`) {
		t.Errorf("the page is told %d %s", status, body)
	}
	leave()
	<-left
	change(func(f *room.Facts) error { return f.CloseDoors(0, "", true, host) })
	hear(t, h.Node, r.ID, 25)

	until(t, "something is on tape", func() bool {
		status, _ := h.ask(t, "GET", r.ListenURL+"/tape/index.json", "")
		return status == http.StatusOK
	})
	err = h.host.End(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the tape is closed", func() bool { return h.tapeState(r.ID) == "" })
	if status, body := h.ask(t, "GET", r.ListenURL+"/tape/index.json", ""); status != http.StatusNotFound || h.hasReplay(r.ID) {
		t.Errorf("before it is posted the tape answers %d %s", status, body)
	}
	change(func(f *room.Facts) error { return f.Take(room.MoveReplay, host, h.rooms.now()) })
	if status, body := h.ask(t, "GET", r.ListenURL+"/tape/index.json", ""); status != http.StatusOK || !h.hasReplay(r.ID) {
		t.Errorf("after it was posted the tape answers %d %s", status, body)
	}
}
