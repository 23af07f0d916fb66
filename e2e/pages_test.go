package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/room"
)

// troupe is everybody of an evening.
type troupe struct {
	*show
	t *testing.T

	host, cohost, producer, guest *browsertest.Tab
	early, late                   *browsertest.Tab // listeners: before the doors, and after they were closed
}

// A whole evening by browsers, from the announcement to the replay, in about five minutes. Each page is kept in e2e/output at each step, on a
// phone and on a desk, in the dark and by day: EPIDAURUS_EVENING=1 go test ./e2e -run TestPagesOfAnEvening -v, and look at them.
func TestPagesOfAnEvening(t *testing.T) {
	if os.Getenv("EPIDAURUS_EVENING") == "" {
		t.Skip("it takes five minutes, and others try each of its steps: set EPIDAURUS_EVENING")
	}
	c := &troupe{show: &show{server: serve(t)}, t: t}
	c.announce()
	c.invite()
	c.openDoors()
	c.begin()
	c.raiseHand()
	c.takeBack()
	c.closeDoors()
	c.loseHost()
	c.finish()
}

// seen waits until somebody else's page shows what was done, and says after how long.
func (c *troupe) seen(p *browsertest.Tab, what, condition string) {
	c.t.Helper()
	since := time.Now()
	p.Until(condition, browsertest.Body)
	took := time.Since(since)
	c.t.Logf("%s: seen after %v", what, took.Round(time.Millisecond))
	if limit := bar(500 * time.Millisecond); took > limit {
		c.t.Errorf("%s: seen after %v, more than %v", what, took, limit)
	}
}

// heard waits until a listener's page shows it, which is at its frame.
func (c *troupe) heard(p *browsertest.Tab, condition string) {
	c.t.Helper()
	p.Until(condition, "JSON.stringify(epidaurus) + document.body.innerText")
}

func (c *troupe) air(p *browsertest.Tab, reason string) string {
	return fmt.Sprintf(`document.querySelector('.air[data-reason=%q]')`, reason)
}

// set gives a field its value as somebody who writes would.
func set(p *browsertest.Tab, id, value string) {
	p.Helper()
	p.Until(browsertest.At(id), browsertest.Body)
	browsertest.Eval[bool](p, fmt.Sprintf(`((e) => {
		Object.getOwnPropertyDescriptor(e.constructor.prototype, "value").set.call(e, %q);
		for (const kind of ["input", "change"]) e.dispatchEvent(new Event(kind, { bubbles: true }));
		return true;
	})(%s)`, value, browsertest.At(id)))
}

// announce claims the server, and announces a room by its form, to begin at the next minute but one.
func (c *troupe) announce() {
	c.host = openTapped(c.t, ada.New(c.t), c.claim)
	shoot(c.t, c.host, "evening-01-claim")
	c.host.Press("claim")
	c.host.Press("room-plan")
	c.host.Write("room-title", "The evening")
	start := browsertest.Eval[string](c.host, `((d) => new Date(d - d.getTimezoneOffset() * 60e3).toISOString().slice(0, 16))(new Date(Math.ceil(Date.now() / 60e3 + 1.5) * 60e3))`)
	set(c.host, "room-start", start)
	set(c.host, "room-lead", "1")
	set(c.host, "room-description", "Two voices, and a hand from the last row.")
	shoot(c.t, c.host, "evening-02-plan")
	c.host.Press("room-create")
	c.host.Until(browsertest.At("listen-link")+" && "+browsertest.At("late"), browsertest.Body)
	c.room.ID = room.ID(browsertest.Eval[string](c.host, `location.pathname.split("/")[2]`))
	c.room.ListenURL = browsertest.Eval[string](c.host, browsertest.At("listen-link")+".value")
	shoot(c.t, c.host, "evening-03-desk-announced")
	c.early = browsertest.Open(c.t, browsertest.New(c.t), c.room.ListenURL)
	c.early.Until(`document.querySelector("#before .count")?.textContent`, browsertest.Body)
	shoot(c.t, c.early, "evening-04-before")
	c.early.Click("#listen")
	c.early.Until(`before.armed > 0`, browsertest.Body)
	shoot(c.t, c.early, "evening-05-armed")
}

// place makes an invitation at the host's desk.
func (c *troupe) place(name string, role room.Role) string {
	c.t.Helper()
	c.host.Write("invite-name", name)
	set(c.host, "invite-role", string(role))
	c.host.Press("invite")
	c.host.Until(fmt.Sprintf(`document.querySelector(".made h3")?.textContent.includes(%q)`, name), browsertest.Body)
	return raw(browsertest.Eval[string](c.host, browsertest.At("invite-link")+".value"))
}

func (c *troupe) invite() {
	c.producer = browsertest.Open(c.t, listeners.New(c.t), c.place("Pru", room.Producer))
	c.cohost = openTapped(c.t, grace.New(c.t), c.place("Cora", room.CoHost))
	c.guest = openTapped(c.t, clicking.New(c.t), c.place("Grace", room.Speaker))
	c.producer.Until(browsertest.At("crowd"), browsertest.Body)
	shoot(c.t, c.producer, "evening-06-producer")
	shoot(c.t, c.guest, "evening-07-guest")
}

// openDoors waits for the clock, which opens them; then all go on stage behind the curtain.
func (c *troupe) openDoors() {
	c.host.Until(`document.querySelector(".chip.doors")`, browsertest.Body)
	set(c.producer, "delay", "5")
	for name, p := range map[string]*browsertest.Tab{"Ada": c.host, "Cora": c.cohost, "Grace": c.guest} {
		enterStage(p, name)
	}
	for _, p := range []*browsertest.Tab{c.host, c.cohost, c.guest} {
		p.Until(c.air(p, "curtain")+" || "+c.air(p, "live"), browsertest.Body)
	}
	shoot(c.t, c.host, "evening-08-green-room")
	c.heard(c.early, `epidaurus.state === "listening" && epidaurus.frame > 0`)
	shoot(c.t, c.early, "evening-09-doors")
}

// begin waits for the start, with a crowd.
func (c *troupe) begin() {
	crowd := exec.Command(program, "drill", "run", c.room.ListenURL, "--listeners", "50", "--ramp", "5s", "--hold", "10m", "--no-keep")
	crowd.Stdout = nil
	err := crowd.Start()
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		_ = crowd.Process.Signal(syscall.SIGINT)
		_ = crowd.Wait() // what it found TestDrill… tell
	})
	c.host.Until(onAir, browsertest.Body)
	shoot(c.t, c.host, "evening-10-on-air")
	c.heard(c.early, `document.getElementById("chip").dataset.state === "live" && document.querySelectorAll("#people li b").length === 3`)
	shoot(c.t, c.early, "evening-11-live")
	c.host.Until(`/first word/i.test(`+browsertest.At("life-state")+`.textContent)`, browsertest.Body)
	c.t.Log(browsertest.Eval[string](c.host, browsertest.At("life-state")+".textContent"))
}

// raiseHand brings a listener on stage.
func (c *troupe) raiseHand() {
	lena := browsertest.Open(c.t, silent.New(c.t), c.room.ListenURL)
	lena.Click("#listen")
	c.heard(lena, `epidaurus.state === "listening" && epidaurus.frame > 0`)
	lena.Click("#hand")
	lena.Until(hand+`.getElementById("raise")?.textContent`, browsertest.Body)
	shoot(c.t, lena, "evening-12-hand")
	lena.Do(chromedp.Evaluate[chromedp.Void](`{
		const d = ` + hand + `;
		d.getElementById("name").value = "Lena";
		d.getElementById("line").value = "Who counts the tides?";
		d.getElementById("form").requestSubmit();
	}`))
	c.seen(c.producer, "a hand", `document.querySelector(".hand")?.innerText.includes("Who counts the tides?")`)
	shoot(c.t, c.producer, "evening-13-hands")
	c.producer.Press("hand-invite")
	lena.Until(hand+`.body.dataset.state === "invited"`, hand+`.body.innerText`)
	lena.Do(chromedp.Evaluate[chromedp.Void](hand + `.getElementById("come").click()`))
	lena.Until(`location.pathname.startsWith("/desk/")`, "location.href")
	lena.Press("mic-on")
	lena.Press("go-on")
	lena.Until(onAir, browsertest.Body)
	c.seen(c.guest, "who came on stage", `document.querySelectorAll(".person").length === 4`)
	c.heard(c.early, `document.getElementById("people").innerText.includes("Lena")`)
	c.producer.Press("mute-all")
	c.seen(c.guest, "mute all", c.air(c.guest, "muted-by-other"))
	shoot(c.t, c.guest, "evening-14-muted")
	for _, p := range []*browsertest.Tab{c.host, c.cohost, c.guest, lena} {
		p.Press("mute")
		p.Until(onAir, browsertest.Body)
	}
	lena.Press("leave")
	c.seen(c.host, "who left", `document.querySelectorAll(".person").length === 3`)
}

// takeBack dumps what was said last.
func (c *troupe) takeBack() {
	c.producer.Press("dump")
	c.seen(c.producer, "the dump", browsertest.At("dumped")+`.textContent`)
	shoot(c.t, c.producer, "evening-15-dumped")
	c.producer.Press("cart-jingle")
	c.seen(c.host, "a cart", browsertest.At("cart-jingle")+`.ariaPressed === "true"`)
}

// closeDoors turns newcomers away, and lets them in again.
func (c *troupe) closeDoors() {
	c.cohost.Press("closing")
	set(c.cohost, "closed-at", "1")
	set(c.cohost, "notice", "Full already: come back tomorrow.")
	c.cohost.Press("close-doors")
	c.seen(c.host, "closed doors", browsertest.At("doors-closed"))
	c.late = browsertest.Open(c.t, listeners.New(c.t), c.room.ListenURL)
	c.late.Click("#listen")
	c.heard(c.late, `epidaurus.state === "full"`)
	shoot(c.t, c.late, "evening-16-closed")
	c.host.Press("reopen")
	c.seen(c.cohost, "open doors", browsertest.At("closing"))
	c.heard(c.late, `epidaurus.state === "listening" && epidaurus.frame > 0`)
}

// loseHost reloads the host's page in the middle: the room goes on, and the host comes back by it.
func (c *troupe) loseHost() {
	c.host.Do(chromedp.Navigate("about:blank"))
	c.cohost.Until(`document.querySelectorAll('.person:not([data-away="true"])').length === 2`, browsertest.Body)
	c.cohost.Until(onAir, browsertest.Body)
	c.heard(c.early, `epidaurus.state === "listening" && !document.getElementById("audio").paused`)
	c.host.Do(chromedp.Navigate(c.stage + "/desk/" + string(c.room.ID)))
	enterStage(c.host, "Ada")
	c.host.Until(onAir, browsertest.Body)
	person := browsertest.Eval[string](c.host, `[...document.querySelectorAll("[data-testid^=person-]")].find(e => e.innerText.includes("Cora")).dataset.testid.slice(7)`)
	c.host.Press("more-" + person)
	c.host.Press("host-" + person)
	c.host.Press("host-" + person + "-yes")
	c.seen(c.cohost, "the room handed over", browsertest.At("end"))
	shoot(c.t, c.cohost, "evening-17-handed-over")
}

// finish ends it, takes that back, and ends it again; then it is heard once more.
func (c *troupe) finish() {
	c.cohost.Press("end")
	c.cohost.Press("end-yes")
	c.seen(c.host, "the coming end", browsertest.At("ending"))
	shoot(c.t, c.cohost, "evening-18-ending")
	c.cohost.Press("stay")
	c.seen(c.host, "the end taken back", "!"+browsertest.At("ending"))
	c.cohost.Press("end")
	c.cohost.Press("end-yes")
	for _, p := range []*browsertest.Tab{c.early, c.late} {
		c.heard(p, `epidaurus.state === "ended"`)
	}
	shoot(c.t, c.early, "evening-19-ended")
	for _, p := range []*browsertest.Tab{c.host, c.cohost, c.guest} {
		p.Until(`document.querySelector('.air[data-word="mic-off"]')`, browsertest.Body)
	}
	c.early.Until(`!document.getElementById("tape").hidden`, browsertest.Body)
	c.early.Until(fmt.Sprintf(`(await fetch(%q)).ok && (await (await fetch(%q)).text()).includes("seek")`, c.room.ListenURL, c.room.ListenURL), browsertest.Body)
	replay := browsertest.Open(c.t, listeners.New(c.t), c.room.ListenURL)
	replay.Until(`globalThis.epidaurusTape?.state === "paused" && epidaurusTape.total > 20`, browsertest.Body)
	shoot(c.t, replay, "evening-20-replay")
	home := browsertest.Open(c.t, listeners.New(c.t), c.stage+"/desk/")
	home.Until(browsertest.At("not-host"), browsertest.Body)
	c.host.Do(chromedp.Navigate(c.stage + "/desk/"))
	c.host.Until(`document.querySelector(".room")`, browsertest.Body)
	shoot(c.t, c.host, "evening-21-home")
}
