package browsertest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	cdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Tab is one page of a browser. Its methods are for one goroutine, and fail its test.
type Tab struct {
	testing.TB
	Ctx context.Context
}

// Open shows a page in a new tab, which fails the test on an exception, an error that the page writes to the console, or a breach of
// its policy. A refused load is no failure: servers that are away are what many tests are about. Scripts run in the page before its own.
func Open(t testing.TB, browser context.Context, address string, scripts ...string) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	messages := chromedp.Console(ctx)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for m, err := range messages {
			if err != nil {
				return
			}
			if isFailure(m) {
				t.Errorf("console: %s", m)
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-read // after a test nobody may report to it
	})
	p := &Tab{t, ctx}
	for _, script := range append([]string{fewPictures}, scripts...) {
		_, err := chromedp.Call(ctx, cdp.AddScriptToEvaluateOnNewDocument, cdp.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		if err != nil {
			t.Fatal(err)
		}
	}
	p.Do(chromedp.Navigate(address))
	return p
}

// fewPictures gives a page twenty pictures a second: sixty, of many pages at once and without a graphics card, keep the machine from what is
// tested.
const fewPictures = `{
	const frame = window.requestAnimationFrame.bind(window);
	window.requestAnimationFrame = (draw) => setTimeout(() => frame(draw), 50);
	window.cancelAnimationFrame = clearTimeout.bind(window);
}`

func isFailure(m chromedp.ConsoleMessage) bool {
	fromPage := m.Source == "" // what the browser itself says has a source
	return m.IsException() || fromPage && m.Type == chromedp.ConsoleError ||
		m.Source == "security" || strings.Contains(m.Text, "Content Security Policy")
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

// Frames waits until the page has been drawn so many times: what it is told of with a picture, such as what is on the screen, it knows then.
func (p *Tab) Frames(n int) {
	p.Helper()
	p.Until(fmt.Sprintf(`await (async () => { for (let i = 0; i < %d; i++) await new Promise(requestAnimationFrame); return true; })()`, n), Body)
}

// ClickSteady is Click for an element of a page that is still arranging itself: it waits until the element stays where it is, so that the click
// meets it.
func (p *Tab) ClickSteady(selector string) {
	p.Helper()
	p.Until(fmt.Sprintf(`await (async () => {
		const at = () => JSON.stringify(document.querySelector(%q).getBoundingClientRect());
		const before = at();
		for (let i = 0; i < 5; i++) await new Promise(requestAnimationFrame);
		return at() === before;
	})()`, selector), Body)
	p.Click(selector)
}

// look is how often a page looks whether a condition has come. The page does it, since a call from here costs more than the look.
const look = 10 * time.Millisecond

// Until waits for a JavaScript condition, which may await, also across a change of page. As long as it throws, it has not come: the
// element may not be there yet. The expression why is evaluated for the message when it does not come.
func (p *Tab) Until(condition, why string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Ctx, Patience)
	defer cancel()
	wait := fmt.Sprintf(`(async () => {
		for (;; await new Promise((done) => setTimeout(done, %d))) {
			try {
				if (%s) return true;
			} catch {}
		}
	})()`, look.Milliseconds(), condition)
	again := time.NewTicker(look)
	defer again.Stop()
	for {
		// An error is a page that is just being left.
		_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](wait, chromedp.EvalAwaitPromise))
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			p.Fatalf("waited in vain for %s (%v)\n%s", condition, err, p.try(why))
		case <-again.C:
		}
	}
}

// try evaluates an expression for a message.
func (p *Tab) try(expression string) string {
	ctx, cancel := context.WithTimeout(p.Ctx, Patience)
	defer cancel()
	said, err := chromedp.Run(ctx, chromedp.Evaluate[string]("(async () => String("+expression+"))()", chromedp.EvalAwaitPromise))
	if err != nil {
		return err.Error()
	}
	return said
}

// Body is what a page says, as a JavaScript expression.
const Body = "document.body?.innerText ?? location.href"

func testID(id string) string { return `[data-testid="` + id + `"]` }

// At is the JavaScript for the element with that test id.
func At(id string) string { return fmt.Sprintf("document.querySelector('%s')", testID(id)) }

// Press clicks the element with that test id once it is there, may be pressed, and stands still.
func (p *Tab) Press(id string) {
	p.Helper()
	p.Until(fmt.Sprintf(`await (async (e) => {
		const frame = () => new Promise(requestAnimationFrame);
		const place = () => JSON.stringify(e.getBoundingClientRect());
		const before = place();
		await frame();
		await frame();
		return e.isConnected && !e.disabled && place() === before;
	})(%s)`, At(id)), Body)
	p.Click(testID(id))
}

// Write replaces what stands in the field with that test id.
func (p *Tab) Write(id, text string) {
	p.Helper()
	p.Until(At(id), Body)
	p.Do(chromedp.Evaluate[chromedp.Void](At(id)+".select()"), chromedp.SendKeys(chromedp.CSS(testID(id)), text))
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
