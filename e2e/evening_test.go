package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
)

// evening is a whole evening, step by step. What one person does, the others see: how soon, is noted.
type evening struct {
	*server
	*testing.T
	table []string
}

// sight is what somebody else sees of a step.
type sight struct {
	who       string
	page      *browsertest.Tab
	condition string
}

// lena listens: she learns of a step when her ear gets to its frame.
const lena = "listener"

// soon is how long a step may take until the others on stage see it.
const soon = 500 * time.Millisecond

// pressed makes a page keep when it was last touched.
const pressed = `for (const kind of ["click", "change", "keydown"]) addEventListener(kind, () => (window.pressedAt = Date.now()), {capture: true})`

// act does something on a page, and waits until all have seen it. All pages are on this machine, so their clocks are one.
func (e *evening) act(what string, by *browsertest.Tab, do func(), seen ...sight) {
	e.Helper()
	for _, s := range seen {
		if browsertest.Eval[bool](s.page, fmt.Sprintf(`(() => { try { return Boolean(%s) } catch { return false } })()`, s.condition)) {
			e.Fatalf("%s: %s sees it before it is done", what, s.who)
		}
		watch(s.page, s.condition)
	}
	do()
	began := browsertest.Eval[int64](by, "window.pressedAt")
	for _, s := range seen {
		s.page.Until("window.seenAt > 0", browsertest.Body)
		took := time.Duration(browsertest.Eval[int64](s.page, "window.seenAt")-began) * time.Millisecond
		e.table = append(e.table, fmt.Sprintf("%-44s %-10s %5d ms", what, s.who, took.Milliseconds()))
		if s.who != lena && took > bar(soon) {
			e.Errorf("%s: %s sees it after %v", what, s.who, took)
		}
	}
}

// watch makes a page keep when a condition first came: a call from here takes longer than what is measured.
func watch(p *browsertest.Tab, condition string) {
	p.Helper()
	browsertest.Eval[bool](p, fmt.Sprintf(`(window.seenAt = 0, clearInterval(window.watching), window.watching = setInterval(() => {
		try { if (!window.seenAt && (%s)) { window.seenAt = Date.now(); clearInterval(window.watching); } } catch {}
	}, 10), true)`, condition))
}

// air is a condition on what a desk's great word says, and why.
func air(reason string) string {
	return fmt.Sprintf(`document.querySelector('.air[data-reason=%q]')`, reason)
}

func shows(selector, text string) string {
	return fmt.Sprintf(`document.querySelector(%q)?.innerText.includes(%q)`, selector, text)
}

// A whole evening of several people in real browsers: announced, gone through before, doors, begun by the clock, on stage and off it, moved to
// another room, ended and heard again. Every step is seen by the others; screenshots of all pages, on a phone and on a desk, in the dark and by
// day, are kept in e2e/output. It takes some minutes, so it is run by
//
//	EPIDAURUS_EVENING=1 EPIDAURUS_BARS=1 go test ./e2e -run WholeEvening -v
func TestWholeEvening(t *testing.T) {
	if os.Getenv("EPIDAURUS_EVENING") == "" {
		t.Skip("it takes minutes: set EPIDAURUS_EVENING=1")
	}
	e := &evening{server: serve(t), T: t}
	defer func() { t.Log("\n" + strings.Join(e.table, "\n")) }()
	open := func(b *browsertest.Shared, address string) *browsertest.Tab {
		return openTapped(t, b.New(t), address, pressed)
	}

	// Announced, by hand.
	host := open(ada, e.claim)
	host.Press("claim")
	host.Until(browsertest.At("room-title"), browsertest.Body)
	host.Press("room-plan")
	start := time.Now().Add(150 * time.Second).Truncate(time.Minute).Add(time.Minute) // of the form's whole minutes the first with time for what comes before
	host.Write("room-title", "Harbour talk")
	fill(host, "room-start", start.Format("2006-01-02T15:04"))
	fill(host, "room-lead", "0")
	fill(host, "room-description", "Ada Lovelace and Grace Hopper on the machines that remember.")
	shoot(t, host, "evening-plan")
	host.Press("room-create")
	host.Until(browsertest.At("open-doors"), browsertest.Body)
	e.runThrough(host)
	host.Do(chromedp.Navigate(browsertest.Eval[string](host, `location.href + "?raw=1"`)))
	host.Until(browsertest.At("open-doors")+` && location.search === "?raw=1" && `+browsertest.At("listen-link"), browsertest.Body)
	address := browsertest.Eval[string](host, browsertest.At("listen-link")+".value")
	shoot(t, host, "evening-desk-announced")
	listener := open(listeners, address)
	listener.Until("window.before && before.left > 0", browsertest.Body)
	shoot(t, listener, "evening-countdown")
	listener.Click("#listen") // one tap arms the sound

	// The team comes.
	invite := func(name, role string) string {
		host.Write("invite-name", name)
		browsertest.Eval[bool](host, `((f) => (f.value = "`+role+`", f.dispatchEvent(new Event("change", {bubbles: true})), true))(`+browsertest.At("invite-role")+`)`)
		before := browsertest.Eval[int](host, `document.querySelectorAll('[data-testid="invite-link"]').length`)
		host.Press("invite")
		host.Until(fmt.Sprintf(`document.querySelectorAll('[data-testid="invite-link"]').length > %d`, before), browsertest.Body)
		return raw(browsertest.Eval[string](host, browsertest.At("invite-link")+".value"))
	}
	producer := open(silent, invite("Pru", "producer"))
	guest := open(grace, invite("Grace", "speaker"))
	cohost := open(clicking, invite("Nikos", "cohost"))
	for _, p := range []*browsertest.Tab{producer, guest, cohost} {
		p.Until(`document.querySelector(".air")`, browsertest.Body)
	}
	host.Until(browsertest.At("light-speakers"), browsertest.Body)
	shoot(t, guest, "evening-lobby")
	e.act("doors open", host, func() { host.Press("open-doors") },
		sight{"producer", producer, browsertest.At("go-live")}, sight{"guest", guest, `document.querySelector(".chip.doors")`})
	// A countdown looks once in a minute or two, and when it is looked at; then who is armed comes by chance before the start, and at once by a tap.
	const looks = `performance.getEntriesByType("resource").filter((r) => r.name.endsWith("event.json")).length`
	before := browsertest.Eval[int](listener, looks)
	browsertest.Eval[bool](listener, `document.dispatchEvent(new Event("visibilitychange"))`)
	listener.Until(fmt.Sprintf("%s > %d && document.body.innerText", looks, before), browsertest.Body)
	listener.Click("#listen")
	listener.Until(`document.getElementById("chip").dataset.state === "doors" && epidaurus.frame > 0`, "JSON.stringify(epidaurus)")
	shoot(t, listener, "evening-doors")
	person := func(name string) string { return idOf(host, name) }
	for _, who := range []struct {
		page *browsertest.Tab
		name string
	}{{host, "Ada"}, {guest, "Grace"}, {cohost, "Nikos"}} {
		who.page.Press("mic-on")
		e.consent(who.page, who.name, producer)
		who.page.Write("name", who.name)
		e.act(who.name+" goes on stage", who.page, func() { who.page.Press("go-on") },
			sight{"producer", producer, onStage(who.name)})
	}
	// What is said can be taken back: the delay is set before the first word, and whole from it on.
	e.act("a delay of 5 s", producer, func() { choose(producer, "delay", "5") }, sight{"host", host, browsertest.At("delay") + `.value === "5"`})
	shoot(t, producer, "evening-producer-doors")

	// Ten minutes late, and on time after all.
	e.act("ten minutes late", producer, func() { producer.Press("late") }, sight{"guest", guest, `/Begins in 1\d:/.test(` + browsertest.At("life-state") + `.textContent)`})
	e.plan(host, start)
	watch(host, onAir)
	<-time.After(time.Until(start))                   // longer than a page is waited for
	host.Until("window.seenAt > 0", browsertest.Body) // the clock begins
	late := browsertest.Eval[float64](host, "window.seenAt") - float64(start.UnixMilli())
	e.table = append(e.table, fmt.Sprintf("%-44s %-10s %5.0f ms", "the clock begins", "host", late))
	if late < 0 || late > float64(bar(soon).Milliseconds()) {
		t.Errorf("the host is on air %.0f ms after the announced time", late)
	}
	listener.Until(`document.getElementById("chip").dataset.state === "live" && document.getElementById("people").innerText.includes("Grace")`, browsertest.Body)
	crowd := e.crowd(address)
	shoot(t, host, "evening-desk-live")
	shoot(t, guest, "evening-guest-live")
	shoot(t, producer, "evening-producer-live")
	shoot(t, listener, "evening-listener-live")

	// On stage.
	e.act("mute one", producer, func() { producer.Press("mute-" + person("Grace")) }, sight{"guest", guest, air("muted-by-other")},
		sight{"co-host", cohost, fmt.Sprintf(`document.querySelector('[data-testid="person-%s"][data-muted=true]')`, person("Grace"))})
	e.act("unmute oneself", guest, func() { guest.Press("mute") },
		sight{"producer", producer, fmt.Sprintf(`document.querySelector('[data-testid="person-%s"][data-muted=false]')`, person("Grace"))})
	e.act("mute all", producer, func() { producer.Press("mute-all") }, sight{"host", host, air("muted-by-other")},
		sight{"co-host", cohost, air("muted-by-other")}, sight{"guest", guest, air("muted-by-other")})
	for _, p := range []*browsertest.Tab{host, guest, cohost} {
		p.Press("mute")
		p.Until(onAir, browsertest.Body)
	}
	e.ears(producer, guest, person("Grace"))
	e.act("a chapter", producer, func() { producer.Press("mark") }, sight{"host", host, browsertest.At("chapter-1")})
	e.hands(producer, open(silent, address))
	e.clip(open(listeners, address+"/tape/#t=5&play&clip"))
	e.loseHost(host, guest)
	e.act("hand over the room", host, func() {
		host.Press("more-" + person("Nikos"))
		host.Press("host-" + person("Nikos"))
		host.Press("host-" + person("Nikos") + "-yes")
	}, sight{"co-host", cohost, browsertest.At("end")})
	host, cohost = cohost, host // Nikos leads from here on

	producer.Until(`document.querySelector(".delay").dataset.state === "whole"`, browsertest.Body)
	e.act("dump", producer, func() { producer.Press("dump") }, sight{"host", host, `document.querySelector(".delay").dataset.state === "filling"`})
	producer.Until(browsertest.At("dumped")+`.innerText.includes("5")`, browsertest.Body)
	e.act("a cart", producer, func() { producer.Press("cart-jingle") }, sight{"host", host, browsertest.At("cart-jingle") + `.ariaPressed === "true"`})
	shoot(t, producer, "evening-broadcast")
	e.act("no delay", producer, func() { choose(producer, "delay", "0") }, sight{"host", host, browsertest.At("delay") + `.value === "0"`})

	// The doors close to newcomers.
	e.act("doors close", producer, func() {
		producer.Press("closing")
		producer.Press("close-doors")
	}, sight{"host", host, browsertest.At("doors-closed")})
	late2 := open(listeners, address)
	late2.Click("#listen")
	late2.Until(`document.body.innerText.includes("full") || document.body.innerText.includes("closed")`, browsertest.Body)
	shoot(t, late2, "evening-too-late")
	e.act("doors open again", producer, func() { producer.Press("reopen") }, sight{"host", host, browsertest.At("closing")})

	crowd.check()

	// The end is taken back once.
	end := func() { host.Press("end"); host.Press("end-yes") }
	e.act("the end is asked for", host, end, sight{"guest", guest, browsertest.At("ending")})
	shoot(t, host, "evening-ending")
	e.act("and taken back", host, func() { host.Press("stay") }, sight{"guest", guest, "!" + browsertest.At("ending")})
	after := e.move(host, cohost, guest, listener)
	host = cohost // who made the rooms leads the new one
	end()
	listener.Until(`epidaurus.state === "ended"`, "JSON.stringify(epidaurus)")
	shoot(t, listener, "evening-ended")
	again := open(listeners, after)
	again.Until(`document.querySelector("audio") && document.body.dataset.state !== "none" && document.querySelector("#play, #listen")`, browsertest.Body)
	shoot(t, again, "evening-replay")
}

// runThrough goes through it before anybody comes; the room is as it was then.
func (e *evening) runThrough(host *browsertest.Tab) {
	e.Helper()
	evening := browsertest.Eval[string](host, "location.pathname")
	host.Press("run-start")
	host.Until(browsertest.At("run-only")+fmt.Sprintf(` && location.pathname !== %q`, evening), browsertest.Body)
	shoot(e.T, host, "evening-run-through")
	host.Press("run-end")
	host.Press("run-end-yes")
	host.Until(browsertest.At("run-start")+fmt.Sprintf(` && location.pathname === %q`, evening), browsertest.Body)
}

// consent answers whether the person may be recorded, where the page asks, and has who asks tried how it sounds.
func (e *evening) consent(p *browsertest.Tab, name string, producer *browsertest.Tab) {
	e.Helper()
	const lobby = `[data-testid="lobby"]`
	p.Until(`document.querySelector('`+lobby+`')?.dataset.consent !== undefined && document.querySelector('`+lobby+`').dataset.consent !== "unknown"`, browsertest.Body)
	if browsertest.Eval[string](p, browsertest.At("lobby")+`.dataset.consent`) != "asked" {
		return
	}
	shoot(e.T, p, "evening-consent")
	const agreed = `document.querySelectorAll('[data-testid^="voice-"][data-consent="agreed"]').length`
	before := browsertest.Eval[int](producer, agreed)
	e.act(name+" agrees to be recorded", p, func() { p.Press("consent-agree") }, sight{"producer", producer, fmt.Sprintf("%s > %d", agreed, before)})
	const checked = `document.querySelectorAll('[data-testid^="voice-"]:not([data-check=""])').length`
	before = browsertest.Eval[int](producer, checked)
	p.Press("check-run")
	p.Until(browsertest.At("check")+`.dataset.phase === "done"`, browsertest.Body)
	producer.Until(fmt.Sprintf("%s > %d", checked, before), browsertest.Body)
	shoot(e.T, p, "evening-check")
}

// ears is what only the stage hears and reads: the producer in the guest's ear, a cue, a line of the chat.
func (e *evening) ears(producer, guest *browsertest.Tab, person string) {
	e.Helper()
	producer.Press("back-join")
	producer.Until(browsertest.At("back-state")+`.dataset.state === "on"`, browsertest.Body)
	talk := browsertest.At("talk-" + person)
	producer.Until(`!`+talk+`.disabled && (`+talk+`.focus(), document.activeElement === `+talk+`)`, browsertest.Body)
	enter := func() { producer.Do(chromedp.KeyEvent("\r")) }
	e.act("talkback", producer, enter, sight{"guest", guest, browsertest.At("ear") + `.textContent.includes("Pru")`})
	shoot(e.T, guest, "evening-ear")
	producer.Until(`(`+talk+`.focus(), document.activeElement === `+talk+`)`, browsertest.Body)
	e.act("and no more", producer, enter, sight{"guest", guest, browsertest.At("ear") + " === null"})
	e.act("a cue", producer, func() { producer.Press("cue-wrap_up") }, sight{"guest", guest, browsertest.At("cue") + `.dataset.cue === "wrap_up"`})
	e.act("the cue is taken", guest, func() { guest.Do(chromedp.KeyEvent("o")) }, sight{"producer", producer, `document.querySelector("[data-testid=cue-sent] [data-state=taken]")`})
	producer.Write("chat-text", "owls bring feathers")
	e.act("a line of the chat", producer, func() { producer.Press("chat-send") }, sight{"guest", guest, browsertest.At("chat") + `.textContent.includes("owls bring feathers")`})
	shoot(e.T, producer, "evening-ears")
	producer.Press("back-leave")
}

// clip makes one of what was just said, on the page that rewinds, and opens it.
func (e *evening) clip(p *browsertest.Tab) {
	e.Helper()
	p.Until(`document.getElementById("cliplink")?.href`, browsertest.Body)
	shoot(e.T, p, "evening-rewind")
	p.Do(chromedp.Navigate(browsertest.Eval[string](p, `document.getElementById("cliplink").href`)))
	p.Until(`globalThis.epidaurusClip?.state === "paused"`, browsertest.Body)
	shoot(e.T, p, "evening-clip")
}

// loseHost takes the host's page away in the middle: the room goes on, and the host comes back to it.
func (e *evening) loseHost(host, guest *browsertest.Tab) {
	e.Helper()
	desk := browsertest.Eval[string](host, "location.href")
	host.Do(chromedp.Navigate("about:blank"))
	guest.Until(`document.querySelectorAll('.person:not([data-away="true"])').length === 2 && `+onAir, browsertest.Body)
	host.Do(chromedp.Navigate(desk))
	host.Until(onAir+" || "+browsertest.At("mic-on"), browsertest.Body)
	if browsertest.Eval[bool](host, `Boolean(`+browsertest.At("mic-on")+`)`) {
		host.Press("mic-on")
		host.Write("name", "Ada")
		host.Press("go-on")
	}
	host.Until(onAir, browsertest.Body)
}

// move takes everybody to another room of the one who made this one, who leads that. It returns where it is heard.
func (e *evening) move(host, maker, guest, listener *browsertest.Tab) (address string) {
	e.Helper()
	browsertest.Eval[bool](maker, `(window.made = null, fetch("/api/rooms", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({title: "After"})})
		.then((a) => a.json()).then((r) => (window.made = r)), true)`)
	maker.Until(`made?.listen_url`, "JSON.stringify(made)")
	address = browsertest.Eval[string](maker, "made.listen_url")
	id := browsertest.Eval[string](maker, "made.id")
	host.Press("move")
	host.Write("move-address", address)
	e.act("the room is about to move", host, func() { host.Press("move-go") }, sight{"guest", guest, browsertest.At("moving")})
	shoot(e.T, host, "evening-moving")
	listener.Until(fmt.Sprintf(`location.pathname === "/r/%s" && epidaurus.state === "listening"`, id), "location.href + JSON.stringify(epidaurus)")
	for _, p := range []*browsertest.Tab{maker, host, guest} {
		p.Until(fmt.Sprintf(`location.pathname === "/desk/%s" && (%s || %s)`, id, onAir, browsertest.At("consent-agree")), browsertest.Body)
		if browsertest.Eval[bool](p, `Boolean(`+browsertest.At("consent-agree")+`)`) { // it is another tape
			p.Press("consent-agree")
			p.Press("go-on")
		}
		p.Until(onAir, browsertest.Body)
	}
	shoot(e.T, listener, "evening-moved")
	return address
}

// onStage is a condition on who is there, by name.
func onStage(name string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("[data-testid^=person-]")].some(e => e.innerText.includes(%q))`, name)
}

// fill writes a value into a field that is no text.
func fill(p *browsertest.Tab, id, value string) {
	p.Helper()
	browsertest.Eval[bool](p, fmt.Sprintf(`((f) => (f.value = %q, f.dispatchEvent(new Event("input", {bubbles: true})), f.dispatchEvent(new Event("change", {bubbles: true})), true))(%s)`, value, browsertest.At(id)))
}

// choose takes an option.
func choose(p *browsertest.Tab, id, value string) {
	p.Helper()
	p.Until(browsertest.At(id), browsertest.Body)
	fill(p, id, value)
}

// idOf is who is on stage under a name.
func idOf(p *browsertest.Tab, name string) string {
	p.Helper()
	p.Until(onStage(name), browsertest.Body)
	return browsertest.Eval[string](p, fmt.Sprintf(`[...document.querySelectorAll("[data-testid^=person-]")].find(e => e.innerText.includes(%q)).dataset.testid.slice(7)`, name))
}

// plan moves the start to where it was, as the host's page would after "ten minutes late" pressed by mistake.
func (e *evening) plan(host *browsertest.Tab, start time.Time) {
	e.Helper()
	status := browsertest.Eval[int](host, fmt.Sprintf(`(async () => {
		const room = location.pathname.split("/")[2];
		const token = sessionStorage.getItem("epidaurus.token." + room);
		const answer = await fetch("/api/rooms/" + room + "/plan", {method: "PATCH", headers: {Authorization: "Bearer " + token, "Content-Type": "application/json"},
			body: JSON.stringify({start: %q, zone: "UTC"})});
		return answer.status;
	})()`, start.UTC().Format(time.RFC3339)))
	if status != 200 {
		e.Fatalf("moving the start back answers %d", status)
	}
}

// hands lets a listener raise a hand, come on stage, and be led off it again.
func (e *evening) hands(producer, page *browsertest.Tab) {
	e.Helper()
	page.Click("#listen")
	page.Until(`epidaurus.state === "listening" && epidaurus.frame > 0`, "JSON.stringify(epidaurus)")
	page.Click("#hand")
	page.Until(hand+`.getElementById("raise")?.textContent`, browsertest.Body)
	shoot(e.T, page, "evening-hand")
	e.act("raise a hand", page, func() {
		page.Do(chromedp.Evaluate[chromedp.Void](`{
			const d = ` + hand + `;
			d.getElementById("name").value = "Lena";
			d.getElementById("line").value = "Who counts the tides?";
			window.pressedAt = Date.now();
			d.getElementById("form").requestSubmit();
		}`))
	}, sight{"producer", producer, shows(".hand", "Who counts the tides?")})
	e.act("invite a hand", producer, func() { producer.Press("hand-invite") }, sight{lena, page, hand + `.body.dataset.state === "invited"`})
	page.Do(chromedp.Evaluate[chromedp.Void](hand + `.getElementById("come").click()`))
	page.Until(`location.pathname.startsWith("/desk/")`, "location.href")
	page.Press("mic-on")
	e.consent(page, "Lena", producer)
	e.act("she comes on stage", page, func() { page.Press("go-on") }, sight{"producer", producer, onStage("Lena")})
	id := idOf(producer, "Lena")
	e.act("back to the audience", producer, func() {
		producer.Press("more-" + id)
		producer.Press("send-back-" + id)
	}, sight{"speaker", page, air("sent-back")})
	e.act("call up", producer, func() { producer.Press("call-up-" + id) }, sight{"speaker", page, browsertest.At("go-on")})
	page.Press("mic-on")
	page.Press("go-on")
	producer.Until(fmt.Sprintf(`document.querySelector('[data-testid="person-%s"]')`, id), browsertest.Body)
	e.act("remove", producer, func() {
		producer.Press("remove-" + id)
		producer.Press("remove-" + id + "-yes")
	}, sight{"speaker", page, air("removed")})
	shoot(e.T, page, "evening-removed")
}

// crowd is listeners who notice whatever is missing.
type crowd struct {
	*evening
	done   chan struct{}
	report report
	err    error
}

// crowd lets one of the program's own listeners look at every frame of a minute.
func (e *evening) crowd(address string) *crowd {
	c := &crowd{evening: e, done: make(chan struct{})}
	ctx := e.Context()
	go func() {
		defer close(c.done)
		cmd := exec.CommandContext(ctx, program, "listen", address, "--json", "--for", "45s")
		out, err := cmd.Output()
		c.err = err
		if jsonErr := json.Unmarshal(out, &c.report); jsonErr != nil {
			c.err = fmt.Errorf("listen says %q: %w", out, jsonErr)
		}
	}()
	return c
}

func (c *crowd) check() {
	c.Helper()
	<-c.done
	if c.err != nil || c.report.GapCount != 0 || len(c.report.Faults) != 0 {
		c.Errorf("a listener found %+v (%v)", c.report, c.err)
	}
}
