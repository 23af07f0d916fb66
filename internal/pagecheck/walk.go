package pagecheck

import (
	"fmt"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
)

// Walk goes through the page by Tab, unfolds what is folded, answers what asks by Escape, and presses everything by Enter and Space, which on
// the way does nothing. It reports what a keyboard does not reach or cannot press, a focus that is not to be seen, and a trap.
func Walk(p *browsertest.Tab, name string) {
	p.Helper()
	load(p)
	w := walk{Tab: p, name: name, seen: map[int]bool{}}
	browsertest.Eval[bool](p, "(pagecheck.try(true), pagecheck.rewind(), true)")
	w.round()
	browsertest.Eval[bool](p, "(pagecheck.try(false), true)")
	for _, e := range browsertest.Eval[[]string](p, "pagecheck.mouseOnly()") {
		p.Errorf("%s: only a mouse can press %s", name, e)
	}
}

// walk is one way through a page.
type walk struct {
	*browsertest.Tab
	name string
	seen map[int]bool // by id

	before stop // the stop that was pressed
	keys   int  // by so many keys
}

// stop is where the focus is.
type stop struct {
	ID    int    // of the element; 0: none has it
	Name  string // as people would call it
	Kind  string // "fold", "asks", "button", "link", "box", or ""
	Shown bool   // the focus is to be seen

	Pressed []int // what was pressed since the stop before
}

// parts is how many steps the keyboard takes within one field at most: a date and a time have six, and a calendar.
const parts = 8

// most is how many steps a page may have. Whoever needs more has built a maze.
const most = 400

// round goes once through the page.
func (w *walk) round() {
	w.Helper()
	first, before, within := 0, 0, 0
	for range most {
		w.key(kb.Tab)
		s := w.at()
		w.counted(s)
		if s.ID != 0 && s.ID == before && within < parts {
			within++ // a field of a date has parts of its own
			continue
		}
		before, within = s.ID, 0
		if s.ID == 0 || s.ID == first {
			w.missed()
			return
		}
		if first == 0 {
			first = s.ID
		}
		if w.seen[s.ID] {
			w.Errorf("%s: the keyboard is trapped: after %s it is at %s again", w.name, w.names(), s.Name)
			return
		}
		w.seen[s.ID] = true
		if !s.Shown {
			w.Errorf("%s: the focus is not to be seen on %s", w.name, s.Name)
		}
		w.press(s)
	}
	w.Errorf("%s: after %d steps the keyboard has not been everywhere", w.name, most)
}

// missed reports what the keyboard has not come to.
func (w *walk) missed() {
	w.Helper()
	for _, a := range browsertest.Eval[[]stop](w.Tab, "pagecheck.actions()") {
		if !w.seen[a.ID] {
			w.Errorf("%s: Tab does not lead to %s", w.name, a.Name)
		}
	}
	if len(w.seen) == 0 {
		w.Errorf("%s: Tab leads nowhere", w.name)
	}
}

// press does by keyboard what a mouse would do there.
func (w *walk) press(s stop) {
	w.Helper()
	switch s.Kind {
	case "fold":
		w.key(kb.Enter)
		w.Until(fmt.Sprintf(`pagecheck.stop().kind !== "fold" && pagecheck.stop().id === %d || document.activeElement.closest("dialog, [role=dialog], [role=alertdialog]")`, s.ID),
			fmt.Sprintf("%q", "Enter does not unfold "+s.Name))
		browsertest.Eval[bool](w.Tab, "pagecheck.quiet()")
		if w.at().ID != s.ID { // a dialog, which Escape leaves
			w.key(kb.Escape)
			w.Until(fmt.Sprintf("pagecheck.stop().id === %d", s.ID), fmt.Sprintf("%q", "Escape does not lead back to "+s.Name))
		}
	case "asks":
		w.key(kb.Enter)
		w.Until(`document.activeElement.closest("[role=group], dialog, [role=dialog], [role=alertdialog]")`, fmt.Sprintf("%q", s.Name+" is pressed, and the question has no focus"))
		if !w.at().Shown {
			w.Errorf("%s: the focus is not to be seen in the question of %s", w.name, s.Name)
		}
		w.key(kb.Escape)
		w.Until(`document.activeElement.hasAttribute("data-asks")`, fmt.Sprintf("%q", "Escape does not lead back to "+s.Name))
		w.seen[w.at().ID] = true // it may be another element of the same name
	case "button":
		w.tried(s, kb.Enter, " ")
	case "link":
		w.tried(s, kb.Enter)
	case "box":
		w.tried(s, " ")
	}
}

// tried presses what has the focus by keys, each of which has to count. What came of it the next stop tells.
func (w *walk) tried(s stop, keys ...string) {
	w.Helper()
	var all []chromedp.Action[chromedp.Void]
	for _, key := range keys {
		all = append(all, chromedp.KeyEvent(key))
	}
	w.Do(all...)
	w.before, w.keys = s, len(keys)
}

// counted checks that the keys of the stop before have pressed it.
func (w *walk) counted(now stop) {
	w.Helper()
	n := 0
	for _, id := range now.Pressed {
		if id == w.before.ID {
			n++
		}
	}
	if n < w.keys {
		w.Errorf("%s: of the %d keys that should press %s %d do", w.name, w.keys, w.before.Name, n)
	}
	w.before, w.keys = stop{}, 0
}

func (w *walk) at() stop {
	w.Helper()
	return browsertest.Eval[stop](w.Tab, "pagecheck.stop()")
}

func (w *walk) key(keys string) {
	w.Helper()
	w.Do(chromedp.KeyEvent(keys))
}

func (w *walk) names() string { return fmt.Sprintf("%d steps", len(w.seen)) }
