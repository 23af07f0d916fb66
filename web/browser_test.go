package web

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/internal/wav"
)

// chromium is shared by all tests but those that need flags of their own. Its microphone hears a steady tone; its pages move where a
// look asks for it.
var chromium *browsertest.Shared

// together is how many tests run at the same time, where -parallel does not say it: most of them wait for sound, in real time.
const together = "6"

func TestMain(m *testing.M) {
	os.Exit(func() int {
		flag.Parse()
		parallel := flag.Lookup("test.parallel")
		if parallel.Value.String() == parallel.DefValue {
			_ = flag.Set(parallel.Name, together) // it is a number
		}
		dir, err := os.MkdirTemp("", "epidaurus-web")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
		tone := filepath.Join(dir, "tone.wav")
		err = writeTone(tone)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		chromium = browsertest.Share(browsertest.Microphone(tone), browsertest.Still)
		defer chromium.Close()
		return m.Run()
	}())
}

// writeTone writes a second of 440 Hz at -12 dBFS.
func writeTone(name string) error {
	pcm := make([]float32, wav.Rate)
	for i := range pcm {
		pcm[i] = float32(0.2512 * math.Sin(2*math.Pi*440*float64(i)/wav.Rate))
	}
	return wav.WriteFile(name, pcm)
}

// tab shows the listener's page.
type tab struct{ *browsertest.Tab }

func open(t *testing.T, browser context.Context, address string, scripts ...string) *tab {
	t.Helper()
	return &tab{browsertest.Open(t, browser, address, append(scripts, meter)...)}
}

// meter keeps the longest time for which the page stood still, in ms, since it came.
const meter = `window.stood = 0; { let last = performance.now(); setInterval(() => {
	const now = performance.now();
	if (document.readyState === "complete") stood = Math.max(stood, now - last);
	last = now;
}, 20); }`

// kept reports whether the machine gave the page its time, so that what it did in time can be judged. Where figures are asked for
// (EPIDAURUS_BARS) it has to.
func (p *tab) kept() bool {
	p.Helper()
	stood := browsertest.Eval[float64](p.Tab, "stood")
	if stood < 500 || exactly {
		return true
	}
	p.Logf("the page stood still for %.0f ms: its timing is not judged", stood)
	return false
}

// status is what is known about the listener's page, as a JavaScript expression.
const status = `JSON.stringify([{...epidaurus}, document.getElementById("status").textContent, audio.currentTime, audio.readyState,
	audio.paused, audio.error?.message, audio.buffered.length && [audio.buffered.start(0), audio.buffered.end(audio.buffered.length - 1)]])`

// until waits for a JavaScript condition.
func (p *tab) until(condition string) {
	p.Helper()
	p.Until(condition, status)
}

func (p *tab) status() string { return browsertest.Eval[string](p.Tab, status) }

func (p *tab) listen() {
	p.Helper()
	p.Click("#listen")
	p.until(`epidaurus.state === "listening" && !audio.paused && epidaurus.frame > 0 && audio.readyState > 2`)
}

// plays waits until the ear has gone on for so long.
func (p *tab) plays(d time.Duration) {
	p.Helper()
	from := browsertest.Eval[float64](p.Tab, "epidaurus.frame")
	p.until(fmt.Sprintf("epidaurus.frame >= %f", from+d.Seconds()*50))
}

func (p *tab) text(id string) string {
	p.Helper()
	return browsertest.Eval[string](p.Tab, fmt.Sprintf("document.getElementById(%q).innerText", id))
}
