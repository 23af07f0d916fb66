package web

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// part is a test of the listener's page, in a tab of its own.
type part func(*testing.T, context.Context)

// TestListenerInTime has the parts with a low delay to measure or to come back to, which a page gives up when its sound has gaps. They run
// before the others, which keep the machine busy.
func TestListenerInTime(t *testing.T) {
	runParts(t, map[string]part{
		"FollowsANewClock":    testFollowsANewClock,
		"SurvivesARestart":    testSurvivesARestart,
		"JumpsOverAHole":      testJumpsOverAHole,
		"OffersTheWayToLive":  testOffersTheWayToLive,
		"LowDelay":            testLowDelay,
		"SettlesOnARoughLine": testSettlesOnARoughLine,
	})
}

func TestListener(t *testing.T) {
	t.Parallel()
	runParts(t, map[string]part{
		"PlaysAfterOneTap":        testPlaysAfterOneTap,
		"PlaysFromTheKeyboard":    testPlaysFromTheKeyboard,
		"ShowsEventsAtTheirFrame": testShowsEventsAtTheirFrame,
		"ResumesWithoutAGap":      testResumesWithoutAGap,
		"ComesBackWhenFull":       testComesBackWhenFull,
		"KeepsAPlaceOnReload":     testKeepsAPlaceOnReload,
		"HearsTheEnd":             testHearsTheEnd,
		"NoticesADeadLine":        testNoticesADeadLine,
		"GivesUpAWait":            testGivesUpAWait,
		"SaysWhatIsWrong":         testSaysWhatIsWrong,
		"ForgetsWhatWasHeard":     testForgetsWhatWasHeard,
		"ChangesLanguage":         testChangesLanguage,
		"SoundsSoonAfterTheTap":   testSoundsSoonAfterTheTap,
		"PlaysWithManagedSource":  testPlaysWithManagedSource,
		"TakesAnEarlyTap":         testTakesAnEarlyTap,
		"PlaysWithoutSource":      testPlaysWithoutSource,
		"FitsTheScreen":           testFitsTheScreen,
		"FitsEachState":           testFitsEachState,
		"FitsACrowdedStage":       testFitsACrowdedStage,
		"KeepsStillWhenAsked":     testKeepsStillWhenAsked,
		"SaysWhereItIs":           testSaysWhereItIs,
	})
}

// TestListenerElsewhere has the parts with several edges, other cadences and other depths.
func TestListenerElsewhere(t *testing.T) {
	t.Parallel()
	runParts(t, map[string]part{
		"GoesOnAtAnotherEdge":             testGoesOnAtAnotherEdge,
		"LeavesASilentEdge":               testLeavesASilentEdge,
		"IgnoresAForgedList":              testIgnoresAForgedList,
		"BelievesItsOwnEdgeWithoutCrypto": testBelievesItsOwnEdgeWithoutCrypto,
		"GoesRoundFullEdges":              testGoesRoundFullEdges,
		"GrowsItsDepth":                   testGrowsItsDepth,
		"FollowsToAnotherRoom":            testFollowsToAnotherRoom,
		"FollowsToAnotherCluster":         testFollowsToAnotherCluster,
		"IgnoresAForgedOrder":             testIgnoresAForgedOrder,
		"TellsHowItGoes":                  testTellsHowItGoes,
		"LeadsToAClip":                    testLeadsToAClip,
		"FollowsCadenceAndVariant":        testFollowsCadenceAndVariant,
		"LivesOnTheLongestCadence":        testLivesOnTheLongestCadence,
	})
}

func runParts(t *testing.T, parts map[string]part) {
	b := chromium.New(t)
	for name, run := range parts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, b)
		})
	}
}

func testPlaysAfterOneTap(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	p := open(t, b, e.url())
	p.until(`document.getElementById("status").textContent`)
	if n := len(e.requests()); n != 0 {
		t.Fatalf("%d seats taken before the tap", n)
	}
	p.listen()
	p.plays(3 * time.Second)
	p.heardWithoutGap()
	p.near(4 * time.Second)
	if got := p.text("title"); got != e.facts.Title {
		t.Errorf("title %q, want %q", got, e.facts.Title)
	}
	if got := p.text("facts"); !strings.Contains(got, "about 4 seconds behind the stage") || !strings.Contains(got, "12 seats taken") {
		t.Errorf("facts are %q", got)
	}
	if got := browsertest.Eval[string](p.Tab, "navigator.mediaSession.metadata.artist"); got != "Ada Lovelace, Grace Hopper" {
		t.Errorf("the lock screen names %q", got)
	}
	second := open(t, b, e.url())
	second.listen()
	second.plays(time.Second)
	p.plays(time.Second)
}

func testPlaysFromTheKeyboard(t *testing.T, b context.Context) {
	p := open(t, b, newFakeEdge(t, false).url())
	p.Do(chromedp.KeyEvent(kb.Tab))
	if got := browsertest.Eval[string](p.Tab, "document.activeElement.id"); got != "listen" {
		t.Fatalf("Tab leads to %q first", got)
	}
	if got := browsertest.Eval[string](p.Tab, `getComputedStyle(document.activeElement).outlineStyle`); got != "solid" {
		t.Errorf("the focus is drawn %q", got)
	}
	p.Do(chromedp.KeyEvent(kb.Enter))
	p.until(`epidaurus.state === "listening" && epidaurus.frame > 0`)
	p.Do(chromedp.KeyEvent(kb.Tab))
	p.Do(chromedp.KeyEvent(" "))
	p.until(`audio.muted && document.getElementById("mute").ariaPressed === "true" && document.getElementById("mute").ariaLabel === "Unmute"`)
}

// The name lights up when the ear gets to the frame, not when the event arrives four seconds earlier.
func testShowsEventsAtTheirFrame(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	p := open(t, b, e.url())
	p.listen()
	p.until(`document.querySelector("[data-id=p1].speaks")`)
	browsertest.Eval[bool](p.Tab, `new MutationObserver(() => {
		if (document.querySelector("[data-id=p2].speaks")) window.lit ??= epidaurus.frame;
	}).observe(document.getElementById("people"), {subtree: true, attributes: true}), true`)
	at := e.happen(room.KindSpeaking, room.SpeakingEvent{Kind: room.KindSpeaking, IDs: []room.PersonID{"p2"}})
	p.until("window.lit")
	if late := browsertest.Eval[int64](p.Tab, "lit") - int64(at); late < 0 || late > 25 {
		t.Errorf("shown %d frames after its frame was heard", late)
	}
	if browsertest.Eval[bool](p.Tab, `!!document.querySelector("[data-id=p1].speaks")`) {
		t.Error("who stopped speaking is still lit")
	}
}

// exactly says that figures have to meet their bars as they are, on a machine that does nothing else: EPIDAURUS_BARS=1.
var exactly = os.Getenv("EPIDAURUS_BARS") != ""

// fed keeps the longest time, in ms, that the page waited for the next piece of sound.
const fed = `window.unfed = 0; { let last = 0; const append = SourceBuffer.prototype.appendBuffer;
	SourceBuffer.prototype.appendBuffer = function (piece) {
		const now = performance.now();
		if (last) unfed = Math.max(unfed, now - last);
		last = now;
		return append.call(this, piece);
	};
}`

func testLowDelay(t *testing.T, b context.Context) {
	e := newFakeEdge(t, true)
	p := openLook(t, b, e.url(), look{1280, 800, "dark", "en"}, fed)
	p.listen()
	p.near(room.LowDelayDepth) // a slow start is made up for by playing a little faster
	if exactly {
		p.plays(6 * time.Second)
	}
	var behind []float64
	for range 60 {
		before := e.now()
		ear := browsertest.Eval[int64](p.Tab, "epidaurus.frame")
		behind = append(behind, (float64(before+e.now())/2-float64(ear))/tape.FramesPerSec)
		p.plays(60 * time.Millisecond)
	}
	slices.Sort(behind)
	median := behind[len(behind)/2]
	t.Logf("behind the newest frame: median %.3f s, from %.3f to %.3f", median, behind[0], behind[len(behind)-1])
	// Where the machine is busy the page rightly keeps more distance, by half a second for each gap.
	limit := 1.0
	if !exactly {
		limit = 1.5 + min(2, 0.5*browsertest.Eval[float64](p.Tab, "epidaurus.gaps"))
	}
	if median > limit && p.kept() {
		t.Errorf("the ear is %.3f s behind the newest frame", median)
	}
	// A second is all that this listener has: what a busy machine brings later than half a cadence, or plays late, is no fault of the page.
	unfed := browsertest.Eval[float64](p.Tab, "unfed")
	if stood := browsertest.Eval[float64](p.Tab, "stood"); !exactly && (unfed > 360 || stood > 120) {
		t.Logf("the sound came %.0f ms after what came before, and the page stood still for %.0f ms: gaps are not judged", unfed, stood)
		return
	}
	p.heardWithoutGap()
}

func testResumesWithoutAGap(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	p := open(t, b, e.url())
	p.listen()
	for i := range 2 {
		p.plays(time.Second)
		e.door(crash)
		e.cutLines()
		p.until(`epidaurus.state === "lost"`)
		p.plays(1500 * time.Millisecond)
		e.door(nil)
		p.until(fmt.Sprintf(`epidaurus.state === "listening" && epidaurus.reconnects === %d`, i+1))
	}
	p.plays(5 * time.Second)
	p.heardWithoutGap()
	p.near(4 * time.Second)
	froms := e.requests()
	if len(froms) != 3 || froms[0] != "pace=1" {
		t.Fatalf("asked for %q", froms)
	}
	for _, query := range froms[1:] {
		goesOn(t, query)
	}
	p.inOnePiece()
}

// An outage that outlasts the sound, and an edge that then knows less: on with what is said now.
func testJumpsOverAHole(t *testing.T, b context.Context) {
	e := newFakeEdge(t, true)
	p := open(t, b, e.url())
	p.listen()
	p.plays(time.Second)
	before := browsertest.Eval[int](p.Tab, "epidaurus.gaps")
	e.door(crash)
	e.cutLines()
	p.until(fmt.Sprintf("epidaurus.gaps > %d", before))
	e.mu.Lock()
	e.hole = e.nowLocked()
	e.mu.Unlock()
	e.door(nil)
	p.until(fmt.Sprintf(`epidaurus.state === "listening" && epidaurus.frame >= %d`, e.hole))
	if got := browsertest.Eval[int](p.Tab, "epidaurus.gaps") - before; got != 1 && p.kept() {
		t.Errorf("%d gaps for one outage", got)
	}
	p.plays(2 * time.Second)
	p.near(room.LowDelayDepth)
}

// The process dies, and another one listens on the same address a moment later.
func testSurvivesARestart(t *testing.T, b context.Context) {
	e := newFakeEdge(t, true)
	p := open(t, b, e.url())
	p.listen()
	p.plays(time.Second)
	address := e.Listener.Addr().String()
	e.cutLines()
	e.Close()
	p.until(`epidaurus.state === "lost" && epidaurus.gaps > 0 && audio.readyState < 3`)
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	again := &httptest.Server{Listener: l, Config: &http.Server{Handler: e.Config.Handler, ReadHeaderTimeout: time.Second}}
	e.mu.Lock()
	e.hole = e.nowLocked()
	e.mu.Unlock()
	again.Start()
	t.Cleanup(func() {
		e.cutLines()
		again.Close()
	})
	p.until(`epidaurus.state === "listening" && epidaurus.reconnects === 1`)
	p.plays(2 * time.Second)
	p.near(room.LowDelayDepth)
}

func testFollowsANewClock(t *testing.T, b context.Context) {
	e := newFakeEdge(t, true)
	p := open(t, b, e.url())
	p.listen()
	e.mu.Lock()
	e.shift = -firstFrame / 2
	for i := range e.events {
		e.events[i].At -= firstFrame / 2
	}
	e.mu.Unlock()
	e.cutLines()
	p.until(fmt.Sprintf("epidaurus.frame > 0 && epidaurus.frame < %d", firstFrame))
	p.plays(2 * time.Second)
	p.near(room.LowDelayDepth)
}

func testComesBackWhenFull(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	const wait = 1500 * time.Millisecond
	refused := make(chan time.Time, 8)
	e.door(func(w http.ResponseWriter) {
		refused <- time.Now()
		full(wait)(w)
	})
	p := open(t, b, e.url())
	p.Click("#listen")
	first := <-refused
	p.until(`epidaurus.state === "full"`)
	if got := p.text("status"); got != "Every seat is taken." {
		t.Errorf("status %q", got)
	}
	if got := p.text("retry"); !strings.HasPrefix(got, "Trying again in ") {
		t.Errorf("retry %q", got)
	}
	if d := (<-refused).Sub(first); d < wait {
		t.Errorf("came back after %v, was asked to wait %v", d, wait)
	}
	e.door(nil)
	p.until(`epidaurus.state === "listening" && epidaurus.frame > 0 && !audio.paused`)
	p.plays(time.Second)
	p.heardWithoutGap()
}

func testHearsTheEnd(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	p := open(t, b, e.url())
	p.listen()
	p.plays(time.Second)
	e.setState(room.Ended)
	e.mu.Lock()
	last := e.events[len(e.events)-1].At
	e.mu.Unlock()
	p.until(`epidaurus.state === "ended"`)
	if ear := browsertest.Eval[int64](p.Tab, "epidaurus.frame"); ear < int64(last) {
		t.Errorf("the ear stopped at frame %d, the room ended at %d", ear, last)
	}
	p.heardWithoutGap()
	if got := p.text("status"); got != "This conversation has ended." {
		t.Errorf("status %q", got)
	}
	if n := len(e.requests()); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// No byte and no close: a phone that moved to another network.
func testNoticesADeadLine(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	p := open(t, b, e.url())
	p.listen()
	p.plays(time.Second)
	e.freezeLines()
	p.until(`epidaurus.reconnects === 1`)
	p.plays(3 * time.Second)
	p.heardWithoutGap()
	p.near(4 * time.Second)
}

// wayBehind is further than a page of low delay ever holds by itself: depth, slack for a rough line, and what is still no reason to offer live.
const wayBehind = "epidaurus.delay > 5"

func testOffersTheWayToLive(t *testing.T, b context.Context) {
	e := newFakeEdge(t, true)
	p := open(t, b, e.url())
	p.listen()
	p.plays(time.Second)
	p.Click("#listen")
	p.until(`epidaurus.state === "paused" && document.getElementById("status").textContent === "Paused. Your seat is kept."`)
	p.until(wayBehind)
	at := browsertest.Eval[int64](p.Tab, "epidaurus.frame")
	// The element's event comes a task after it plays, and the page must not have caught up by then: here it never comes.
	browsertest.Eval[bool](p.Tab, `addEventListener("play", (e) => e.stopImmediatePropagation(), true), true`)
	p.Click("#listen")
	p.until(`!document.getElementById("golive").hidden`)
	p.plays(time.Second)
	if ear := browsertest.Eval[int64](p.Tab, "epidaurus.frame"); ear > at+150 {
		t.Errorf("the pause was at frame %d, and a second later the ear is at %d", at, ear)
	}
	if got := p.text("golive"); !strings.HasSuffix(got, "behind · go live") {
		t.Errorf("the way to live says %q", got)
	}
	p.Click("#golive")
	p.until(`document.getElementById("golive").hidden`)
	p.plays(time.Second)
	p.near(room.LowDelayDepth)
}

func testGivesUpAWait(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	e.door(full(time.Minute))
	p := open(t, b, e.url())
	p.Click("#listen")
	p.until(`epidaurus.state === "full" && document.getElementById("verb").textContent === "Cancel"`)
	p.Click("#listen")
	p.until(`epidaurus.state === "ready"`)
	e.door(nil)
	p.listen()
}

func testSaysWhatIsWrong(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	p := open(t, b, e.URL+"/r/nowhere-abc?lang=fr")
	p.until(`epidaurus.state === "unknown"`)
	if got := p.text("status"); got != "Cette salle n’existe pas ici. Vérifiez le lien." {
		t.Errorf("status %q", got)
	}
	for code, want := range map[string]string{
		"room_ended": "This conversation has ended.", "removed": "You were removed from this room.", "room_unknown": "There is no such room here. Check the link.",
		"room_not_open": "The doors are not open yet.", "internal": "No answer yet. Trying again…",
		"busy": "Many are coming in at once. Your turn comes in a moment.", "draining": "This entrance is closing. Trying again…",
		"shutting_down": "This entrance is closing. Trying again…", "too_many": "Too many listeners share your internet address.",
	} {
		e.door(func(w http.ResponseWriter) { writeProblem(w, code) })
		p := open(t, b, e.url())
		p.Click("#listen")
		p.until(fmt.Sprintf("document.getElementById('status').textContent === %q", want))
	}
}

// Hours of listening keep no more than some seconds in memory.
func testForgetsWhatWasHeard(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	p := open(t, b, e.url())
	p.listen()
	from := browsertest.Eval[float64](p.Tab, "audio.buffered.start(0)")
	p.until(fmt.Sprintf("audio.buffered.start(0) > %f + 5", from))
	p.heardWithoutGap()
}

func testChangesLanguage(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	p := open(t, b, e.url())
	p.listen()
	p.Click("#language")
	p.until(`document.documentElement.lang === "fr" && document.getElementById("verb").textContent === "Pause" && location.search === "?lang=fr"`)
	p.until(`document.getElementById("facts").textContent.includes("environ 4 secondes après la scène")`)
	p.until(`document.querySelector("#people .role").textContent === "hôte"`)
	p.plays(time.Second)
	p.heardWithoutGap()
}

// A line that is too uneven for a low delay costs some gaps at first, and none once the ear keeps a little more distance.
func testSettlesOnARoughLine(t *testing.T, b context.Context) {
	e := newFakeEdge(t, true)
	e.rough = true
	p := openLook(t, b, e.url(), look{1280, 800, "dark", "en"})
	p.listen()
	const part = 6 * time.Second
	gaps := 0
	for round := range 12 { // a busy machine makes the line rougher, now and then
		p.plays(part)
		before := gaps
		gaps = browsertest.Eval[int](p.Tab, "epidaurus.gaps")
		if gaps > 0 && gaps == before {
			return
		}
		if exactly && round == 2 {
			break
		}
	}
	t.Errorf("the gaps do not end, %d until now: %s", gaps, p.status())
}

// From the tap to the moment at which the ear moves in the sound.
func testSoundsSoonAfterTheTap(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	p := open(t, b, e.url())
	p.until(`document.readyState === "complete"`)
	browsertest.Eval[bool](p.Tab, `document.getElementById("listen").addEventListener("click", () => {
		const tap = performance.now();
		let at = 0;
		const timer = setInterval(() => {
			if (!at) at = audio.currentTime;
			else if (audio.currentTime > at + 0.001) {
				clearInterval(timer);
				window.sounded = performance.now() - tap;
			}
		}, 1);
	}, {capture: true}), true`)
	p.Click("#listen")
	p.until("window.sounded")
	t.Logf("sound %.0f ms after the tap", browsertest.Eval[float64](p.Tab, "sounded"))
}

// An iPhone has no MediaSource, but one that it manages.
func testPlaysWithManagedSource(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	p := open(t, b, e.url(), "window.ManagedMediaSource = MediaSource; delete window.MediaSource")
	p.listen()
	p.plays(time.Second)
	p.heardWithoutGap()
	if !browsertest.Eval[bool](p.Tab, "audio.disableRemotePlayback") {
		t.Error("a managed source does not open while remote playback is possible")
	}
}

// noSource is to be a browser without MediaSource and without HLS.
const noSource = `delete window.MediaSource; delete window.ManagedMediaSource
	const can = HTMLMediaElement.prototype.canPlayType
	HTMLMediaElement.prototype.canPlayType = function (type) { return type.includes("mpegurl") ? "" : can.call(this, type) }`

// Who taps before all of the page has come need not tap again.
func testTakesAnEarlyTap(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	tapped := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/plain.js") {
			<-tapped
		}
		e.Config.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		e.cutLines()
		slow.Close()
	})
	p := open(t, b, slow.URL+"/r/"+testRoom, noSource)
	p.Click("#listen")
	close(tapped)
	p.until(`epidaurus.state === "listening" && audio.currentTime > 0`)
}

// A browser without MediaSource and without HLS plays the endless file, and comes back after a cut too. HLS is tried in e2e, on a real edge.
func testPlaysWithoutSource(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	p := open(t, b, e.url(), noSource)
	p.Click("#listen")
	p.until(`epidaurus.state === "listening" && audio.currentTime > 0`)
	if got := p.text("status"); !strings.HasPrefix(got, "You hear the stage, later than others") {
		t.Errorf("status %q", got)
	}
	// Most cuts the element leaves to the page; some it heals by itself. What it has at the cut is less than what it hears in the end.
	at := browsertest.Eval[float64](p.Tab, "audio.currentTime")
	e.cutLines()
	p.until(fmt.Sprintf(`audio.currentTime > %f && epidaurus.state === "listening"`, at+3*room.DefaultDepth.Seconds()))
	if n := len(e.requests()); n < 2 {
		t.Errorf("after a cut it was asked for sound %d times", n)
	}
	// Where there is no Opus in Ogg either, it asks for AAC.
	browsertest.Eval[bool](p.Tab, `(audio.canPlayType = (type) => (type === "audio/aac" ? "maybe" : ""), true)`)
	p.Click("#listen")
	p.until(`epidaurus.state === "ready"`)
	p.Click("#listen")
	p.until(`audio.src.endsWith("/live.aac")`)
}

func (p *tab) heardWithoutGap() {
	p.Helper()
	if gaps := browsertest.Eval[int](p.Tab, "epidaurus.gaps"); gaps != 0 && p.kept() {
		p.Errorf("%d gaps: %s", gaps, p.status())
	}
}

// near waits until the ear is where it should be, which after a late start takes some seconds of playing a little faster, and after a
// gap is half a second further back, at most two.
func (p *tab) near(depth time.Duration) {
	p.Helper()
	p.until(fmt.Sprintf("epidaurus.delay > %[1]f - 0.1 && epidaurus.delay < %[1]f + 0.1 + Math.min(2, epidaurus.gaps / 2)", depth.Seconds()))
}
