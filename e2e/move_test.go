package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/api/client"
	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/room"
)

// withoutFollowing asks for an address and returns where it leads.
func withoutFollowing(t *testing.T, url string) (status int, location string) {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(mustRequest(t, url))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("Location")
}

func mustRequest(t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// A room is moved while two people talk in it: the host orders it at the desk, thinks better of it, and orders it again. Then both are on stage in
// the new room with their microphones, and the listener hears them there, without a click of anybody.
func TestTheRoomIsMoved(t *testing.T) {
	t.Parallel()
	s := serve(t).open("Before", true)
	after, err := s.client.CreateRoom(t.Context(), "After", "en", true)
	if err != nil {
		t.Fatal(err)
	}
	host := goOnStage(t, ada, s.hostDesk())
	guest := goOnStage(t, grace, s.invite("Grace").DeskURL)
	listener := sitDown(t, s.room.ListenURL)
	hearsCleanly(listener, captured, 1, 1, holds(440))

	host.Press("move")
	host.Write("move-address", after.ListenURL)
	host.Press("move-go")
	host.Until(browsertest.At("moving"), browsertest.Body)
	guest.Until(browsertest.At("moving"), browsertest.Body) // the team sees it coming
	picture(host, "desk-moving")
	host.Press("remain")
	host.Until(`!`+browsertest.At("moving")+` && `+browsertest.At("move"), browsertest.Body)

	by, err := s.client.Invite(t.Context(), s.room.ID, "Hedy", room.Captioner)
	if err != nil {
		t.Fatal(err)
	}
	captioner := browsertest.Open(t, grace.New(t), by.DeskURL)
	captioner.Until(`document.body.dataset.ready`, browsertest.Body)
	captioner.Click("#hear")
	captioner.Until(`captioner.frame > 0`, browsertest.Body)
	s.caption(t, by, `{"text":"Said before.","id":"1"}`, http.StatusCreated)
	listener.Until(`document.getElementById("cc")`, browsertest.Body)
	listener.Click("#cc")
	listener.Until(shownLines+` === "Said before."`, browsertest.Body)

	order := fmt.Sprintf(`{"to":%q}`, after.ID)
	if answer := s.do("PUT", "/api/rooms/"+string(s.room.ID)+"/move", s.hostToken(), "application/json", order); answer.StatusCode != http.StatusOK {
		t.Fatalf("to move the room answers %d", answer.StatusCode)
	}
	const why = `JSON.stringify([location.pathname, {...epidaurus}, document.body.innerText])`
	listener.Until(fmt.Sprintf(`location.pathname === "/r/%s" && epidaurus.state === "listening" && document.getElementById("title").textContent === "After" && !document.getElementById("audio").paused`, after.ID), why)
	// What was said in the old room is not shown in the new one, and who writes captions is told that nobody takes theirs along.
	listener.Until(shownLines+` === ""`, browsertest.Body)
	captioner.Until(`document.getElementById("state").textContent.startsWith("The conversation goes on in another room")`, browsertest.Body)
	for _, p := range []*browsertest.Tab{host, guest} {
		p.Until(fmt.Sprintf(`location.pathname === "/desk/%s" && `, after.ID)+onAir, browsertest.Body)
		p.Until(`document.querySelectorAll("[data-testid^=person-]").length === 2`, browsertest.Body)
	}
	hearsCleanly(listener, captured, 1, 1, func(hertz []float64) (bool, string) {
		low, high := peak(hertz, 440), peak(hertz, 660)
		return min(low, high) > -40, fmt.Sprintf("440 Hz at %.1f dB, 660 Hz at %.1f dB", low, high)
	})
	picture(listener, "moved")
	if status, to := withoutFollowing(t, s.room.ListenURL+"/live.ogg"); status != http.StatusTemporaryRedirect || to != "/r/"+string(after.ID)+"/live.ogg" {
		t.Errorf("a radio is sent to %q with %d", to, status)
	}
	if status, to := withoutFollowing(t, s.room.ListenURL); status != http.StatusTemporaryRedirect || to != "/r/"+string(after.ID) {
		t.Errorf("a newcomer is sent to %q with %d", to, status)
	}
}

// Before the doors the team goes through all of it: stage, sound, a private link, a recording. The public sees the countdown and hears nothing, and
// when it is over the room is as it was.
func TestARunThroughBeforeTheDoors(t *testing.T) {
	t.Parallel()
	s := &show{server: serve(t)}
	s.client = s.host()
	var err error
	s.room, err = s.client.AnnounceRoom(t.Context(), client.Announcement{Title: "Harbour talk", Start: time.Now().Add(time.Hour), Zone: "Europe/Paris", LeadS: 900, ByClock: true})
	if err != nil {
		t.Fatal(err)
	}
	const why = `JSON.stringify([location.href, globalThis.epidaurus && {...epidaurus}, document.body.innerText])`
	public := openTapped(t, listeners.New(t), s.room.ListenURL)
	public.Until(`window.before && before.left > 50 * 60e3`, why)

	desk := openTapped(t, ada.New(t), raw(s.hostDesk()))
	desk.Press("run-start")
	desk.Until(browsertest.At("run-only")+` && location.pathname !== "/desk/`+string(s.room.ID)+`"`, why)
	picture(desk, "desk-run")
	desk.Press("mic-on")
	desk.Write("name", "Ada")
	desk.Press("go-on")
	desk.Press("go-live")
	desk.Until(onAir, browsertest.Body)
	link := browsertest.Eval[string](desk, browsertest.At("run-link")+".value")
	if !strings.Contains(link, "~") || strings.Contains(link, string(s.room.ID)) {
		t.Errorf("the private link is %s", link)
	}
	listener := sitDown(t, link)
	hearsCleanly(listener, captured, 1, 1, holds(440))

	public.Until(`before.left > 50 * 60e3 && epidaurus.state === "ready"`, why)
	bare, _, _ := strings.Cut(link, "~")
	for _, address := range []string{bare, bare + "/live.mp4", bare + "/live.ogg", bare + "/hls/master.m3u8", bare + "/tape/index.json"} {
		if status, _ := withoutFollowing(t, address); status != http.StatusNotFound {
			t.Errorf("without the token %s answers %d", address, status)
		}
	}
	if status, _ := withoutFollowing(t, s.room.ListenURL+"/live.mp4"); status != http.StatusTooEarly {
		t.Errorf("the evening's sound is answered with %d", status)
	}
	desk.Press("run-end")
	desk.Press("run-end-yes")
	desk.Until(`location.pathname === "/desk/`+string(s.room.ID)+`" && `+browsertest.At("run-start"), why)
	answer := s.do("GET", "/api/rooms/"+string(s.room.ID)+"/life", s.hostToken(), "", "")
	var life map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&life); err != nil || life["state"] != "announced" || life["live_at"] != nil || life["first_word_ms"] != nil {
		t.Errorf("the evening is %v, %v", life, err)
	}
	desk.Click(`[data-testid^="run-delete-"]`)
	desk.Click(`[data-testid^="run-delete-"][data-testid$="-yes"]`)
	desk.Until(`!document.querySelector('[data-testid^="run-delete-"]')`, browsertest.Body)
	if status, _ := withoutFollowing(t, link+"/tape/index.json"); status != http.StatusNotFound {
		t.Errorf("the deleted recording is answered with %d", status)
	}
}
