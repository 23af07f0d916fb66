package web

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/room"
)

var shots = flag.String("shots", "", "write pictures of the listener's page into this folder")

// look is one way a visitor may see the page.
type look struct {
	width, height int64
	scheme, lang  string
}

func (l look) String() string {
	return fmt.Sprintf("%dx%d-%s-%s", l.width, l.height, l.scheme, l.lang)
}

// Nothing is wider than the screen, in either language, on a small phone and on a desk, however long names are.
func testFitsTheScreen(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	for _, l := range looks() {
		t.Run(l.String(), func(t *testing.T) {
			t.Parallel()
			testLook(t, b, e, l)
		})
	}
}

// looks are both sizes in both languages. Colours make nothing wider: both of them are for pictures.
func looks() (all []look) {
	for i, size := range [][2]int64{{360, 740}, {1280, 800}} {
		for j, lang := range []string{"en", "fr"} {
			for k, scheme := range []string{"dark", "light"} {
				if *shots != "" || (i+j+k)%2 == 0 {
					all = append(all, look{size[0], size[1], scheme, lang})
				}
			}
		}
	}
	return all
}

func testLook(t *testing.T, b context.Context, e *fakeEdge, l look) {
	p := openLook(t, b, e.url()+"?lang="+l.lang, l)
	p.fits(l, "ready")
	p.listen()
	p.until(`epidaurus.delay > 3 && document.querySelector("#people li b") && document.getElementById("chip").innerText`)
	p.plays(1500 * time.Millisecond)
	p.fits(l, "live")
}

// openLook opens a page that may move.
func openLook(t *testing.T, b context.Context, address string, l look, scripts ...string) *tab {
	t.Helper()
	return openMoving(t, b, address, l, "no-preference", scripts...)
}

// openMoving opens a page for somebody who has this preference on motion.
func openMoving(t *testing.T, b context.Context, address string, l look, motion string, scripts ...string) *tab {
	t.Helper()
	p := open(t, b, "about:blank", scripts...)
	p.Do(chromedp.EmulateViewport(l.width, l.height))
	_, err := chromedp.Call(p.Ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: l.scheme}, {Name: "prefers-reduced-motion", Value: motion},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Do(chromedp.Navigate(address))
	return p
}

// fits checks the page's width, and keeps a picture when asked to.
func (p *tab) fits(l look, name string) {
	p.Helper()
	if w := browsertest.Eval[int64](p.Tab, "document.documentElement.scrollWidth"); w > l.width {
		p.Errorf("%s: the page is %d px wide on a screen of %d", name, w, l.width)
	}
	if *shots == "" {
		return
	}
	png, err := chromedp.Run(p.Ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.Fatal(err)
	}
	err = os.WriteFile(filepath.Join(*shots, l.String()+"-"+name+".png"), png, 0o644)
	if err != nil {
		p.Fatal(err)
	}
}

// What is not seen every day: before the beginning, behind live, and after the end.
func testFitsEachState(t *testing.T, b context.Context) {
	e := newFakeEdge(t, true)
	l := look{360, 740, "light", "en"}
	e.setState(room.Doors)
	e.happen(room.KindStage, room.StageEvent{Kind: room.KindStage, People: []room.Person{}})
	p := openLook(t, b, e.url(), l)
	p.listen()
	p.until(`document.querySelector(".nobody") && document.getElementById("chip").dataset.state === "doors"`)
	p.plays(2 * time.Second)
	p.fits(l, "doors")
	p.Click("#elsewhere")
	p.until(`document.querySelector(".elsewhere img").naturalWidth > 0 && document.querySelectorAll(".elsewhere dd").length === 6`)
	p.Do(chromedp.Evaluate[chromedp.Void](`document.querySelector(".elsewhere").scrollIntoView()`))
	p.fits(l, "elsewhere")
	p.Do(chromedp.Click(chromedp.ID("elsewhere")), chromedp.Click(chromedp.ID("listen")))
	p.until(wayBehind)
	p.Click("#listen")
	p.until(`!document.getElementById("golive").hidden && epidaurus.state === "listening"`)
	p.fits(l, "behind")
	p.Click("#golive")
	e.setState(room.Ended)
	p.until(`epidaurus.state === "ended"`)
	p.fits(l, "ended")
}

// Inside another app the page says so, above all else, and plays all the same.
func testSaysWhereItIs(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	l := look{360, 740, "dark", "fr"}
	const agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/22F76 Instagram 380.0.0.28.83"
	p := openLook(t, b, e.url()+"?lang=fr", l, fmt.Sprintf(`Object.defineProperty(navigator, "userAgent", { get: () => %q })`, agent))
	p.until(`document.querySelector(".inapp b").innerText.includes("navigateur") && document.querySelector(".inapp p").innerText.includes("Instagram")`)
	p.fits(l, "inapp")
	p.listen()
	p.plays(time.Second)
	p.Click(".inapp > .copy")
	p.until(`!document.querySelector(".inapp")`)
}

// Who wants no motion sees rows that light up together, and only when the speaker changes.
func testKeepsStillWhenAsked(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	l := look{1280, 800, "dark", "en"}
	p := openMoving(t, b, e.url(), l, "reduce")
	p.listen()
	p.until(`document.querySelector("[data-id=p1].speaks")`)
	p.plays(time.Second)
	p.fits(l, "still")
	first := browsertest.Eval[string](p.Tab, `document.getElementById("rows").toDataURL()`)
	p.plays(time.Second)
	if browsertest.Eval[string](p.Tab, `document.getElementById("rows").toDataURL()`) != first {
		t.Error("the rows moved")
	}
	if n := browsertest.Eval[int](p.Tab, `document.getAnimations().length`); n != 0 {
		t.Errorf("%d animations run", n)
	}
}

// A full stage with names as long as they may be, in each state that has its own words.
func testFitsACrowdedStage(t *testing.T, b context.Context) {
	var people []room.Person
	for i := range room.MaxOnStage {
		people = append(people, room.Person{ID: room.PersonID(fmt.Sprintf("p%d", i+1)), Name: "Maria Alexandrina da Costa e Vasconcelos"[:24+i], Role: room.Speaker, Muted: i%3 == 1})
	}
	for _, l := range []look{{360, 740, "dark", "fr"}, {1280, 800, "light", "en"}, {360, 740, "light", "en"}, {1280, 800, "dark", "fr"}} {
		t.Run(l.String(), func(t *testing.T) {
			t.Parallel()
			e := newFakeEdge(t, false)
			e.happen(room.KindStage, room.StageEvent{Kind: room.KindStage, People: people})
			e.happen(room.KindListening, room.ListeningEvent{Kind: room.KindListening, N: 1_248_310})
			p := openLook(t, b, e.url()+"?lang="+l.lang, l)
			p.listen()
			p.until(`document.querySelectorAll("#people li").length === 13`)
			p.fits(l, "crowd")
			e.door(fullOf(1_248_310, 20*time.Second))
			e.cutLines()
			p.until(`epidaurus.state === "full"`)
			p.fits(l, "full")
			p = openLook(t, b, e.url()+"?lang="+l.lang, l)
			p.Click("#listen")
			p.until(`epidaurus.state === "full"`)
			p.fits(l, "refused")
		})
	}
	e := newFakeEdge(t, false)
	p := openLook(t, b, e.URL+"/r/"+url.PathEscape("nowhere-abc"), look{360, 740, "light", "en"})
	p.until(`epidaurus.state === "unknown"`)
	p.fits(look{360, 740, "light", "en"}, "unknown")
}
