package e2e

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/api/client"
	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/room"
)

// A room by invitation, as strangers meet it: players with a token hear it and players without read why not; a page asks for the invitation, takes
// the link that the host made at the desk, and plays; withdrawn, it opens nothing any more.
func TestInvitedListeners(t *testing.T) {
	t.Parallel()
	s := serve(t).open("Harbour talk", true)
	err := s.client.SetVisibility(t.Context(), s.room.ID, room.ByInvitation)
	if err != nil {
		t.Fatal(err)
	}
	speak(t, s.invite("Ada"), writeWAV(t, tone(440)))
	radio, err := s.client.InviteListener(t.Context(), s.room.ID, "A radio")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("Players", func(t *testing.T) {
		out, err := command(t, "curl", "-sS", "-i", s.room.ListenURL+"/live.ogg")
		_, body, _ := strings.Cut(out, "\r\n\r\n")
		var p struct{ Code, Detail string }
		if err != nil || !strings.Contains(out, "401 Unauthorized") || !strings.Contains(out, "application/problem+json") ||
			json.Unmarshal([]byte(body), &p) != nil || p.Code != "invitation_needed" {
			t.Errorf("curl without an invitation: %v\n%s", err, out)
		}
		for name, url := range map[string]string{"endless": radio.PlayerURL, "hls": s.room.ListenURL + "/hls/master.m3u8?seat=" + radio.Token} {
			file := filepath.Join(t.TempDir(), name+".wav")
			ffmpeg := func(url string) (string, error) {
				return command(t, "ffmpeg", "-hide_banner", "-loglevel", "warning", "-y", "-i", url, "-map", "0:a:0", "-t", "5", file)
			}
			if out, err := ffmpeg(strings.Split(url, "?")[0]); err == nil {
				t.Errorf("%s without an invitation: ffmpeg plays\n%s", name, out)
			}
			out, err := ffmpeg(url)
			if err != nil {
				t.Fatalf("%s: ffmpeg: %v\n%s", name, err, out)
			}
			sounds(t, file)
		}
	})
	t.Run("Page", func(t *testing.T) { s.invitesAtTheDesk(t) })
}

func (s *show) invitesAtTheDesk(t *testing.T) {
	desk := browsertest.Open(t, listeners.New(t), s.hostDesk())
	desk.Write("seat-name", "Lena")
	desk.Press("seat-make")
	desk.Until(browsertest.At("seat-link")+`.value.includes("#seat=s1.")`, browsertest.Body)
	shoot(t, desk, "desk-access")
	link := browsertest.Eval[string](desk, browsertest.At("seat-link")+".value")

	browser := listeners.New(t)
	p := browsertest.Open(t, browser, s.room.ListenURL)
	const why = `JSON.stringify([location.href, {...epidaurus}, document.body.innerText])`
	p.Until(`document.querySelector("#gate form").offsetParent && document.querySelector("#gate .name").textContent === "Harbour talk" && !document.getElementById("listen").offsetParent`, why)
	shoot(t, p, "gate")
	p.Do(chromedp.EmulateViewport(1280, 740))
	browsertest.Eval[bool](p, `(document.querySelector("#gate input").value = "nonsense", document.querySelector("#gate form").requestSubmit(), true)`)
	p.Until(`document.querySelector("#gate [role=alert]").textContent`, why)
	browsertest.Eval[bool](p, `(document.querySelector("#gate input").value = `+quoted(link)+`, document.querySelector("#gate form").requestSubmit(), true)`)
	p.Until(`document.getElementById("listen").offsetParent && document.getElementById("gate").innerText.includes("Lena")`, why)
	p.Click("#listen")
	p.Until(`epidaurus.state === "listening" && epidaurus.frame > 0 && audio.currentTime > 0`, why)
	if at := browsertest.Eval[string](p, "location.pathname + location.hash.slice(0, 9)"); at != "/r/"+string(s.room.ID)+"#seat=s1." {
		t.Errorf("the address is %s", at)
	}
	picture(p, "gate-listening")
	seat := browsertest.Eval[string](p, `JSON.parse(atob(location.hash.split(".")[1].replace(/-/g, "+").replace(/_/g, "/"))).i`)
	desk.Press("seats-list")
	desk.Press("seat-withdraw-" + seat)
	desk.Press("seat-withdraw-" + seat + "-yes")
	desk.Until("!"+browsertest.At("seat-withdraw-"+seat), browsertest.Body)
	// The link in a browser that never was here: it is void. Who is in stays.
	q := browsertest.Open(t, listeners.New(t), link)
	q.Until(`document.getElementById("gate").innerText.includes("withdrawn") && document.querySelector("#gate form").offsetParent`, browsertest.Body)
	if state := browsertest.Eval[string](p, "epidaurus.state"); state != "listening" {
		t.Errorf("whose invitation was withdrawn is %s", state)
	}
	if log := s.log(); strings.Contains(log, "s1.") {
		t.Error("a token is in the log")
	}
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// What is announced can be changed at the desk, and the page, the calendar and the foyer show it; of two who save at once the second is told.
func TestAnnouncementIsChanged(t *testing.T) {
	t.Parallel()
	s := &show{server: serve(t)}
	s.client = s.host()
	var err error
	s.room, err = s.client.AnnounceRoom(t.Context(), client.Announcement{
		Title: "Harbour talk", Start: time.Now().Add(time.Hour), Zone: "Europe/Paris", LeadS: 600, ByClock: true, Description: "With music.",
	})
	if err == nil {
		err = s.client.SetVisibility(t.Context(), s.room.ID, room.Public)
	}
	if err != nil {
		t.Fatal(err)
	}
	browser := listeners.New(t)
	desk := browsertest.Open(t, browser, s.hostDesk())
	desk.Press("edit-announcement")
	desk.Write("edit-title", "Harbour talk: what the sea remembers")
	desk.Write("room-hosts", "Ada Lovelace – on machines that think")
	desk.Write("room-guests", "Grace Hopper – who found the moth")
	desk.Press("edit-save")
	desk.Until(`document.body.innerText.includes("Saved:")`, browsertest.Body)
	shoot(t, desk, "desk-announcement")

	p := browsertest.Open(t, browser, s.room.ListenURL)
	p.Until(`document.getElementById("billed")?.innerText.includes("who found the moth")`, browsertest.Body)
	shoot(t, p, "announced-people")
	if ics := fetch(t, s.room.ListenURL+"/event.ics"); !strings.Contains(strings.ReplaceAll(ics, "\r\n ", ""), `Grace Hopper\, who found the moth`) {
		t.Errorf("the calendar file says nothing of the guest:\n%s", ics)
	}
	foyer := browsertest.Open(t, browser, s.listeners+"/")
	foyer.Until(`document.querySelector("#soon h3").textContent.includes("the sea remembers") && document.querySelector("#soon img").naturalWidth === 1200`, browsertest.Body)
	shoot(t, foyer, "foyer")

	// Somebody else changes it behind the open form.
	if answer := s.do("PATCH", "/api/rooms/"+string(s.room.ID)+"/plan", s.hostToken(), "application/json", `{"description":"Without music."}`); answer.StatusCode != http.StatusOK {
		t.Fatalf("the other change answers %d", answer.StatusCode)
	}
	desk.Write("edit-description", "With dancing.")
	desk.Press("edit-save")
	desk.Until(browsertest.At("trouble"), browsertest.Body)
	if text := fetch(t, s.room.ListenURL+"/event.json"); !strings.Contains(text, "Without music.") {
		t.Errorf("an update was lost: %s", text)
	}
}
