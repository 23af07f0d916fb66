// Package browsertest drives a real Chromium in tests. Nothing in it depends on how fast the machine is: waits are conditions, and
// give up after Patience.
package browsertest

import (
	"context"
	"errors"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// Patience is how long anything may take on a machine that does other work beside.
const Patience = time.Minute

// Autoplay lets pages make sound before anybody has touched them.
var Autoplay = chromedp.Flag("autoplay-policy", "no-user-gesture-required")

// Microphone gives a Chromium a WAV file (48 kHz, mono, 16 bit, looped) as its microphone, the right to use it, and a way to a server
// on the same machine.
func Microphone(file string) chromedp.ExecAllocatorOption {
	flags := []chromedp.ExecAllocatorOption{
		chromedp.Flag("use-fake-device-for-media-stream", true),
		chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-audio-capture", file),
		Loopback,
	}
	return func(a *chromedp.ExecAllocator) {
		for _, set := range flags {
			set(a)
		}
	}
}

// Loopback lets peer connections use the addresses of this machine alone.
var Loopback = chromedp.Flag("allow-loopback-in-peer-connection", true)

// Still says to pages that the user wants no motion, which leaves the machine to what is tested.
var Still = chromedp.Flag("force-prefers-reduced-motion", true)

// Windowed is the whole Chromium, for what is about more than a page: its prompts.
var Windowed = chromedp.ExecPath("chromium")

// windowless is the Chromium of Debian's chromium-headless-shell: the same pages, sound and peer connections, without the windows around them,
// which nobody sees and which take as long as the pages. Where it is not installed, what is there is used.
func windowless(a *chromedp.ExecAllocator) {
	path, err := exec.LookPath("chromium-headless-shell")
	if err == nil {
		chromedp.ExecPath(path)(a)
	}
}

// New starts a Chromium with a profile of its own, for a test and its parts. It ends with the test.
func New(t testing.TB, options ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	browser, stop, err := start(options)
	t.Cleanup(stop)
	if err != nil {
		t.Fatalf("start Chromium (package chromium): %v", err)
	}
	return browser
}

// Shared is one Chromium for all tests of a package, which starts when a test first asks for it. It may be used from several tests at
// once. Close ends it, after the last test.
type Shared struct {
	once    sync.Once
	options []chromedp.ExecAllocatorOption

	// set by once
	browser context.Context
	stop    func()
	err     error
}

// Share names the options of a Chromium that tests share.
func Share(options ...chromedp.ExecAllocatorOption) *Shared { return &Shared{options: options} }

// New returns a profile of its own in the shared Chromium, for a test and its parts: it has no cookie and no storage of another one.
func (s *Shared) New(t testing.TB) context.Context {
	t.Helper()
	s.once.Do(func() { s.browser, s.stop, s.err = start(s.options) })
	if s.err != nil {
		t.Fatalf("start Chromium (package chromium): %v", s.err)
	}
	made, err := chromedp.CallBrowser(s.browser, target.CreateBrowserContext, target.CreateBrowserContextParams{})
	if err != nil {
		t.Fatalf("make a profile in Chromium: %v", err)
	}
	profile, cancel := chromedp.NewContext(s.browser, chromedp.WithExistingBrowserContext(made.BrowserContextID))
	t.Cleanup(func() {
		cancel()
		_, err := chromedp.CallBrowser(s.browser, target.DisposeBrowserContext, target.DisposeBrowserContextParams(made))
		if err != nil {
			t.Errorf("remove a profile from Chromium: %v", err)
		}
	})
	return profile
}

// Close ends the Chromium, if one was started. No test can have one afterwards.
func (s *Shared) Close() {
	s.once.Do(func() { s.err = errors.New("it was closed") })
	if s.stop != nil {
		s.stop()
	}
}

// start starts a Chromium. What stop does has to be done in any case. The profile is in a temporary folder, which stop removes.
func start(options []chromedp.ExecAllocatorOption) (browser context.Context, stop func(), err error) {
	alloc, stopProcess := chromedp.NewExecAllocator(context.Background(), append([]chromedp.ExecAllocatorOption{
		windowless, chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.WSURLReadTimeout(Patience),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true),
		// A tab that nobody looks at has to go on as one that is looked at.
		chromedp.Flag("disable-background-timer-throttling", true), chromedp.Flag("disable-renderer-backgrounding", true),
		chromedp.Flag("disable-backgrounding-occluded-windows", true),
	}, options...)...)
	browser, cancel := chromedp.NewContext(alloc)
	return browser, func() {
		cancel()
		stopProcess()
	}, chromedp.Do(browser)
}
