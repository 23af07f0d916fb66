package web

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

// patience is for a machine that does other work beside.
const patience = 30 * time.Second

// browser starts one Chromium for a test and its parts; tab opens pages in it.
func browser(t *testing.T, extra ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	dir, err := os.MkdirTemp("", "epidaurus-web")
	if err != nil {
		t.Fatal(err)
	}
	options := append([]chromedp.ExecAllocatorOption{
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.UserDataDir(dir),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true),
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

// tab is one page of the browser.
type tab struct {
	*testing.T
	ctx context.Context
}

// open shows a page in a new tab, which fails the test on an exception, a refused load or a breach of the page's policy.
func open(t *testing.T, browser context.Context, address string) *tab {
	t.Helper()
	return openAs(t, browser, address, "")
}

// openAs opens a page in a browser that a script has made another one before.
func openAs(t *testing.T, browser context.Context, address, script string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	p := &tab{t, ctx}
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
	if script != "" {
		_, err := chromedp.Call(ctx, cdp.AddScriptToEvaluateOnNewDocument, cdp.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		if err != nil {
			t.Fatal(err)
		}
	}
	p.do(chromedp.Navigate(address))
	return p
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	err := chromedp.Do(ctx, steps...)
	if err != nil {
		p.Fatal(err)
	}
}

// until waits for a JavaScript condition.
func (p *tab) until(condition string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Poll[bool]("!!("+condition+")", chromedp.WithPollingInterval(10*time.Millisecond)))
	if err != nil {
		p.Fatalf("waiting for %s: %v\n%s", condition, err, p.status())
	}
}

func (p *tab) status() string {
	return eval[string](p, `JSON.stringify([{...epidaurus}, document.getElementById("status").textContent, audio.currentTime, audio.readyState,
		audio.paused, audio.error?.message, audio.buffered.length && [audio.buffered.start(0), audio.buffered.end(audio.buffered.length - 1)]])`)
}

func (p *tab) listen() {
	p.Helper()
	p.do(chromedp.Click(chromedp.ID("listen")))
	p.until(`epidaurus.state === "listening" && !audio.paused && epidaurus.frame > 0 && audio.readyState > 2`)
}

// plays waits until the ear has gone on for so long.
func (p *tab) plays(d time.Duration) {
	p.Helper()
	from := eval[float64](p, "epidaurus.frame")
	p.until(fmt.Sprintf("epidaurus.frame >= %f", from+d.Seconds()*50))
}

func (p *tab) text(id string) string {
	p.Helper()
	return eval[string](p, fmt.Sprintf("document.getElementById(%q).innerText", id))
}

func eval[T any](p *tab, expression string) T {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.Fatalf("%s: %v", expression, err)
	}
	return v
}
