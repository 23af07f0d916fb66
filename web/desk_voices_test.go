package web

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/room"
)

// consents lists the answers that count as the host's side does.
func (d *deskServer) consents(w http.ResponseWriter, r *http.Request) {
	f, _ := d.Facts(room.ID(r.PathValue("room")))
	all := []map[string]any{}
	for p, c := range f.Consents {
		all = append(all, map[string]any{"person": p, "agreed": c.Agreed, "text": c.Text, "at": c.At})
	}
	d.answer(w, 200, map[string]any{"consents": all})
}

// note is the JavaScript for what stands beside somebody's name.
func note(person, what string) string {
	return browsertest.At("voice-"+person) + "?.dataset." + what
}

// A guest is asked before the stage, in the words that are kept; listens only, which the host sees; agrees, and is on air; takes it back, and is off.
func TestDeskConsent(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	d.change(testRoom, func(f *room.Facts) { f.Tape = room.TapeOn })
	b := chromium.New(t)
	host := openDesk(t, b, d.link("ada", "Ada", room.Host, ""))
	host.goOn() // is not asked

	guest := openDesk(t, b, d.link("grace", "Grace", room.Speaker, ""))
	guest.Press("mic-on")
	guest.until(browsertest.At("consent") + `.innerText.includes(` + quoted(room.ConsentTexts[room.ConsentText]["en"]) + `)`)
	guest.until(sounds("level") + " && " + browsertest.At("go-on") + ".disabled")
	host.until(note("grace", "consent") + ` === "asked"`)
	guest.Press("consent-decline")
	guest.says("nobody", "listens-only")
	host.until(note("grace", "consent") + ` === "declined" && ` + browsertest.At("voice-grace") + `.innerText.includes("listens only")`)
	guest.until(browsertest.At("mic-on")) // who listens needs no microphone
	guest.Press("consent-agree")
	guest.goOn()
	host.until(note("grace", "consent") + ` === "agreed" && ` + browsertest.At("person-grace"))
	host.Click(`[data-testid="consents"] summary`)
	host.until(browsertest.At("consents") + `.innerText.includes("Grace: agreed")`)

	guest.Press("consent-back")
	guest.Press("consent-back-yes")
	guest.says("nobody", "listens-only")
	waitFor(t, "her leaving", func() bool { _, there := d.onStage()["grace"]; return !there })
}

// Where speakers are taped apart the page asks for that too, and the answer is kept as one to that question.
func TestDeskAsksForATrack(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	d.change(testRoom, func(f *room.Facts) { f.Tape, f.Tracks = room.TapeOn, true })
	b := chromium.New(t)
	guest := openDesk(t, b, d.link("grace", "Grace", room.Speaker, ""))
	guest.Press("mic-on")
	guest.until(browsertest.At("consent") + `.innerText.includes(` + quoted(room.ConsentTexts[room.TracksText]["en"]) + `)`)
	guest.Press("consent-agree")
	guest.Press("go-on")
	guest.says("on-air", "live")
	f, _ := d.Facts(testRoom)
	if c := f.Consents["grace"]; !c.Agreed || c.Text != room.TracksText {
		t.Errorf("kept is %+v", c)
	}
}

// Who does not want a track is recorded all the same, as who was never asked for one.
func TestDeskAsksForNoTrack(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	d.change(testRoom, func(f *room.Facts) { f.Tape, f.Tracks = room.TapeOn, true })
	b := chromium.New(t)
	guest := openDesk(t, b, d.link("grace", "Grace", room.Speaker, ""))
	guest.Press("mic-on")
	guest.Press("consent-mix")
	guest.Press("go-on")
	guest.says("on-air", "live")
	f, _ := d.Facts(testRoom)
	if c := f.Consents["grace"]; !c.Agreed || c.Text != room.ConsentText || f.TapesTrack("grace", room.Speaker) {
		t.Errorf("kept is %+v", c)
	}
}

func quoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"` }

// What the page asks is what the server keeps, in both languages.
func TestDeskAsksWhatIsKept(t *testing.T) {
	raw, err := os.ReadFile("desk/voicetext.ts")
	if err != nil {
		t.Fatal(err)
	}
	texts := string(raw)
	for lang, words := range room.ConsentTexts[room.ConsentText] {
		if !strings.Contains(texts, `consentAsk: "`+words+`"`) {
			t.Errorf("the desk does not ask %q in %s", words, lang)
		}
	}
	for lang, words := range room.ConsentTexts[room.TracksText] {
		if !strings.Contains(texts, `consentAskTracks: "`+words+`"`) {
			t.Errorf("the desk does not ask %q in %s", words, lang)
		}
	}
	if !strings.Contains(texts, "TRACKS_TEXT = 2;") || room.TracksText != 2 {
		t.Error("the desk asks another version about tracks than the server keeps")
	}
	if !strings.Contains(texts, "CONSENT_TEXT = 1;") || room.ConsentText != 1 {
		t.Error("the desk asks another version than the server keeps")
	}
}

// Muted, one talks as long as the space bar is held, and not by what is typed; letting go anywhere, or leaving the window, ends it.
func TestDeskPushToTalk(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	p := openDesk(t, chromium.New(t), d.link("grace", "Grace", room.Speaker, ""))
	p.Press("mic-on")
	p.until(sounds("level"))
	p.Click(`[data-testid="sound"] summary`)
	p.Press("push-to-talk")
	p.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector("[data-testid=name]").focus()`), chromedp.KeyEvent("?m "))
	const closed = `getComputedStyle(document.querySelector("dialog")).display === "none"`
	p.until(browsertest.At("name") + `.value.endsWith("?m ") && ` + closed)
	p.Press("go-on")
	p.says("nobody", "muted")
	waitFor(t, "the mute", func() bool { return d.onStage()["grace"].Muted })

	key := func(kind, key string) {
		p.Helper()
		p.Do(chromedp.Evaluate[chromedp.Void](`document.activeElement?.blur(); document.body.dispatchEvent(new KeyboardEvent("` + kind + `", { key: "` + key + `", bubbles: true, cancelable: true }))`))
	}
	key("keydown", " ")
	p.says("on-air", "live")
	key("keyup", " ")
	p.says("nobody", "muted")
	key("keydown", " ")
	p.says("on-air", "live")
	p.Do(chromedp.Evaluate[chromedp.Void](`dispatchEvent(new Event("blur"))`))
	p.says("nobody", "muted")
	key("keydown", "m")
	p.says("on-air", "live")
	key("keydown", " ") // nothing to hold open
	key("keyup", " ")
	p.says("on-air", "live")
	key("keydown", "?")
	p.until(`document.querySelector("dialog[open]").innerText.includes("Talk while it is held")`)
	p.Press("keys-close")
	p.until(closed)

	// The device remembers.
	p.Do(chromedp.Reload())
	p.Press("mic-on")
	p.Press("go-on")
	p.says("nobody", "muted")
}

// The check says one sentence to the speaker and one word to the host: this microphone hears a tone without end, as a noisy room does.
func TestDeskCheck(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	b := chromium.New(t)
	host := openDesk(t, b, d.link("ada", "Ada", room.Host, ""))
	guest := openDesk(t, b, d.link("grace", "Grace", room.Speaker, "?raw=1"))
	guest.Press("mic-on")
	guest.until(sounds("level"))
	guest.Press("check-run")
	guest.until(browsertest.At("check") + `.dataset.phase === "speak"`)
	guest.until(browsertest.At("check") + `.dataset.phase === "done"`)
	guest.until(browsertest.At("check-says") + `.innerText.startsWith("Your room is noisy")`)
	host.until(note("grace", "check") + ` === "noisy" && ` + browsertest.At("voice-grace") + `.innerText.includes("noisy")`)
	if on := d.onStage(); len(on) != 0 {
		t.Errorf("who checks a voice is on stage: %v", on)
	}
}

// A room whose host is gone is offered to the producer, who takes it and has the host's buttons from then on.
func TestDeskTakesTheRoom(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	b := chromium.New(t)
	producer := openDesk(t, b, d.link("pru", "Pru", room.Producer, ""))
	producer.until(browsertest.At("invite-name"))
	if browsertest.Eval[bool](producer.Tab, browsertest.At("host-gone")+" !== null") {
		t.Error("the host is said to be gone at once")
	}
	now := time.Now()
	d.stage.SeeLead(testRoom, room.LeadRules{Grace: time.Minute}, now)
	producer.until(browsertest.At("host-gone") + `.dataset.state === "grace" && !` + browsertest.At("take-lead") + ` && ` + browsertest.At("host-gone") + `.innerText.includes("1 min")`)
	d.stage.SeeLead(testRoom, room.LeadRules{Grace: time.Minute}, now.Add(time.Minute))
	producer.Press("take-lead")
	producer.Press("take-lead-yes")
	producer.until(browsertest.At("host-gone") + " === null && " + browsertest.At("end"))
	f, _ := d.Facts(testRoom)
	if f.RoleOf("pru", room.Producer) != room.Host {
		t.Errorf("roles are %v", f.Roles)
	}
}

// The question, the advice, the list of keys and the word about a host who is gone fit the screens they are read on, in both languages.
func TestDeskVoicesFit(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	d.change(testRoom, func(f *room.Facts) { f.Tape = room.TapeOn })
	b := chromium.New(t)
	for i, l := range []look{{360, 740, "dark", "fr"}, {1280, 800, "light", "en"}} {
		t.Run(l.String(), func(t *testing.T) {
			person := room.PersonID("cyd" + string(rune('a'+i)))
			p := deskTab{openLook(t, b, d.link(person, "Maria Alexandrina da Conceição", room.CoHost, "?lang="+l.lang), l)}
			p.Press("mic-on")
			p.until(sounds("level") + " && " + browsertest.At("consent"))
			p.Do(chromedp.Evaluate[chromedp.Void](browsertest.At("lobby") + ".scrollIntoView()"))
			p.fits(l, "voices-asked")
			p.Press("consent-decline")
			p.says("nobody", "listens-only")
			p.fits(l, "voices-declined")
			p.Press("consent-agree")
			p.Press("mic-on")
			p.until(sounds("level"))
			p.Press("keys")
			p.until(`document.querySelector("dialog[open]")`)
			p.fits(l, "voices-keys")
			p.Press("keys-close")
			if l.width < 400 {
				p.Press("check-run")
				p.until(browsertest.At("check") + `.dataset.verdict === "noisy"`)
				p.Do(chromedp.Evaluate[chromedp.Void](browsertest.At("check") + ".scrollIntoView()"))
				p.fits(l, "voices-advice")
			}
			d.stage.SeeLead(testRoom, room.LeadRules{}, time.Now())
			p.until(browsertest.At("host-gone"))
			p.Do(chromedp.Evaluate[chromedp.Void]("scrollTo(0, 0)"))
			p.fits(l, "voices-gone")
		})
	}
}
