package e2e

import (
	"context"
	"strconv"
	"testing"

	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
)

func itoa(n int) string { return strconv.Itoa(n) }

// goOnStage opens a desk in a browser of its own, with a file as its microphone, and presses the button.
func goOnStage(t *testing.T, desk, microphone string) *browsertest.Tab {
	t.Helper()
	b := browsertest.New(t, browsertest.Microphone(microphone), browsertest.Autoplay)
	p := openTapped(t, b, raw(desk))
	enterStage(p, "Somebody")
	p.Until(onAir, `document.querySelector(".air")?.innerText`)
	return p
}

// enterStage walks through the lobby until everybody hears.
func enterStage(p *browsertest.Tab, name string) {
	p.Helper()
	p.Press("mic-on")
	p.Write("name", name)
	p.Press("go-on")
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
	s := serve(t).open("Two tones", true)
	host := goOnStage(t, s.hostDesk(), tone(t, 440, 0.1))
	guest := goOnStage(t, s.invite("Grace").DeskURL, tone(t, 660, 0.1))
	listener := sitDown(t, s.room.ListenURL)

	t.Run("HostHearsTheGuestOnly", func(t *testing.T) { hears(t, record(host, "heard", 6), 660, 440) })
	t.Run("GuestHearsTheHostOnly", func(t *testing.T) { hears(t, record(guest, "heard", 6), 440, 660) })
	t.Run("ListenerHearsBoth", func(t *testing.T) {
		pcm := record(listener, "document.getElementById('audio').captureStream()", 16)
		clean := 0
		for second := 5; second < 16; second++ {
			hertz := spectrum(pcm[second*sampleRate:][:sampleRate])
			low, high := peak(hertz, 440), peak(hertz, 660)
			other, at := rest(hertz, 440, 660)
			t.Logf("second %d: 440 Hz %.1f dB, 660 Hz %.1f dB, strongest other %.1f dB at %d Hz", second, low, high, other, at)
			if weaker := min(low, high); weaker > -40 && other < weaker-40 {
				clean++
			}
		}
		// A busy machine starves one of four Chromium processes now and then, which is heard.
		if clean < 8 || exactly && clean < 11 {
			t.Errorf("%d of 11 seconds hold both tones and nothing else above -40 dB of the weaker one", clean)
		}
	})
}

// hears fails unless a tone is there in each second, and another is not.
func hears(t *testing.T, pcm []float32, tone, not int) {
	t.Helper()
	for second := 2; second < len(pcm)/sampleRate; second++ {
		hertz := spectrum(pcm[second*sampleRate:][:sampleRate])
		there, away := peak(hertz, tone), peak(hertz, not)
		t.Logf("second %d: %d Hz %.1f dB, %d Hz %.1f dB", second, tone, there, not, away)
		if there < -40 || away > there-40 {
			t.Errorf("second %d: %d Hz is at %.1f dB and %d Hz at %.1f dB", second, tone, there, not, away)
		}
	}
}
