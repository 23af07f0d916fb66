package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/epidaurus-live/epidaurus/room"
)

// deskTab is a page of the stage's port.
type deskTab struct{ *tab }

// at is the JavaScript for the element of that name.
func at(id string) string { return fmt.Sprintf(`document.querySelector('[data-testid="%s"]')`, id) }

// sounds is the JavaScript for a meter that shows sound.
func sounds(id string) string {
	return at(id) + ".ariaValueNow !== null && Number(" + at(id) + ".ariaValueNow) > -30"
}

func openDesk(t *testing.T, browser context.Context, address string) deskTab {
	t.Helper()
	return deskTab{open(t, browser, address)}
}

// until waits for a JavaScript condition, also across a change of page.
func (p deskTab) until(condition string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	for {
		// An error is a page that is just being left, or an element that is not there yet.
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+condition+")"))
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			p.Fatalf("waiting for %s: %v\n%s", condition, err, eval[string](p.tab, "document.body?.innerText ?? location.href"))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// press clicks the element of that name once it is there, may be pressed, and stands still.
func (p deskTab) press(id string) {
	p.Helper()
	p.until(at(id) + " && !" + at(id) + ".disabled")
	place := "JSON.stringify(" + at(id) + ".getBoundingClientRect())"
	for before := ""; ; {
		now := eval[string](p.tab, place)
		if now == before {
			break
		}
		before = now
		time.Sleep(30 * time.Millisecond) // a layout that is under way ends within a frame or two
	}
	p.do(chromedp.Click(chromedp.CSS(`[data-testid="` + id + `"]`)))
}

// write replaces what stands in a field.
func (p deskTab) write(id, text string) {
	p.Helper()
	p.until(at(id))
	p.do(chromedp.Evaluate[chromedp.Void](at(id)+".select()"), chromedp.SendKeys(chromedp.CSS(`[data-testid="`+id+`"]`), text))
}

// says waits until the huge word is this one, and for this reason.
func (p deskTab) says(word, reason string) {
	p.Helper()
	p.until(fmt.Sprintf(`document.querySelector(".air").dataset.word === %q && document.querySelector(".air").dataset.reason === %q`, word, reason))
}

// goOn walks through the lobby until everybody hears.
func (p deskTab) goOn() {
	p.Helper()
	p.press("mic-on")
	p.press("go-on")
	p.says("on-air", "live")
}

func TestDeskClaimAndRooms(t *testing.T) {
	d := newDeskServer(t)
	b := deskBrowser(t)
	home := "http://" + d.address + "/desk/"

	p := openDesk(t, b, home)
	p.until(at("not-host"))

	p = openDesk(t, b, home+"#claim="+hostSecret)
	p.until(`location.hash === ""`)
	p.press("claim")
	p.until(`document.querySelectorAll('[data-testid="open-desk"]').length === 1`)

	p.write("room-title", "Second evening")
	p.press("room-create")
	p.until(`location.pathname === "/desk/second-evening-x1y2z3"`)
	// The host's cookie gets the token; no link was needed.
	p.says("nobody", "not-on-stage")
	p.until(at("name") + `.value === "Ada"`)

	p = openDesk(t, b, home)
	p.until(`document.querySelectorAll('[data-testid="open-desk"]').length === 2`)
}

func TestDeskClaimRefused(t *testing.T) {
	d := newDeskServer(t)
	p := openDesk(t, deskBrowser(t), "http://"+d.address+"/desk/#claim=wrong")
	p.press("claim")
	p.until(at("trouble") + `.textContent === "This link is unknown here."`)
}

func TestDeskNeedsToken(t *testing.T) {
	d := newDeskServer(t)
	b := deskBrowser(t)
	p := openDesk(t, b, "http://"+d.address+"/desk/"+testRoom)
	p.until(`document.body.innerText.includes("lacks the part behind the #")`)

	p = openDesk(t, b, "http://"+d.address+"/desk/"+testRoom+"#e1.forged.token")
	p.says("mic-off", "refused")
	p.until(`document.body.innerText.includes("not made by this server") || document.body.innerText.includes("damaged")`)
}

// The word is true from before the first step to after the last, in the page, the tab's title and its icon.
func TestDeskWord(t *testing.T) {
	d := newDeskServer(t)
	p := openDesk(t, deskBrowser(t), d.link("grace", "Grace", room.Speaker, "?raw=1"))
	p.says("nobody", "not-on-stage")
	if hash := eval[string](p.tab, "location.hash"); hash != "" {
		t.Errorf("the token stays in the address bar: %s", hash)
	}

	p.press("mic-on")
	p.until(sounds("level")) // the level is live before anybody hears
	if on := d.onStage(); len(on) != 0 {
		t.Errorf("on stage before the button: %v", on)
	}
	p.write("name", "Grace Hopper")
	p.press("go-on")
	p.says("on-air", "live")
	p.until(`document.title.startsWith("ON AIR") && document.querySelector("link[rel=icon]").href.includes("c8102e")`)
	if name := d.onStage()["grace"].Name; name != "Grace Hopper" {
		t.Errorf("the stage calls her %q", name)
	}

	p.press("mute")
	p.says("nobody", "muted")
	p.until(`document.querySelector(".air").dataset.warn === "true"`) // the tone goes on
	p.until(`document.title.startsWith("NOBODY HEARS YOU") && !document.querySelector("link[rel=icon]").href.includes("c8102e")`)
	p.do(chromedp.KeyEvent("m"))
	p.says("on-air", "live")
	p.do(chromedp.Evaluate[chromedp.Void]("document.activeElement.blur()"), chromedp.KeyEvent(" "))
	p.says("nobody", "muted")
	p.do(chromedp.KeyEvent(" "))
	p.says("on-air", "live")

	p.press("leave")
	p.says("mic-off", "left")
	p.until(`document.title.startsWith("YOUR MICROPHONE IS OFF")`)
	waitFor(t, "an empty stage", func() bool { return len(d.onStage()) == 0 })
	p.press("mic-on")
	p.press("go-on")
	p.says("on-air", "live")
}

// A reload keeps the token and takes nobody on stage by itself; a mute outlives it.
func TestDeskReload(t *testing.T) {
	d := newDeskServer(t)
	p := openDesk(t, deskBrowser(t), d.link("grace", "Grace", room.Speaker, ""))
	p.goOn()
	p.press("mute")
	waitFor(t, "the mute", func() bool { return d.onStage()["grace"].Muted })
	p.do(chromedp.Reload())
	p.says("nobody", "not-on-stage")
	p.press("mic-on")
	p.press("go-on")
	p.says("nobody", "muted")
	p.press("mute")
	p.says("on-air", "live")
}

func TestDeskHostActs(t *testing.T) {
	d := newDeskServer(t)
	b := deskBrowser(t)
	host := openDesk(t, b, d.link("ada", "Ada", room.Host, ""))
	host.goOn()
	host.write("invite-name", "Grace")
	host.press("invite")
	host.until(at("invite-link"))
	link := eval[string](host.tab, at("invite-link")+".value")

	guest := openDesk(t, b, link)
	guest.until(at("name") + `.value === "Grace"`)
	guest.goOn()
	host.until(at("person-grace") + `.dataset.heard === "true"`)
	if eval[bool](guest.tab, at("mute-ada")+" !== null || "+at("end")+" !== null") {
		t.Error("a guest has the host's buttons")
	}
	// The guest's voice arrives in the section that the stage named.
	host.until(`[...document.querySelectorAll("#voices audio")].some((a) => a.srcObject && a.currentTime > 0)`)

	host.press("mute-grace")
	guest.says("nobody", "muted-by-other")
	guest.press("mute")
	guest.says("on-air", "live")

	host.press("remove-grace")
	host.press("remove-grace-no")
	host.press("remove-grace")
	host.press("remove-grace-yes")
	guest.says("mic-off", "removed")
	host.until(at("person-grace") + " === null")

	host.press("end")
	host.press("end-yes")
	host.says("mic-off", "ended")
}

func TestDeskMonitor(t *testing.T) {
	d := newDeskServer(t)
	p := openDesk(t, deskBrowser(t), d.link("ada", "Ada", room.Host, ""))
	p.press("monitor")
	p.until(at("monitor") + `.dataset.state === "playing" && ` + at("monitor-sound") + ".currentTime > 0 && !" + at("monitor-sound") + ".paused")
	p.press("monitor")
	p.until(at("monitor") + `.dataset.state === "off" && ` + at("monitor-sound") + ".paused")
}

// The server dies without a word and comes back with nothing in memory: the desk shows at once that nobody hears, and is on
// air again, muted or not, with its name, without a press.
func TestDeskComesBack(t *testing.T) {
	d := newDeskServer(t)
	p := openDesk(t, deskBrowser(t), d.link("grace", "Grace", room.Speaker, ""))
	p.press("mic-on")
	p.write("name", "Grace Hopper")
	p.press("go-on")
	p.says("on-air", "live")
	for _, muted := range []bool{false, true} {
		if muted {
			p.press("mute")
			p.says("nobody", "muted")
		}
		d.die()
		p.says("nobody", "reconnecting")
		d.start()
		up := time.Now()
		if muted {
			p.says("nobody", "muted")
		} else {
			p.says("on-air", "live")
		}
		t.Logf("muted %v: back %v after the server", muted, time.Since(up).Round(10*time.Millisecond))
		waitFor(t, "name and mute", func() bool {
			me := d.onStage()["grace"]
			return me.Name == "Grace Hopper" && me.Muted == muted
		})
	}
}

// waitFor waits for something that happens on the server.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestDeskFits(t *testing.T) {
	d := newDeskServer(t)
	b := deskBrowser(t)
	guest := openDesk(t, b, d.link("grace", "Grace", room.Speaker, ""))
	guest.goOn()
	for _, l := range []look{
		{360, 740, "dark", "en"}, {360, 740, "light", "fr"}, {1280, 800, "dark", "fr"}, {1280, 800, "light", "en"},
	} {
		t.Run(l.String(), func(t *testing.T) {
			testHomeLook(t, b, d, l)
			testDeskLook(t, b, d, l)
		})
	}
}

func testHomeLook(t *testing.T, b context.Context, d *deskServer, l look) {
	p := deskTab{openLook(t, b, "http://"+d.address+"/desk/?lang="+l.lang, l)}
	p.until(at("not-host"))
	p.fits(l, "desk-nothost")
	p.do(chromedp.Evaluate[chromedp.Void](`document.cookie = "host=yes; path=/"`), chromedp.Reload())
	p.until(at("open-desk"))
	p.fits(l, "desk-home")
	p.do(chromedp.Evaluate[chromedp.Void](`document.cookie = "host=; path=/; max-age=0"`))
}

func testDeskLook(t *testing.T, b context.Context, d *deskServer, l look) {
	p := deskTab{openLook(t, b, d.link("ada", "Ada", room.Host, "?lang="+l.lang), l)}
	p.until(at("person-grace"))
	p.fits(l, "desk-lobby")
	p.press("mic-on")
	p.until(sounds("level"))
	p.fits(l, "desk-level")
	p.press("go-on")
	p.says("on-air", "live")
	p.until(at("person-ada") + `.dataset.speaking === "true"`)
	p.until(`document.querySelector(".air").scrollWidth <= document.querySelector(".air").clientWidth`)
	p.fits(l, "desk-onair")
	p.press("mute")
	p.until(`document.querySelector(".air").dataset.warn === "true"`)
	p.write("invite-name", "Maria Alexandrina da Conceição")
	p.do(chromedp.KeyEvent(kb.Enter))
	p.until(at("invite-link"))
	p.press("remove-grace")
	p.fits(l, "desk-muted")
	p.press("mute")
	p.says("on-air", "live")
	p.press("leave")
	p.says("mic-off", "left")
	p.fits(l, "desk-left")
	waitFor(t, "her leaving", func() bool { return len(d.onStage()) == 1 })
}

// A microphone that is pulled out is said to be gone, and taken up again when it is back.
func TestDeskMicrophoneUnplugged(t *testing.T) {
	d := newDeskServer(t)
	p := openDesk(t, deskBrowser(t), d.link("grace", "Grace", room.Speaker, ""))
	p.do(chromedp.Evaluate[chromedp.Void](`{
		const media = navigator.mediaDevices, real = media.getUserMedia.bind(media);
		media.getUserMedia = async (c) => {
			if (window.unplugged) throw new DOMException("", "NotFoundError");
			return (window.stream = await real(c));
		};
	}`))
	p.goOn()
	pull := chromedp.Evaluate[chromedp.Void](`stream.getAudioTracks()[0].dispatchEvent(new Event("ended"))`)

	// Another microphone is there: it is used at once.
	p.do(chromedp.Evaluate[chromedp.Void](`window.first = stream`), pull)
	p.until(`stream !== first`)
	p.says("on-air", "live")

	p.do(chromedp.Evaluate[chromedp.Void](`window.unplugged = true`), pull)
	p.says("nobody", "mic-lost")
	p.do(chromedp.Evaluate[chromedp.Void](`window.unplugged = false; navigator.mediaDevices.dispatchEvent(new Event("devicechange"))`))
	p.says("on-air", "live")
}

func TestDeskMicrophoneRefused(t *testing.T) {
	d := newDeskServer(t)
	b := browser(t, chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("deny-permission-prompts", true),
		chromedp.Flag("host-resolver-rules", "MAP desk.test 127.0.0.1"))
	link := d.link("grace", "Grace", room.Speaker, "")

	p := openDesk(t, b, link)
	p.press("mic-on")
	p.until(at("mic-problem") + `.textContent.includes("allow the microphone")`)
	p.until(at("go-on") + ".disabled && " + at("mic-on")) // to try again

	// By plain http from anywhere but this machine, browsers have no microphone to ask for.
	p = openDesk(t, b, strings.Replace(link, "127.0.0.1", "desk.test", 1))
	p.until(at("mic-problem") + `.textContent.includes("https")`)
}

func TestDeskHeaders(t *testing.T) {
	for path, status := range map[string]int{"/desk/": 200, "/desk/" + testRoom: 200, "/desk/a/b": 404} {
		w := httptest.NewRecorder()
		Desk().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != status {
			t.Errorf("%s: status %d, not %d", path, w.Code, status)
		}
		if status != http.StatusOK {
			continue
		}
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; script-src 'sha256-") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: Content-Security-Policy %s", path, policy)
		}
		if referrer := w.Header().Get("Referrer-Policy"); referrer != "no-referrer" {
			t.Errorf("%s: Referrer-Policy %s", path, referrer)
		}
	}
}
