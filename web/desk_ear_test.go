package web

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/room"
)

// mouse presses the left button on an element, or lets it go there.
func (p deskTab) mouse(what input.DispatchMouseEventType, id string) {
	p.Helper()
	p.until(`(` + browsertest.At(id) + `.scrollIntoView({block: "center"}), !` + browsertest.At(id) + `.disabled)`)
	at := browsertest.Eval[[]float64](p.Tab, `(({x, y, width, height}) => [x + width / 2, y + height / 2])(`+browsertest.At(id)+`.getBoundingClientRect())`)
	_, err := chromedp.Call(p.Ctx, input.DispatchMouseEvent, input.DispatchMouseEventParams{
		Type: what, X: at[0], Y: at[1], Button: input.MouseButtonLeft, ClickCount: 1,
	})
	if err != nil {
		p.Fatal(err)
	}
}

// goBackstage connects somebody there.
func (p deskTab) goBackstage() {
	p.Helper()
	p.Press("back-join")
	p.until(browsertest.At("back-state") + `.dataset.state === "on"`)
}

// The producer holds a button: the guest is told who speaks, and hears everything else softer; let go, it is over. The words above all say
// whom each is heard by, and the mix never hears the producer.
func TestDeskTalkback(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	b := chromium.New(t)
	guest := openDesk(t, b, d.link("grace", "Grace", room.Speaker, ""))
	guest.goOn()
	producer := openDesk(t, chromium.New(t), d.link("pru", "Pru", room.Producer, ""))
	producer.says("mic-off", "producer")
	producer.until(browsertest.At("talk-grace") + `.disabled`)
	producer.goBackstage()
	producer.says("mic-off", "producer") // nobody is heard unasked
	waiting := openDesk(t, b, d.link("dan", "Dan", room.Speaker, ""))
	waiting.goBackstage()
	waiting.says("backstage", "backstage")
	producer.until(browsertest.At("backstage-dan") + `.dataset.open === "true"`)
	// Before an announced beginning the stage hears those backstage too, and they are told so.
	announced := func(f *room.Facts) { f.State, f.Life.Plan.Start = room.Doors, time.Now().Add(time.Hour) }
	d.change(testRoom, announced)
	d.stage.Refresh(testRoom)
	waiting.says("team", "team")
	guest.says("green-room", "curtain")
	d.change(testRoom, func(f *room.Facts) { f.State, f.Life.Plan.Start = room.Live, time.Time{} })
	d.stage.Refresh(testRoom)
	waiting.says("backstage", "backstage")
	waiting.Press("back-open")
	waiting.says("nobody", "not-on-stage")
	producer.until(browsertest.At("backstage-dan") + `.dataset.open === "false"`)

	producer.mouse(input.DispatchMouseEventTypeMousePressed, "talk-grace")
	producer.says("talkback", "talkback")
	guest.until(browsertest.At("ear") + `.textContent === "Pru (Producer) is speaking to you. Nobody else hears it."`)
	guest.until(browsertest.At("slot-0") + `.volume < 1 && ` + browsertest.At("slot-ear") + `.volume === 1`)
	producer.until(browsertest.At("talking") + `.textContent === "Grace hears you, and nobody else."`)
	if browsertest.Eval[bool](waiting.Tab, browsertest.At("ear")+" !== null") {
		t.Error("another one is told that he is spoken to")
	}
	producer.mouse(input.DispatchMouseEventTypeMouseReleased, "talk-grace")
	guest.until(browsertest.At("ear") + ` === null && ` + browsertest.At("slot-0") + `.volume === 1`)
	producer.says("mic-off", "producer")

	// By keyboard, held by Enter, and ended by a page that is closed.
	producer.until(`(` + browsertest.At("talk-all") + `.focus(), document.activeElement === ` + browsertest.At("talk-all") + `)`)
	producer.Do(chromedp.KeyEvent("\r"))
	guest.until(browsertest.At("ear") + `.textContent === "Pru (Producer) is speaking to everybody on stage. The audience does not hear it."`)
	producer.Do(chromedp.Navigate("about:blank"))
	guest.until(browsertest.At("ear") + ` === null`)
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, heard := d.heard["pru"]; heard {
		t.Error("the mix has heard the producer")
	}
}

// A server that begins anew knows nobody backstage: the page is there again by itself, as open as it was.
func TestDeskBackstageComesBack(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	p := openDesk(t, chromium.New(t), d.link("dan", "Dan", room.Speaker, ""))
	p.goBackstage()
	p.says("backstage", "backstage")
	d.die()
	p.says("nobody", "reconnecting")
	d.start()
	p.until(browsertest.At("back-state") + `.dataset.state === "on"`)
	p.says("backstage", "backstage")
	p.Press("back-leave")
	p.says("nobody", "not-on-stage")
	p.until(browsertest.At("back-join"))
}

// A cue is as large as can be, in the language of who reads it, and one key acknowledges it, which its sender sees; the chat outlives a reload,
// and says that there is something to read where it is not on the screen.
func TestDeskCuesAndChat(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	b := chromium.New(t)
	for _, l := range []look{{360, 740, "dark", "fr"}, {1280, 800, "light", "en"}} {
		guest := deskTab{openLook(t, b, d.link("grace", "Grace", room.Speaker, "?lang="+l.lang), l)}
		producer := deskTab{openLook(t, b, d.link("pru", "Pru", room.Producer, "?lang="+l.lang), l)}
		producer.until(browsertest.At("cue-to") + `.querySelector("[value=grace]")`)
		producer.until(`(` + browsertest.At("cue-to") + `.value = "grace", ` + browsertest.At("cue-to") + `.dispatchEvent(new Event("change", {bubbles: true})), true)`)
		producer.Press("cue-wrap_up")
		guest.until(browsertest.At("cue") + `.textContent.includes("` + map[string]string{"en": "Wrap up", "fr": "Concluez"}[l.lang] + `")`)
		guest.fits(l, "desk-cue")
		guest.Do(chromedp.KeyEvent("o"))
		guest.until(browsertest.At("cue") + ` === null`)
		producer.until(`document.querySelector('[data-testid=cue-sent] [data-state=taken]')`)
		producer.Write("cue-text", "Mind the clock")
		producer.Press("cue-send")
		guest.until(browsertest.At("cue") + `.textContent.includes("Mind the clock")`)
		guest.Press("cue-take")
		guest.until(browsertest.At("cue") + ` === null`)

		line := "Five minutes, " + l.lang
		guest.until(`(scrollTo(0, 0), true)`)
		guest.Frames(3) // the page knows by then whether the chat is on the screen
		producer.Write("chat-text", line)
		producer.Press("chat-send")
		reads := fmt.Sprintf(`%s.textContent.includes(%q)`, browsertest.At("chat"), line)
		if l.width > 1000 { // the chat is on the screen
			guest.until(reads + ` && ` + browsertest.At("chat-mark") + ` === null`)
		} else {
			guest.until(reads + ` && ` + browsertest.At("chat-mark"))
		}
		guest.Do(chromedp.Reload())
		guest.until(reads)
		producer.until(`(` + browsertest.At("chat") + `.scrollIntoView(), true)`)
		producer.fits(l, "desk-chat")
		producer.until(`(` + browsertest.At("cue-to") + `.scrollIntoView(), true)`)
		producer.fits(l, "desk-cues")
		producer.goBackstage()
		producer.until(`(` + browsertest.At("back-state") + `.scrollIntoView(), true)`)
		producer.fits(l, "desk-backstage")
		guest.until(`(` + browsertest.At("chat") + `.scrollIntoView({block: "center"}), ` + browsertest.At("chat-mark") + ` === null)`)
		producer.Press("back-leave")
		producer.until(browsertest.At("back-join"))
	}
}
