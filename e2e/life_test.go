package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/api/client"
	"github.com/epidaurus-live/epidaurus/internal/browsertest"
)

// An evening from its page on: a countdown that a wrong clock does not mislead, a tap that arms the sound, the hold sound by itself once the
// doors are open, and the beginning at its time, without another tap.
func TestAnnouncedEvening(t *testing.T) {
	t.Parallel()
	s := &show{server: serve(t)}
	s.client = s.host()
	var err error
	s.room, err = s.client.AnnounceRoom(t.Context(), client.Announcement{
		Title: "Harbour talk", Start: time.Now().Add(time.Hour), Zone: "Europe/Paris", LeadS: 1800, ByClock: true,
		Description: "Ada Lovelace and Grace Hopper on the machines that remember.\nWith music.",
	})
	if err != nil {
		t.Fatal(err)
	}
	const wrong = `{ const now = Date.now; Date.now = () => now() - 3 * 3600e3; }`
	browser := browsertest.New(t)
	p := browsertest.Open(t, browser, "about:blank", wrong)
	p.Do(chromedp.EmulateViewport(360, 740))
	p.Do(chromedp.Navigate(s.room.ListenURL))
	const why = `JSON.stringify([{...before}, {...epidaurus}, document.body.innerText])`
	p.Until(`window.before && before.left > 58 * 60e3 && before.left < 61 * 60e3 && /^\d\d:\d\d$|^1:0\d:\d\d$/.test(document.querySelector("#before .count").textContent)`, why)
	shoot(t, p, "announced")
	p.Click("#listen")
	p.Until(`before.armed > 0 && epidaurus.state === "ready" && document.body.innerText.includes("Your sound is armed")`, why)
	shoot(t, p, "armed")

	desk := browsertest.Open(t, browser, s.hostDesk())
	desk.Until(browsertest.At("late")+" && "+browsertest.At("open-doors"), browsertest.Body)
	shoot(t, desk, "desk-announced")
	desk.Press("late")
	desk.Until(`/Begins in 1:0\d:\d\d/.test(`+browsertest.At("life-state")+`.textContent)`, browsertest.Body)
	look := func() { // as a phone does when it wakes up
		browsertest.Eval[bool](p, `document.dispatchEvent(new Event("visibilitychange"))`)
	}
	look()
	p.Until(`before.left > 65 * 60e3 && before.armed > 0`, why)

	plan := fmt.Sprintf(`{"start":%q,"zone":"Europe/Paris"}`, time.Now().Add(8*time.Second).UTC().Format(time.RFC3339))
	if answer := s.do("PATCH", "/api/rooms/"+string(s.room.ID)+"/plan", s.hostToken(), "application/json", plan); answer.StatusCode != http.StatusOK {
		t.Fatalf("to move the start answers %d", answer.StatusCode)
	}
	browsertest.Eval[bool](p, `(new MutationObserver(() => {
		if (document.getElementById("chip").dataset.state === "live") window.zero ??= before.left;
	}).observe(document.getElementById("chip"), {attributes: true}), true)`)
	look()
	p.Until(`document.getElementById("chip").dataset.state === "doors" && epidaurus.frame > 0`, why)
	p.Until(`window.zero !== undefined && document.getElementById("before").hidden`, why)
	// The clock of this machine is three hours wrong, the start was moved by an hour, and the ear is some seconds behind.
	if zero := browsertest.Eval[float64](p, "zero"); zero < -5000 || zero > 5000 {
		t.Errorf("when this ear heard the beginning the countdown was at %.0f ms", zero)
	}
	picture(p, "begun")

	desk.Until(browsertest.At("life-state")+`.textContent.includes("Live since")`, browsertest.Body)
	// A minute, where the desk asks for ten seconds: this machine may be slow.
	if answer := s.do("POST", "/api/rooms/"+string(s.room.ID)+"/end", s.hostToken(), "application/json", `{"in_ms":60000}`); answer.StatusCode != http.StatusOK {
		t.Fatalf("to ask for the end answers %d", answer.StatusCode)
	}
	desk.Until(browsertest.At("stay"), browsertest.Body)
	picture(desk, "desk-ending")
	desk.Press("stay")
	desk.Until("!"+browsertest.At("ending"), browsertest.Body)
	if s := browsertest.Eval[string](p, "epidaurus.state"); s != "listening" {
		t.Errorf("the end was taken back, and the listener is %s", s)
	}
}

// shoot keeps the page as it is in both schemes, on a phone and on a desk.
func shoot(t *testing.T, p *browsertest.Tab, name string) {
	t.Helper()
	for _, width := range []int64{360, 1280} {
		for _, scheme := range []string{"dark", "light"} {
			p.Do(chromedp.EmulateViewport(width, 740))
			_, err := chromedp.Call(p.Ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			})
			if err != nil {
				t.Fatal(err)
			}
			picture(p, fmt.Sprintf("%s-%d-%s", name, width, scheme))
			if w := browsertest.Eval[int64](p, "document.documentElement.scrollWidth"); w > width {
				t.Errorf("%s: the page is %d px wide on a screen of %d", name, w, width)
			}
		}
	}
}
