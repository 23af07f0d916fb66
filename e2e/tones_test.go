package e2e

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
)

func itoa(n int) string { return strconv.Itoa(n) }

// goOnStage opens a desk in a browser, and presses the button.
func goOnStage(t *testing.T, b *browsertest.Shared, desk string) *browsertest.Tab {
	t.Helper()
	p := openTapped(t, b.New(t), raw(desk))
	enterStage(p, "Somebody")
	p.Until(onAir, `document.querySelector(".air")?.innerText`)
	return p
}

// enterStage walks through the lobby until everybody hears.
func enterStage(p *browsertest.Tab, name string) {
	p.Helper()
	p.Press("mic-on")
	agree(p)
	p.Write("name", name)
	p.Press("go-on")
}

// agree says in the lobby that the person may be recorded, where the page asks.
func agree(p *browsertest.Tab) {
	p.Helper()
	p.Until(browsertest.At("lobby")+`?.dataset.consent !== undefined && `+browsertest.At("lobby")+`.dataset.consent !== "unknown"`, browsertest.Body)
	if browsertest.Eval[string](p, browsertest.At("lobby")+`.dataset.consent`) == "asked" {
		p.Press("consent-agree")
	}
}

// openTapped opens a page whose sound a test can record. More scripts run in it before its own.
func openTapped(t *testing.T, b context.Context, address string, scripts ...string) *browsertest.Tab {
	t.Helper()
	p := browsertest.Open(t, b, "about:blank", append(scripts, keepTracks)...)
	_, err := chromedp.Call(p.Ctx, cdp.SetBypassCSP, cdp.SetBypassCSPParams{Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	p.Do(chromedp.Navigate(address))
	return p
}

// Two people in two browsers and a listener in a third: everybody hears the others, nobody himself, and nothing else is in the sound.
func TestTwoTonesInThreeBrowsers(t *testing.T) {
	t.Parallel()
	s := serve(t).open("Two tones", true)
	host := goOnStage(t, ada, s.hostDesk())
	guest := goOnStage(t, grace, s.invite("Grace").DeskURL)
	listener := sitDown(t, s.room.ListenURL)

	hearsCleanly(host, "heard", 2, 4, without(660, 440))
	hearsCleanly(guest, "heard", 2, 4, without(440, 660))
	hearsCleanly(listener, captured, 2, 11, bothTones(40))
}

// bothTones is clean where both are heard, by so many dB above all else.
func bothTones(above float64) func([]float64) (bool, string) {
	return func(hertz []float64) (bool, string) {
		low, high := peak(hertz, 440), peak(hertz, 660)
		other, at := rest(hertz, 440, 660)
		weaker := min(low, high)
		return weaker > -40 && other < weaker-above,
			fmt.Sprintf("440 Hz at %.1f dB, 660 Hz at %.1f dB, the strongest other at %.1f dB and %d Hz", low, high, other, at)
	}
}

// without is clean where a tone is heard, and another is not.
func without(tone, not int) func([]float64) (bool, string) {
	return func(hertz []float64) (bool, string) {
		there, away := peak(hertz, tone), peak(hertz, not)
		return there > -40 && away < there-40, fmt.Sprintf("%d Hz at %.1f dB, %d Hz at %.1f dB", tone, there, not, away)
	}
}
