package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
)

// picture keeps a screenshot in e2e/output, to be looked at.
func picture(p *browsertest.Tab, name string) {
	p.Helper()
	png, err := chromedp.Run(p.Ctx, chromedp.FullScreenshot(90))
	if err == nil {
		err = os.MkdirAll("output", 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join("output", name+".jpg"), png, 0o644)
	}
	if err != nil {
		p.Fatal(err)
	}
}

// A first evening by hand: the one-time link, a room, the desk, a guest, mute, remove, end; and the listener sees it all.
func TestFirstEvening(t *testing.T) {
	t.Parallel()
	s := serve(t)
	host := openTapped(t, ada.New(t), s.claim)
	host.Press("claim")
	host.Until(browsertest.At("room-title"), browsertest.Body)
	picture(host, "home")
	host.Press("room-plan")
	picture(host, "home-plan")
	host.Press("room-plan")
	host.Write("room-title", "Harbour talk")
	host.Press("room-create")
	host.Until(`location.pathname.startsWith("/desk/harbour-talk-")`, "location.href")
	host.Press("mic-on")
	host.Until(browsertest.At("level"), browsertest.Body)
	picture(host, "lobby")
	host.Write("name", "Ada")
	host.Press("go-on")
	host.Until(onAir, `document.querySelector(".air").innerText`)
	host.Until(`document.title.includes("ON AIR")`, "document.title")

	listener := sitDown(t, browsertest.Eval[string](host, browsertest.At("listen-link")+".value"))
	listener.Until(`document.getElementById("title").textContent === "Harbour talk"`, browsertest.Body)
	listener.Until(`document.querySelectorAll("#people li").length === 1`, browsertest.Body)

	host.Write("invite-name", "Grace")
	host.Press("invite")
	host.Until(browsertest.At("invite-link"), browsertest.Body)
	invitation := raw(browsertest.Eval[string](host, browsertest.At("invite-link")+".value"))
	guest := openTapped(t, grace.New(t), invitation)
	guest.Press("mic-on")
	agree(guest)
	guest.Press("go-on")
	guest.Until(onAir, `document.querySelector(".air").innerText`)
	listener.Until(`document.getElementById("people").innerText.includes("Grace")`, browsertest.Body)
	picture(host, "on-air")
	picture(listener, "listener")

	host.Press("mute")
	host.Until(`document.querySelector('.air[data-reason="muted"]')`, `document.querySelector(".air").innerText`)
	host.Press("mute")
	host.Until(onAir, `document.querySelector(".air").innerText`)

	person := browsertest.Eval[string](host, `[...document.querySelectorAll("[data-testid^=person-]")].find(e => e.innerText.includes("Grace")).dataset.testid.slice(7)`)
	host.Press("mute-" + person)
	guest.Until(`document.querySelector('.air[data-reason="muted-by-other"]')`, `document.querySelector(".air").innerText`)
	guest.Press("mute") // only she may undo it
	guest.Until(onAir, `document.querySelector(".air").innerText`)

	host.Press("remove-" + person)
	host.Press("remove-" + person + "-yes")
	guest.Until(`document.querySelector('.air[data-reason="removed"]')`, `document.querySelector(".air").innerText`)
	listener.Until(`!document.getElementById("people").innerText.includes("Grace")`, browsertest.Body)
	guest.Do(chromedp.Navigate("about:blank"), chromedp.Navigate(invitation)) // the link is void
	guest.Until(`document.body.innerText.includes("removed")`, browsertest.Body)
	picture(guest, "removed")

	host.Press("leave")
	host.Until(`document.querySelector('.air[data-word="mic-off"]')`, `document.querySelector(".air").innerText`)
	picture(host, "left")
	host.Press("end")
	host.Press("end-yes")
	listener.Until(`epidaurus.state === "ended"`, "JSON.stringify(epidaurus)")
	picture(listener, "ended")
}
