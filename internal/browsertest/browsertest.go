// Package browsertest drives a real Chromium in tests.
package browsertest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Patience is how long anything may take on a machine that does other work beside.
const Patience = 30 * time.Second

// New starts one Chromium for a test and its parts. It has a profile of its own and goes with the test.
func New(t testing.TB, extra ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	dir, err := os.MkdirTemp("", "epidaurus-browser")
	if err != nil {
		t.Fatal(err)
	}
	options := append([]chromedp.ExecAllocatorOption{
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.UserDataDir(dir),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true),
		// A tab that nobody looks at has to go on as one that is looked at.
		chromedp.Flag("disable-background-timer-throttling", true), chromedp.Flag("disable-renderer-backgrounding", true),
		chromedp.Flag("disable-backgrounding-occluded-windows", true),
	}, extra...)
	alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		cancel()
		stop()
		for range 50 { // Chromium's children write for a moment after it has ended
			if os.RemoveAll(dir) == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	err = chromedp.Do(ctx)
	if err != nil {
		t.Fatalf("start Chromium (package chromium): %v", err)
	}
	return ctx
}

// Microphone gives a Chromium a WAV file (48 kHz, mono, 16 bit, looped) as its microphone, and the right to use it.
func Microphone(file string) []chromedp.ExecAllocatorOption {
	return []chromedp.ExecAllocatorOption{
		chromedp.Flag("use-fake-device-for-media-stream", true),
		chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-audio-capture", file),
		chromedp.Flag("allow-loopback-in-peer-connection", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
	}
}

// Tab is one page of a browser.
type Tab struct {
	testing.TB
	Ctx context.Context
}

// Open shows a page in a new tab, which fails the test on an exception, a refused load or a breach of the page's policy. Scripts run
// in the page before its own.
func Open(t testing.TB, browser context.Context, address string, scripts ...string) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	p := &Tab{t, ctx}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.IsException() || m.Source == "security" || strings.Contains(m.Text, "Content Security Policy") {
				t.Errorf("console: %s", m)
			}
		}
	}()
	for _, script := range scripts {
		_, err := chromedp.Call(ctx, cdp.AddScriptToEvaluateOnNewDocument, cdp.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		if err != nil {
			t.Fatal(err)
		}
	}
	p.Do(chromedp.Navigate(address))
	return p
}

// Do runs steps one after the other.
func (p *Tab) Do(steps ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Ctx, Patience)
	defer cancel()
	err := chromedp.Do(ctx, steps...)
	if err != nil {
		p.Fatal(err)
	}
}

// Click clicks what a CSS selector names, once it is there.
func (p *Tab) Click(selector string) {
	p.Helper()
	p.Do(chromedp.Click(chromedp.CSS(selector)))
}

// Until waits for a JavaScript condition; why is evaluated for the message when it does not come.
func (p *Tab) Until(condition, why string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Ctx, Patience)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Poll[bool]("!!("+condition+")", chromedp.WithPollingInterval(10*time.Millisecond)))
	if err != nil {
		p.Fatalf("waiting for %s: %v\n%s", condition, err, Eval[string](p, fmt.Sprintf("String(%s)", why)))
	}
}

// Eval evaluates JavaScript; a promise is awaited.
func Eval[T any](p *Tab, expression string) T {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Ctx, Patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.Fatalf("%s: %v", expression, err)
	}
	return v
}
