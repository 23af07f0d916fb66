package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/room"
)

const secondRoom = "second-talk-x7x7x7"

// beginsAnew is another room at another edge: another title, and frames that have nothing to do with those of the first.
func beginsAnew(t *testing.T) *fakeEdge {
	t.Helper()
	e := serveFakeEdge(t, time.Now().Add(-time.Minute), room.Facts{ID: secondRoom, Title: "The second room", Language: "en", State: room.Live})
	e.mu.Lock()
	e.shift = -15_000_000
	for i := range e.events {
		e.events[i].At += e.shift
	}
	e.mu.Unlock()
	return e
}

// order moves the listeners of the first room.
func (l list) order(t *testing.T, to string) *room.MovedEvent {
	t.Helper()
	e, err := room.SignMoved(l.key, room.MovedOrder{Room: testRoom, To: to, Made: time.Now().Unix(), SpreadMS: 100})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// silences makes the page measure the longest time for which the ear stood still, in ms, from when it is asked to.
const silences = `window.silence = 0; { let at = -1, since = 0; window.measure = false; setInterval(() => {
	const a = document.getElementById("audio"), now = performance.now();
	if (!window.measure) return (since = now, at = -1);
	if (a.currentTime !== at) at = a.currentTime, since = now;
	silence = Math.max(silence, now - since);
}, 10); }`

func (p *tab) isIn(t *testing.T, e *fakeEdge, title string) {
	p.Helper()
	await(t, "a seat in the new room", func() bool { return len(e.requests()) == 1 })
	p.until(`document.getElementById("title").textContent === "` + title + `" && epidaurus.state === "listening" && !audio.paused`)
	p.plays(3 * time.Second)
	if got := e.requests()[0]; got != "pace=1" {
		p.Errorf("asked for %q", got)
	}
	if ms := browsertest.Eval[float64](p.Tab, "silence"); exactly && ms > 1000 {
		p.Errorf("the ear heard nothing for %.0f ms", ms)
	}
}

// A listener is taken to another room of the same server without a click: the sound goes on, and the page has the new room's address and words.
func testFollowsToAnotherRoom(t *testing.T, b context.Context) {
	e, second, l := newFakeEdge(t, false), beginsAnew(t), newList(t)
	mux := http.NewServeMux()
	mux.Handle("/r/"+secondRoom+"/", second.Config.Handler)
	mux.Handle("/", e.Config.Handler)
	house := httptest.NewServer(mux)
	t.Cleanup(func() {
		e.cutLines()
		second.cutLines()
		house.Close()
	})
	e.say("edges", l.of(time.Now(), house.URL))
	p := open(t, b, house.URL+"/r/"+testRoom+"?lang=fr", silences)
	p.listen()
	p.plays(time.Second)
	browsertest.Eval[bool](p.Tab, "measure = true")
	e.happen(room.KindMoved, l.order(t, "/r/"+secondRoom))
	p.isIn(t, second, "The second room")
	if got := browsertest.Eval[string](p.Tab, "location.pathname + location.search"); got != "/r/"+secondRoom+"?lang=fr" {
		t.Errorf("the address is %s", got)
	}
	if got := browsertest.Eval[string](p.Tab, `document.getElementById("tape").pathname`); got != "/r/"+secondRoom+"/tape/" {
		t.Errorf("the tape is at %s", got)
	}
	// The line is as good as any: it comes back when it is cut.
	second.cutLines()
	p.until(`epidaurus.reconnects > 0 && epidaurus.state === "listening"`)
	p.plays(2 * time.Second)
	if n := len(e.requests()); n != 1 {
		t.Errorf("the old room was asked %d times", n)
	}
}

// To another cluster the sound goes as well; the address of another origin a page cannot take, and says where it is.
func testFollowsToAnotherCluster(t *testing.T, b context.Context) {
	e, second, l := newFakeEdge(t, false), beginsAnew(t), newList(t)
	second.door(full(time.Second)) // at first: the old sound is kept for so long
	p := open(t, b, e.url(), silences)
	p.listen()
	e.happen(room.KindMoved, l.order(t, second.URL+"/r/"+secondRoom))
	await(t, "the page at the full room", func() bool { return second.refusals() > 0 })
	p.plays(time.Second)
	if got := p.text("title"); got != e.facts.Title {
		t.Errorf("refused at the new room, it shows %q", got)
	}
	browsertest.Eval[bool](p.Tab, "measure = true")
	second.door(nil)
	p.isIn(t, second, "The second room")
	if got := browsertest.Eval[string](p.Tab, `document.querySelector("#moved a").href`); got != second.URL+"/r/"+secondRoom {
		t.Errorf("it says that it is at %s", got)
	}
	if got := browsertest.Eval[string](p.Tab, "location.pathname"); got != "/r/"+testRoom {
		t.Errorf("the address is %s", got)
	}
}

// Nobody but the stage leads anybody away, and only to where a room can be.
func testIgnoresAForgedOrder(t *testing.T, b context.Context) {
	e, trap, l, forger := newFakeEdge(t, false), beginsAnew(t), newList(t), newList(t)
	e.say("edges", l.of(time.Now(), e.URL))
	p := open(t, b, e.url())
	p.listen()
	forged := forger.order(t, trap.URL+"/r/"+secondRoom)
	forged.Key = l.order(t, "/r/"+secondRoom).Key
	ofAnother, err := room.SignMoved(l.key, room.MovedOrder{Room: "quay-talk-k3f9x2", To: trap.URL + "/r/" + secondRoom})
	if err != nil {
		t.Fatal(err)
	}
	shown := l.order(t, "/r/"+testRoom)
	shown.To = trap.URL + "/r/" + secondRoom // what is to be read by eye counts for nothing
	for _, order := range []*room.MovedEvent{forger.order(t, trap.URL+"/r/"+secondRoom), forged, ofAnother, shown} {
		e.happen(room.KindMoved, order)
		p.plays(500 * time.Millisecond)
	}
	p.plays(5 * time.Second)
	if n := len(trap.requests()); n != 0 {
		t.Errorf("the page went where nobody may lead it, %d times", n)
	}
	p.heardWithoutGap()
}

// The page's foot says how it goes when it is opened, and asks nothing before; in the language of the page.
func testTellsHowItGoes(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	p := open(t, b, e.url())
	p.until(`document.getElementById("status").textContent`)
	const asked = `performance.getEntriesByType("resource").map((r) => r.name).filter((n) => /more|status/.test(n)).length`
	if n := browsertest.Eval[int](p.Tab, asked); n != 0 {
		t.Errorf("%d requests before anybody asked", n)
	}
	p.Click("#elsewhere")
	p.until(`document.querySelector("#going dl dd") && document.querySelector(".elsewhere dd")`)
	for _, want := range []string{"12,345", "67", "14 s", "1.3 s", "live.ogg"} {
		if got := p.text("more"); !strings.Contains(got, want) {
			t.Errorf("it says %q, without %q", got, want)
		}
	}
	p.Click("#language")
	p.until(`document.getElementById("more").textContent.includes("Places prises")`)
}

// Where a live room is taped and gives clips, the foot has a way to a clip of what was just said, by keyboard, while the sound goes on here.
func testLeadsToAClip(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	taped := func(s room.State, yes bool) {
		e.happen(room.KindRoom, room.RoomEvent{Kind: room.KindRoom, ID: testRoom, Title: "Harbour talk", Language: "en", State: s, Tape: yes})
	}
	const link = `document.querySelector("#more .clip")`
	const shown = link + `?.checkVisibility() === true`
	const none = link + `?.checkVisibility() === false`
	p := open(t, b, e.url())
	p.listen()
	p.Click("#elsewhere")
	p.until(none + ` && document.querySelector("#going dl dd")`)
	taped(room.Live, true)
	p.until(shown)
	p.until(link + `.textContent === "Clip what was just said"`)
	taped(room.Live, false)
	p.until(none)
	e.noClips.Store(true)
	taped(room.Live, true)
	const asked = `performance.getEntriesByType("resource").filter((r) => /tape.index.json/.test(r.name)).length`
	p.until(asked + ` === 2 && !document.getElementById("tape").hidden && ` + none)
	e.noClips.Store(false)
	p.Click("#elsewhere")
	p.Click("#elsewhere")
	p.until(shown)
	p.Click("#language")
	p.until(link + `.textContent === "Un extrait de ce qui vient d’être dit"`)
	if got, want := browsertest.Eval[string](p.Tab, link+`.href`), e.url()+"/tape/?lang=fr#back&clip"; got != want {
		t.Errorf("it leads to %s, want %s", got, want)
	}
	if how := browsertest.Eval[string](p.Tab, link+`.target + " " + `+link+`.rel`); how != "_blank noopener" {
		t.Errorf("it opens by %q", how)
	}
	p.Do(chromedp.Evaluate[chromedp.Void](link + `.addEventListener("click", (e) => { globalThis.went = e.isTrusted; })`))
	p.Do(chromedp.Evaluate[chromedp.Void](link+`.focus()`), chromedp.KeyEvent(kb.Enter))
	p.until(`globalThis.went === true`)
	p.plays(2 * time.Second)
	p.heardWithoutGap()
	taped(room.Ended, true)
	p.until(none)
}
