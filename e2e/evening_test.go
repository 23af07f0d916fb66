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
		// The page keeps when it saw it: a call from here takes longer than what is measured.
		browsertest.Eval[bool](s.page, fmt.Sprintf(`(window.seenAt = 0, clearInterval(window.watching), window.watching = setInterval(() => {
			try { if (!window.seenAt && (%s)) { window.seenAt = Date.now(); clearInterval(window.watching); } } catch {}
		}, 10), true)`, s.condition))
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

// air is a condition on what a desk's great word says, and why.
func air(reason string) string {
	return fmt.Sprintf(`document.querySelector('.air[data-reason=%q]')`, reason)
}

func shows(selector, text string) string {
	return fmt.Sprintf(`document.querySelector(%q)?.innerText.includes(%q)`, selector, text)
}

// A whole evening of several people in real browsers: announced, doors, begun by the clock, on stage and off it, ended and heard again. Every
// step is seen by the others; screenshots of all pages are kept in e2e/output. It takes some minutes, so it is run by
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
	start := time.Now().Add(90 * time.Second).Truncate(time.Minute).Add(time.Minute) // of the form's whole minutes the first with time for what comes before
	host.Write("room-title", "Harbour talk")
	fill(host, "room-start", start.Format("2006-01-02T15:04"))
	fill(host, "room-lead", "0")
	fill(host, "room-description", "Ada Lovelace and Grace Hopper on the machines that remember.")
	shoot(t, host, "evening-plan")
	host.Press("room-create")
	host.Until(browsertest.At("open-doors"), browsertest.Body)
	host.Do(chromedp.Evaluate[chromedp.Void](`history.replaceState(null, "", "?raw=1"), location.reload()`))
	host.Until(browsertest.At("open-doors")+` && location.search === "?raw=1"`, browsertest.Body)
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
	browsertest.Eval[bool](listener, `document.dispatchEvent(new Event("visibilitychange"))`) // a countdown looks once in a minute or two, and when it is looked at
	listener.Until(`document.getElementById("chip").dataset.state === "doors" && epidaurus.frame > 0`, "JSON.stringify(epidaurus)")
	shoot(t, listener, "evening-doors")
	person := func(name string) string { return idOf(host, name) }
	for _, who := range []struct {
		page *browsertest.Tab
		name string
	}{{host, "Ada"}, {guest, "Grace"}, {cohost, "Nikos"}} {
		who.page.Press("mic-on")
		who.page.Write("name", who.name)
		e.act(who.name+" goes on stage", who.page, func() { who.page.Press("go-on") },
			sight{"producer", producer, onStage(who.name)})
	}
	shoot(t, producer, "evening-producer-doors")

	// Ten minutes late, and on time after all.
	e.act("ten minutes late", producer, func() { producer.Press("late") }, sight{"guest", guest, `/Begins in 1\d:/.test(` + browsertest.At("life-state") + `.textContent)`})
	e.plan(host, start)
	host.Until(onAir, browsertest.Body) // the clock begins
	late := browsertest.Eval[float64](host, "Date.now()") - float64(start.UnixMilli())
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
	e.act("mute all", producer, func() { producer.Press("mute-all") }, sight{"host", host, air("muted-by-other")}, sight{"co-host", cohost, air("muted-by-other")})
	for _, p := range []*browsertest.Tab{host, guest, cohost} {
		p.Press("mute")
		p.Until(onAir, browsertest.Body)
	}
	e.hands(producer, open(silent, address))
	e.act("hand over the room", host, func() {
		host.Press("more-" + person("Nikos"))
		host.Press("host-" + person("Nikos"))
		host.Press("host-" + person("Nikos") + "-yes")
	}, sight{"co-host", cohost, browsertest.At("end")})
	host, cohost = cohost, host // Nikos leads from here on

	// What is said can be taken back.
	e.act("a delay of 5 s", producer, func() { choose(producer, "delay", "5") },
		sight{"host", host, browsertest.At("delay") + `.value === "5"`})
	producer.Until(`!`+browsertest.At("dump")+`.disabled && `+shows(`[data-testid="delay-word"]`, "5"), browsertest.Body)
	e.act("dump", producer, func() { producer.Press("dump") }, sight{"host", host, browsertest.At("dumped") + `.innerText !== ""`})
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
	end()
	listener.Until(`epidaurus.state === "ended"`, "JSON.stringify(epidaurus)")
	shoot(t, listener, "evening-ended")
	again := open(listeners, address)
	again.Until(`document.querySelector("audio") && document.body.dataset.state !== "none" && document.querySelector("#play, #listen")`, browsertest.Body)
	shoot(t, again, "evening-replay")
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
