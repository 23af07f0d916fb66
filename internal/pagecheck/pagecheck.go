package pagecheck

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
)

//go:embed pagecheck.js
var script string

// Watch is a script for pages that are to be checked, to run before their own: it keeps what they make react to a mouse.
const Watch = `{
	window.pagecheckClicked = new Set();
	const add = EventTarget.prototype.addEventListener;
	EventTarget.prototype.addEventListener = function (kind, ...rest) {
		if (kind === "click" && this instanceof Element) pagecheckClicked.add(new WeakRef(this));
		return add.call(this, kind, ...rest);
	};
}`

// Speaks is a script that makes a browser one of somebody who speaks this language.
func Speaks(language string) string {
	return fmt.Sprintf(`Object.defineProperties(navigator, {language: {get: () => %[1]q}, languages: {get: () => [%[1]q]}})`, language)
}

// web is the folder of the pages, whatever package asks.
var web = sync.OnceValue(func() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "web")
})

// axe is the source of axe-core, from the packages that `npm ci` installs.
var axe = sync.OnceValues(func() (string, error) {
	text, err := os.ReadFile(filepath.Join(web(), "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		return "", fmt.Errorf("read axe-core (npm --prefix web ci installs it): %w", err)
	}
	return string(text), nil
})

// Look is one way somebody may see a page.
type Look struct {
	Width  int64 // CSS px
	Scheme string
}

func (l Look) String() string { return fmt.Sprintf("%d-%s", l.Width, l.Scheme) }

// Looks are a phone and a desk, in the dark and by day.
var Looks = []Look{{360, "dark"}, {1280, "light"}, {360, "light"}, {1280, "dark"}}

// As shows the page in this way.
func As(p *browsertest.Tab, l Look) {
	p.Helper()
	p.Do(chromedp.EmulateViewport(l.Width, 800))
	_, err := chromedp.Call(p.Ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.Scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
	if err != nil {
		p.Fatal(err)
	}
}

func load(p *browsertest.Tab) {
	p.Helper()
	if !browsertest.Eval[bool](p, "window.pagecheck !== undefined") {
		browsertest.Eval[bool](p, script)
	}
}

// Open unfolds all that a page folds away, and lets all ask that asks before it acts.
func Open(p *browsertest.Tab) {
	p.Helper()
	load(p)
	browsertest.Eval[bool](p, "pagecheck.openAll()")
}

// Audit runs axe-core on the page as it is, in these looks: nothing that it finds is excused. Nor is a page wider than its screen.
func Audit(p *browsertest.Tab, name string, looks ...Look) {
	p.Helper()
	load(p)
	source, err := axe()
	if err != nil {
		p.Fatal(err)
	}
	if !browsertest.Eval[bool](p, "window.axe !== undefined") {
		browsertest.Eval[bool](p, source+";\ntrue")
	}
	for _, l := range looks {
		As(p, l)
		for _, violation := range browsertest.Eval[[]string](p, "pagecheck.audit()") {
			p.Errorf("%s, %s: %s", name, l, violation)
		}
		if w := browsertest.Eval[int64](p, "document.documentElement.scrollWidth"); w > l.Width {
			p.Errorf("%s, %s: the page is %d px wide", name, l, w)
		}
	}
}

// Translated checks that all that the page says is from its table of words, where it came through Pseudo. Known is what people wrote: it is
// said as it is.
func Translated(p *browsertest.Tab, name string, known ...string) {
	p.Helper()
	load(p)
	if !browsertest.Eval[bool](p, `document.body.innerText.includes("`+opening+`")`) {
		p.Fatalf("%s: nothing is from a table of words: %s", name, browsertest.Eval[string](p, browsertest.Body))
	}
	known = append([]string{"Epidaurus"}, known...)
	for _, text := range browsertest.Eval[[]string](p, fmt.Sprintf("pagecheck.untranslated([%s])", quoted(known))) {
		p.Errorf("%s: not from the table of words: %s", name, text)
	}
}

func quoted(words []string) string {
	var all []string
	for _, w := range words {
		all = append(all, fmt.Sprintf("%q", w))
	}
	return strings.Join(all, ", ")
}

// Opened shows a page of a server in the state that is to be checked. The base is the server's address, or what stands before it; the
// scripts run in the page before its own.
type Opened func(t *testing.T, base string, scripts ...string) *browsertest.Tab

// Everywhere checks one state of a page in both languages: on a phone as it comes, on a desk with all that is folded away unfolded, and each in
// the dark and by day. Known is what people wrote, which no table has.
func Everywhere(t *testing.T, server string, known []string, open Opened) {
	t.Helper()
	t.Run("en", func(t *testing.T) {
		p := open(t, server, Watch, Speaks("en"))
		Audit(p, "as it comes", Looks[0])
		Walk(p, "as it comes")
		Open(p)
		Audit(p, "unfolded", Looks[1])
	})
	t.Run("fr", func(t *testing.T) {
		p := open(t, Pseudo(t, server), Watch, Speaks("fr"))
		Translated(p, "as it comes", known...)
		Audit(p, "as it comes", Looks[2])
		Open(p)
		Translated(p, "unfolded", known...)
		Audit(p, "unfolded", Looks[3])
	})
}
