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

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/room"
)

// deskTab is a page of the stage's port.
type deskTab struct{ *tab }

// sounds is the JavaScript for a meter that shows sound.
func sounds(id string) string {
	return browsertest.At(id) + ".ariaValueNow !== null && Number(" + browsertest.At(id) + ".ariaValueNow) > -30"
}

func openDesk(t *testing.T, browser context.Context, address string) deskTab {
	t.Helper()
	return deskTab{open(t, browser, address)}
}

// until waits for a JavaScript condition.
func (p deskTab) until(condition string) {
	p.Helper()
	p.Until(condition, browsertest.Body)
}

// says waits until the huge word is this one, and for this reason.
func (p deskTab) says(word, reason string) {
	p.Helper()
	p.until(fmt.Sprintf(`document.querySelector(".air").dataset.word === %q && document.querySelector(".air").dataset.reason === %q`, word, reason))
}

// goOn walks through the lobby until everybody hears.
func (p deskTab) goOn() {
	p.Helper()
	p.Press("mic-on")
	p.Press("go-on")
	p.says("on-air", "live")
}

func TestDeskClaimAndRooms(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	b := chromium.New(t)
	home := "http://" + d.address + "/desk/"

	p := openDesk(t, b, home)
	p.until(browsertest.At("not-host"))

	p = openDesk(t, b, home+"#claim="+hostSecret)
	p.until(`location.hash === ""`)
	p.Press("claim")
	p.until(`document.querySelectorAll('[data-testid="open-desk"]').length === 1`)

	p.Write("room-title", "Second evening")
	p.until(browsertest.At("room-tracks") + `.checked`) // on, and only with a tape
	p.Press("room-tape")
	p.until(`!` + browsertest.At("room-tracks"))
	p.Press("room-tape")
	p.until(browsertest.At("room-tracks") + `.checked`)
	p.Press("room-create")
	p.until(`location.pathname === "/desk/second-evening-x1y2z3"`)
	if f, _ := d.Facts("second-evening-x1y2z3"); !f.TapesTracks() {
		t.Errorf("made is %+v", f)
	}
	// The host's cookie gets the token; no link was needed.
	p.says("nobody", "not-on-stage")
	p.until(browsertest.At("name") + `.value === "Ada"`)

	p = openDesk(t, b, home)
	p.until(`document.querySelectorAll('[data-testid="open-desk"]').length === 2`)
}

func TestDeskClaimRefused(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	p := openDesk(t, chromium.New(t), "http://"+d.address+"/desk/#claim=wrong")
	p.Press("claim")
	p.until(browsertest.At("trouble") + `.textContent === "This link is unknown here."`)
}

func TestDeskNeedsToken(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	b := chromium.New(t)
	p := openDesk(t, b, "http://"+d.address+"/desk/"+testRoom)
	p.until(`document.body.innerText.includes("lacks the part behind the #")`)

	p = openDesk(t, b, "http://"+d.address+"/desk/"+testRoom+"#e1.forged.token")
	p.says("mic-off", "refused")
	p.until(`document.body.innerText.includes("not made by this server") || document.body.innerText.includes("damaged")`)
}

// The word is true from before the first step to after the last, in the page, the tab's title and its icon.
func TestDeskWord(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	p := openDesk(t, chromium.New(t), d.link("grace", "Grace", room.Speaker, "?raw=1"))
	p.says("nobody", "not-on-stage")
	if hash := browsertest.Eval[string](p.Tab, "location.hash"); hash != "" {
		t.Errorf("the token stays in the address bar: %s", hash)
	}

	p.Press("mic-on")
	p.until(sounds("level")) // the level is live before anybody hears
	if on := d.onStage(); len(on) != 0 {
		t.Errorf("on stage before the button: %v", on)
	}
	p.Write("name", "Grace Hopper")
	p.Press("go-on")
	p.says("on-air", "live")
	p.until(`document.title.startsWith("ON AIR") && document.querySelector("link[rel=icon]").href.includes("c8102e")`)
	if name := d.onStage()["grace"].Name; name != "Grace Hopper" {
		t.Errorf("the stage calls her %q", name)
	}

	p.Press("mute")
	p.says("nobody", "muted")
	p.until(`document.querySelector(".air").dataset.warn === "true"`) // the tone goes on
	p.until(`document.title.startsWith("NOBODY HEARS YOU") && !document.querySelector("link[rel=icon]").href.includes("c8102e")`)
	p.Do(chromedp.KeyEvent("m"))
	p.says("on-air", "live")

	p.Press("leave")
	p.says("mic-off", "left")
	p.until(`document.title.startsWith("YOUR MICROPHONE IS OFF")`)
	waitFor(t, "an empty stage", func() bool { return len(d.onStage()) == 0 })
	p.Press("mic-on")
	p.Press("go-on")
	p.says("on-air", "live")
}

// A reload leaves the stage: it keeps the token and takes nobody back by itself; a mute outlives it.
func TestDeskReload(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	p := openDesk(t, chromium.New(t), d.link("grace", "Grace", room.Speaker, ""))
	p.goOn()
	p.Press("mute")
	waitFor(t, "the mute", func() bool { return d.onStage()["grace"].Muted })
	p.Do(chromedp.Reload())
	p.says("nobody", "not-on-stage")
	p.Press("mic-on")
	p.Press("go-on")
	p.says("nobody", "muted")
	p.Press("mute")
	p.says("on-air", "live")
}

func TestDeskHostActs(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	b := chromium.New(t)
	host := openDesk(t, b, d.link("ada", "Ada", room.Host, ""))
	host.goOn()
	host.Write("invite-name", "Grace")
	host.Press("invite")
	host.until(browsertest.At("invite-link"))
	link := browsertest.Eval[string](host.Tab, browsertest.At("invite-link")+".value")
	for id, want := range map[string]string{"radio-mount": "/r/" + testRoom + "/source", "radio-user": "source", "radio-password": link[strings.IndexByte(link, '#')+1:]} {
		if got := browsertest.Eval[string](host.Tab, browsertest.At(id)+".value"); got != want {
			t.Errorf("%s is %q, not %q", id, got, want)
		}
	}

	guest := openDesk(t, b, link)
	guest.until(browsertest.At("name") + `.value === "Grace"`)
	guest.goOn()
	host.until(browsertest.At("person-grace") + `.dataset.heard === "true"`)
	if browsertest.Eval[bool](guest.Tab, browsertest.At("mute-ada")+" !== null || "+browsertest.At("end")+" !== null") {
		t.Error("a guest has the host's buttons")
	}
	// The guest's voice arrives in the section that the stage named.
	host.until(`[...document.querySelectorAll("#voices audio")].some((a) => a.srcObject && a.currentTime > 0)`)

	host.Press("mute-grace")
	guest.says("nobody", "muted-by-other")
	guest.Press("mute")
	guest.says("on-air", "live")
	host.Press("mute-grace") // within the second in which the page expects echoes of its own hand
	guest.says("nobody", "muted-by-other")
	guest.Press("mute")
	guest.says("on-air", "live")

	host.Press("remove-grace")
	host.Press("remove-grace-no")
	host.Press("remove-grace")
	host.Press("remove-grace-yes")
	guest.says("mic-off", "removed")
	host.until(browsertest.At("person-grace") + " === null")

	host.Press("end")
	host.Press("end-yes")
	host.says("mic-off", "ended")
}

func TestDeskMonitor(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	p := openDesk(t, chromium.New(t), d.link("ada", "Ada", room.Host, ""))
	p.Press("monitor")
	p.until(browsertest.At("monitor") + `.dataset.state === "playing" && ` + browsertest.At("monitor-sound") + ".currentTime > 0 && !" + browsertest.At("monitor-sound") + ".paused")
	p.Press("monitor")
	p.until(browsertest.At("monitor") + `.dataset.state === "off" && ` + browsertest.At("monitor-sound") + ".paused")
}

// The server dies without a word and comes back with nothing in memory: the desk shows at once that nobody hears, and is on
// air again, muted or not, with its name, without a press.
func TestDeskComesBack(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	p := openDesk(t, chromium.New(t), d.link("grace", "Grace", room.Speaker, ""))
	p.Press("mic-on")
	p.Write("name", "Grace Hopper")
	p.Press("go-on")
	p.says("on-air", "live")
	for _, muted := range []bool{false, true} {
		if muted {
			p.Press("mute")
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
	deadline := time.Now().Add(browsertest.Patience)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestDeskFits(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	b := chromium.New(t)
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
	p.until(browsertest.At("not-host"))
	p.fits(l, "desk-nothost")
	p.Do(chromedp.Evaluate[chromedp.Void](`document.cookie = "host=yes; path=/"`), chromedp.Reload())
	p.until(browsertest.At("open-desk"))
	p.fits(l, "desk-home")
	room := browsertest.Eval[float64](p.Tab, fmt.Sprintf(placeholderRoom, browsertest.At("room-expect")))
	if room < 0 {
		t.Errorf("the hint in the field of listeners expected lacks %.0f px", -room)
	}
	p.Do(chromedp.Evaluate[chromedp.Void](`document.cookie = "host=; path=/; max-age=0"`))
}

// placeholderRoom is the JavaScript for how many pixels a field has beside its placeholder.
const placeholderRoom = `(field => {
	const style = getComputedStyle(field), pen = document.createElement("canvas").getContext("2d");
	pen.font = style.font;
	return field.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - pen.measureText(field.placeholder).width
		- (style.appearance === "textfield" ? 0 : 20);
})(%s)`

func testDeskLook(t *testing.T, b context.Context, d *deskServer, l look) {
	p := deskTab{openLook(t, b, d.link("ada", "Ada", room.Host, "?lang="+l.lang), l)}
	p.until(browsertest.At("person-grace"))
	p.fits(l, "desk-lobby")
	p.Press("mic-on")
	p.until(sounds("level"))
	p.fits(l, "desk-level")
	p.Press("go-on")
	p.says("on-air", "live")
	p.until(browsertest.At("person-ada") + `.dataset.speaking === "true"`)
	p.until(`document.querySelector(".air").scrollWidth <= document.querySelector(".air").clientWidth`)
	p.fits(l, "desk-onair")
	p.Press("mute")
	p.until(`document.querySelector(".air").dataset.warn === "true"`)
	p.Write("invite-name", "Maria Alexandrina da Conceição")
	p.Do(chromedp.KeyEvent(kb.Enter))
	p.until(browsertest.At("invite-link"))
	p.Press("remove-grace")
	p.fits(l, "desk-muted")
	p.Press("mute")
	p.says("on-air", "live")
	p.Press("leave")
	p.says("mic-off", "left")
	p.fits(l, "desk-left")
	waitFor(t, "her leaving", func() bool { return len(d.onStage()) == 1 })
}

// A microphone that is pulled out is said to be gone, and taken up again when it is back.
func TestDeskMicrophoneUnplugged(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	p := openDesk(t, chromium.New(t), d.link("grace", "Grace", room.Speaker, ""))
	p.Do(chromedp.Evaluate[chromedp.Void](`{
		const media = navigator.mediaDevices, real = media.getUserMedia.bind(media);
		media.getUserMedia = async (c) => {
			if (window.unplugged) throw new DOMException("", "NotFoundError");
			if (window.busy-- > 0) throw new DOMException("", "NotReadableError");
			return (window.stream = await real(c));
		};
	}`))
	p.goOn()
	pull := chromedp.Evaluate[chromedp.Void](`stream.getAudioTracks()[0].dispatchEvent(new Event("ended"))`)

	// Another microphone is there: it is used at once.
	p.Do(chromedp.Evaluate[chromedp.Void](`window.first = stream`), pull)
	p.until(`stream !== first`)
	p.says("on-air", "live")

	p.Do(chromedp.Evaluate[chromedp.Void](`window.unplugged = true`), pull)
	p.says("nobody", "mic-lost")
	// What has just been plugged in is not ready at once.
	p.Do(chromedp.Evaluate[chromedp.Void](`window.unplugged = false; window.busy = 1; navigator.mediaDevices.dispatchEvent(new Event("devicechange"))`))
	p.says("on-air", "live")
}

func TestDeskMicrophoneRefused(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	b := browsertest.New(t, browsertest.Windowed, chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("deny-permission-prompts", true),
		chromedp.Flag("host-resolver-rules", "MAP desk.test 127.0.0.1"))
	link := d.link("grace", "Grace", room.Speaker, "")

	p := openDesk(t, b, link)
	p.Press("mic-on")
	p.until(browsertest.At("mic-problem") + `.textContent.includes("allow the microphone")`)
	p.until(browsertest.At("go-on") + ".disabled && " + browsertest.At("mic-on")) // to try again

	// By plain http from anywhere but this machine, browsers have no microphone to ask for.
	p = openDesk(t, b, strings.Replace(link, "127.0.0.1", "desk.test", 1))
	p.until(browsertest.At("mic-problem") + `.textContent.includes("https")`)
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
		if !strings.HasPrefix(policy, "default-src 'none';script-src 'sha256-") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: Content-Security-Policy %s", path, policy)
		}
		if referrer := w.Header().Get("Referrer-Policy"); referrer != "no-referrer" {
			t.Errorf("%s: Referrer-Policy %s", path, referrer)
		}
	}
}
