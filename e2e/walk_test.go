package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
)

func testID(id string) string { return `[data-testid="` + id + `"]` }

// press clicks what has this test id, once it can be pressed.
func press(p *browsertest.Tab, id string) {
	p.Helper()
	p.Until(`document.querySelector('`+testID(id)+`:not(:disabled)')`, "document.body.innerText")
	p.Click(testID(id))
}

// write replaces what stands in a field.
func write(p *browsertest.Tab, id, text string) {
	p.Helper()
	p.Until(`document.querySelector('`+testID(id)+`')`, "document.body.innerText")
	browsertest.Eval[bool](p, `(document.querySelector('`+testID(id)+`').select(), true)`)
	p.Do(chromedp.SendKeys(chromedp.CSS(testID(id)), text))
}

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
	s := serve(t)
	host := openTapped(t, browsertest.New(t, browsertest.Microphone(tone(t, 440, 0.1))...), s.claim)
	press(host, "claim")
	host.Until(`document.querySelector('`+testID("room-title")+`')`, "document.body.innerText")
	picture(host, "home")
	write(host, "room-title", "Harbour talk")
	press(host, "room-create")
	host.Until(`location.pathname.startsWith("/desk/harbour-talk-")`, "location.href")
	press(host, "mic-on")
	host.Until(`document.querySelector('`+testID("level")+`')`, "document.body.innerText")
	picture(host, "lobby")
	write(host, "name", "Ada")
	press(host, "go-on")
	host.Until(onAir, `document.querySelector(".air").innerText`)
	host.Until(`document.title.includes("ON AIR")`, "document.title")

	listener := sitDown(t, browsertest.Eval[string](host, `document.querySelector('`+testID("listen-link")+`').value`))
	listener.Until(`document.getElementById("title").textContent === "Harbour talk"`, "document.body.innerText")
	listener.Until(`document.querySelectorAll("#people li").length === 1`, "document.body.innerText")

	write(host, "invite-name", "Grace")
	press(host, "invite")
	host.Until(`document.querySelector('`+testID("invite-link")+`')`, "document.body.innerText")
	invitation := raw(browsertest.Eval[string](host, `document.querySelector('`+testID("invite-link")+`').value`))
	guest := openTapped(t, browsertest.New(t, browsertest.Microphone(tone(t, 660, 0.1))...), invitation)
	press(guest, "mic-on")
	press(guest, "go-on")
	guest.Until(onAir, `document.querySelector(".air").innerText`)
	listener.Until(`document.getElementById("people").innerText.includes("Grace")`, "document.body.innerText")
	picture(host, "on-air")
	picture(listener, "listener")

	press(host, "mute")
	host.Until(`document.querySelector('.air[data-word="nobody"]')`, `document.querySelector(".air").innerText`)
	press(host, "mute")
	host.Until(onAir, `document.querySelector(".air").innerText`)

	person := browsertest.Eval[string](host, `[...document.querySelectorAll("[data-testid^=person-]")].find(e => e.innerText.includes("Grace")).dataset.testid.slice(7)`)
	press(host, "mute-"+person)
	guest.Until(`document.querySelector('.air[data-word="nobody"]')`, `document.querySelector(".air").innerText`)
	press(guest, "mute") // only she may undo it
	guest.Until(onAir, `document.querySelector(".air").innerText`)

	press(host, "remove-"+person)
	press(host, "remove-"+person+"-yes")
	guest.Until(`document.querySelector('.air[data-reason="removed"]')`, `document.querySelector(".air").innerText`)
	listener.Until(`!document.getElementById("people").innerText.includes("Grace")`, "document.body.innerText")
	guest.Do(chromedp.Navigate("about:blank"), chromedp.Navigate(invitation)) // the link is void
	guest.Until(`document.body.innerText.includes("removed")`, "document.body.innerText")
	picture(guest, "removed")

	press(host, "leave")
	host.Until(`document.querySelector('.air[data-word="mic-off"]')`, `document.querySelector(".air").innerText`)
	picture(host, "left")
	press(host, "end")
	press(host, "end-yes")
	listener.Until(`epidaurus.state === "ended"`, "JSON.stringify(epidaurus)")
	picture(listener, "ended")
}
