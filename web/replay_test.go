package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/replay"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
	"github.com/epidaurus-live/epidaurus/tape/format"
)

// TestReplay has the page of a tape, of two hours with a hole in the middle.
func TestReplay(t *testing.T) {
	t.Parallel()
	runParts(t, map[string]part{
		"PlaysAndSeeks":       testReplayPlaysAndSeeks,
		"CrossesAHole":        testReplayCrossesAHole,
		"RewindsWhileLive":    testReplayRewindsWhileLive,
		"WorksByKeyboard":     testReplayWorksByKeyboard,
		"SaysWhatIsWrong":     testReplaySaysWhatIsWrong,
		"FitsTheScreen":       testReplayFitsTheScreen,
		"IsOfferedWhereHeard": testReplayIsOffered,
		"HasChapters":         testReplayHasChapters,
		"MakesClips":          testReplayMakesClips,
		"ClipFitsTheScreen":   testClipFitsTheScreen,
		"SaysWhatNoClipIs":    testClipSaysWhatIsWrong,
	})
}

// fakeTape is a tape in memory.
type fakeTape struct {
	packets [][]byte

	mu     sync.Mutex
	spans  []tape.Stretch
	closed bool
	gone   bool
	events []tape.Event

	captions map[string][]tape.Caption
}

func (f *fakeTape) Captions() map[string][]tape.Caption {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.captions
}

func (f *fakeTape) Spans() []tape.Stretch {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]tape.Stretch{}, f.spans...)
}

func (f *fakeTape) Closed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

func (f *fakeTape) Epoch() time.Time { return time.Date(2026, 11, 26, 19, 0, 0, 0, time.UTC) }
func (f *fakeTape) Lost() int        { return 0 }

func (f *fakeTape) Levels() (levels []byte) {
	for i := range 20_000 {
		levels = append(levels, byte(90+i*i/7%60+i/700%7*15))
	}
	return levels
}

func (f *fakeTape) Events(from, to tape.Number) []tape.Event {
	return format.Between(f.events, from, to)
}

func (f *fakeTape) Segment(k tape.Number) (at tape.Stretch, ok bool) {
	for _, s := range f.Spans() {
		at = tape.Stretch{From: max(s.From, k*96), To: min(s.To, k*96+96)}
		if at.Len() == 96 || at.Len() > 0 && f.Closed() {
			return at, true
		}
	}
	return at, false
}

func (f *fakeTape) Read(_ tape.Variant, from, to tape.Number) (packets [][]byte, _ error) {
	for n := from; n < to; n++ {
		packets = append(packets, f.packets[int(n)%len(f.packets)])
	}
	return packets, nil
}

func (f *fakeTape) IsCut(tape.Number) bool { return false }

func (f *fakeTape) LevelsOf(at tape.Stretch) []byte { return f.Levels()[:at.Len()/16] }

func (f *fakeTape) Clip(v tape.Variant, at tape.Stretch) (replay.File, error) {
	packets, err := f.Read(v, at.From, at.To)
	b := ogg.AppendPages(ogg.AppendHeaders(nil, 7, ogg.Head{PreSkip: codec.OpusPreSkip}), 7, 0, packets)
	return fakeFile{bytes.NewReader(ogg.AppendEnd(b, 7, tape.Number(at.Len()), codec.OpusPreSkip))}, err
}

type fakeFile struct{ *bytes.Reader }

func (f *fakeTape) HasUnits() bool { return f.Closed() }

func (f *fakeTape) Units() (u replay.Units, _ error) {
	for _, s := range f.Spans() {
		u.Samples += tape.Number(s.Len()).Samples()
	}
	u.Sizes = make([]uint16, u.Samples/tape.UnitSamples+1)
	u.Sound = fakeFile{bytes.NewReader(nil)}
	return u, nil
}

func (f *fakeTape) ClipUnits(tape.Stretch) (replay.Units, error) { return f.Units() }

func (f *fakeTape) Ogg(v tape.Variant) (replay.File, error) { return f.Movie(v) }

func (f *fakeTape) Movie(v tape.Variant) (replay.File, error) {
	packets, _ := f.Read(v, 0, 500)
	return fakeFile{bytes.NewReader(fmp4.AppendFragment(fmp4.Init(codec.OpusPreSkip), 0, packets, nil))}, nil
}

// hole is where the fake tape has one: an hour is missing.
var hole = [2]tape.Number{96 * 1000, 96 * 3000}

// newFakeTape is a tape of two hours, which begins at segment 5.
func newFakeTape(t *testing.T, closed bool) (*fakeTape, string) {
	t.Helper()
	f := &fakeTape{
		packets: tonePackets(t, tape.Opus48), closed: closed,
		spans: []tape.Stretch{{From: 5 * 96, To: hole[0]}, {From: hole[1], To: 96*5755 + 50}},
	}
	say := func(at tape.Number, kind string, v any) {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		f.events = append(f.events, tape.Event{At: at, Kind: kind, Data: data})
	}
	say(0, room.KindStage, room.StageEvent{Kind: room.KindStage, People: []room.Person{{ID: "p1", Name: "Ada Lovelace"}, {ID: "p2", Name: "Grace Hopper"}}})
	for i := range 200 {
		say(tape.Number(500+i*450), room.KindSpeaking, room.SpeakingEvent{Kind: room.KindSpeaking, IDs: []room.PersonID{room.PersonID(fmt.Sprint("p", 1+i%2))}})
	}
	facts := func(id room.ID) (room.Facts, bool) {
		chapters := []room.Chapter{{ID: 1, At: 600}, {ID: 2, At: int64(hole[0]) - 500, Title: "What the tides count"}, {ID: 3, At: int64(hole[1]) + 5000, Title: "An answer"}}
		return room.Facts{ID: id, Title: "Harbour talk: what the sea remembers", Language: "en", State: room.Live, Life: room.Life{Chapters: chapters}}, id == testRoom
	}
	mux := http.NewServeMux()
	mux.Handle("GET /r/{room}/clip/{clip}", ClipPage(func(r *http.Request) (ClipHead, int) {
		return ClipHead{Title: "Harbour <talk>", Words: "Ada · 0:30", Address: "http://" + r.Host + r.URL.Path, Width: 1200, Height: 630}, http.StatusOK
	}))
	mux.Handle("GET /r/{room}/tape/{$}", ReplayPage(facts))
	tapes := replay.New(replay.Config{
		Facts: facts, PreSkip: codec.OpusPreSkip, M4A: true, Log: slog.New(slog.DiscardHandler),
		Tape: func(room.ID, tape.Channel) (replay.Tape, error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.gone {
				return nil, room.ErrNotFound
			}
			return f, nil
		},
	})
	mux.Handle("/r/{room}/tape/", tapes)
	mux.Handle("/r/{room}/clip/", tapes)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return f, s.URL + "/r/" + testRoom + "/tape/"
}

func (p *tab) replays() {
	p.Helper()
	p.Until(`globalThis.epidaurusTape?.state === "paused"`, "document.getElementById('status').textContent")
	p.Click("#play")
	p.Until(`epidaurusTape.state === "playing" && epidaurusTape.time > 0.2`, "epidaurusTape.state + epidaurusTape.time")
}

// seconds seeks, and tells how long it takes until sound moves on.
func (p *tab) seekTo(time float64) float64 {
	p.Helper()
	browsertest.Eval[bool](p.Tab, fmt.Sprintf(`(() => {
		const begin = performance.now();
		globalThis.took = 0;
		audio.addEventListener("timeupdate", function moved() {
			if (audio.currentTime <= %[1]f || audio.seeking) return;
			took = performance.now() - begin;
			audio.removeEventListener("timeupdate", moved);
		});
		const seek = document.getElementById("seek");
		seek.value = "%[1]f";
		seek.dispatchEvent(new Event("input"));
		seek.dispatchEvent(new Event("change"));
		return true;
	})()`, time))
	p.Until("took > 0", "epidaurusTape.state + epidaurusTape.time")
	return browsertest.Eval[float64](p.Tab, "took")
}

// offered is what the page of a tape offers to be downloaded.
const offered = `[...document.querySelectorAll("#files a")].filter((a) => !a.closest("[hidden]"))
	.map((a) => [a.textContent, new URL(a.href).pathname.split("/tape")[1], a.download].join(" "))`

func testReplayPlaysAndSeeks(t *testing.T, b context.Context) {
	f, address := newFakeTape(t, true)
	p := open(t, b, address)
	p.replays()
	if got := p.text("title"); got != "Harbour talk: what the sea remembers" {
		t.Errorf("its title is %q", got)
	}
	total := 0
	for _, s := range f.spans {
		total += s.Len()
	}
	if got := browsertest.Eval[float64](p.Tab, "epidaurusTape.total"); got != float64(total)/tape.FramesPerSec {
		t.Errorf("it lasts %f s", got)
	}
	for _, at := range []float64{1200, 5, 3600, 300} {
		took := p.seekTo(at)
		t.Logf("to %.0f s: sound after %.0f ms", at, took)
		if took > 500 && p.kept() && exactly {
			t.Errorf("a seek takes %.0f ms", took)
		}
	}
	p.Until(`document.getElementById("speaking").textContent.includes("Lovelace") || document.getElementById("speaking").textContent.includes("Hopper")`,
		"document.getElementById('speaking').textContent")
	browsertest.Eval[bool](p.Tab, `(() => { const s = document.getElementById("speed"); s.value = "2"; s.dispatchEvent(new Event("change")); return true; })()`)
	if got := browsertest.Eval[float64](p.Tab, "audio.playbackRate"); got != 2 {
		t.Errorf("its speed is %f", got)
	}
	want := []string{"M4A (AAC) /floor/aac-64.m4a harbour-talk-k3f9x2.m4a", "Ogg Opus /floor/opus-48.ogg harbour-talk-k3f9x2.ogg", "MP4 /floor/opus-48.mp4 harbour-talk-k3f9x2.mp4"}
	if got := browsertest.Eval[[]string](p.Tab, offered); !slices.Equal(got, want) {
		t.Errorf("to be downloaded are %q, want %q", got, want)
	}
	p.Click("#turnlist li:nth-child(3) button")
	p.Until("Math.abs(epidaurusTape.frame - 1400) < 300", "epidaurusTape.frame")
	p.seekTo(browsertest.Eval[float64](p.Tab, "epidaurusTape.total - 3"))
	p.Until(`epidaurusTape.state === "ended"`, "epidaurusTape.state + epidaurusTape.time")
}

func testReplayCrossesAHole(t *testing.T, b context.Context) {
	_, address := newFakeTape(t, true)
	p := open(t, b, address)
	p.replays()
	edge := float64(hole[0]-5*96) / tape.FramesPerSec
	p.seekTo(edge - 2)
	p.Until(fmt.Sprintf("epidaurusTape.time > %f && epidaurusTape.frame > %d", edge+1, hole[1]), "epidaurusTape.time + ' ' + epidaurusTape.frame")
}

func testReplayRewindsWhileLive(t *testing.T, b context.Context) {
	f, address := newFakeTape(t, false)
	p := open(t, b, address+"#back")
	p.replays()
	if got, total := browsertest.Eval[float64](p.Tab, "epidaurusTape.time"), browsertest.Eval[float64](p.Tab, "epidaurusTape.total"); got < total-31 {
		t.Errorf("half a minute back of %f s is %f", total, got)
	}
	if got := browsertest.Eval[string](p.Tab, `document.getElementById("live").getAttribute("href")`); !strings.HasPrefix(got, "/r/"+testRoom) {
		t.Errorf("live is at %q", got)
	}
	if got := browsertest.Eval[[]string](p.Tab, offered); len(got) != 2 {
		t.Errorf("while it is live there are to be downloaded %q", got)
	}
	// How many heights its bars have, counted from their tops.
	heights := browsertest.Eval[int](p.Tab, `(() => {
		const { width, height } = wave, { data } = wave.getContext("2d").getImageData(0, 0, width, height);
		const top = (x) => Array.from({ length: height }, (_, y) => data[4 * (y * width + x) + 3]).findIndex((a) => a > 0);
		return new Set(Array.from({ length: Math.floor(width / 3) }, (_, i) => top(3 * i))).size;
	})()`)
	if heights < 5 {
		t.Errorf("how loud it was is drawn in %d heights", heights)
	}
	before := browsertest.Eval[float64](p.Tab, "epidaurusTape.total")
	f.mu.Lock()
	f.spans[1].To += 96
	f.mu.Unlock()
	p.Until(fmt.Sprintf("epidaurusTape.total > %f", before+1.9), "epidaurusTape.total")
	p.Click("#back")
	p.Until("epidaurusTape.time < epidaurusTape.total - 40", "epidaurusTape.time")
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	p.Until(`epidaurusTape.closed && document.getElementById("live").hidden && !document.getElementById("m4arow").hidden`, "epidaurusTape.state")
	p.Until(`epidaurusTape.state === "playing"`, "epidaurusTape.state")
}

func testReplayWorksByKeyboard(t *testing.T, b context.Context) {
	_, address := newFakeTape(t, true)
	p := open(t, b, address)
	p.Until(`globalThis.epidaurusTape?.state === "paused"`, "epidaurusTape.state")
	var order []string
	for range 5 {
		p.Do(chromedp.KeyEvent(kb.Tab))
		order = append(order, browsertest.Eval[string](p.Tab, "document.activeElement.id"))
	}
	if got := strings.Join(order, " "); got != "back play forward seek speed" {
		t.Fatalf("Tab leads to %s", got)
	}
	browsertest.Eval[bool](p.Tab, `document.getElementById("seek").focus(), true`)
	p.Do(chromedp.KeyEvent(kb.ArrowRight))
	p.Until("epidaurusTape.time >= 1", "epidaurusTape.time")
	if got := browsertest.Eval[string](p.Tab, `document.getElementById("seek").ariaValueText`); !strings.Contains(got, " of ") {
		t.Errorf("a screen reader reads %q", got)
	}
	browsertest.Eval[bool](p.Tab, `document.getElementById("play").focus(), true`)
	p.Do(chromedp.KeyEvent(kb.Enter))
	p.Until(`epidaurusTape.state === "playing"`, "epidaurusTape.state")
}

func testReplaySaysWhatIsWrong(t *testing.T, b context.Context) {
	f, address := newFakeTape(t, false)
	f.gone = true
	p := open(t, b, address+"?lang=fr")
	p.Until(`epidaurusTape.state === "none" && document.getElementById("status").textContent.includes("pas encore")`, "epidaurusTape.state")
	f.mu.Lock()
	f.gone = false
	f.mu.Unlock()
	p.Until(`epidaurusTape.state === "paused"`, "epidaurusTape.state")
	f.mu.Lock()
	f.gone = true
	f.mu.Unlock()
	p.Until(`epidaurusTape.state === "deleted" && document.getElementById("deck").hidden`, "epidaurusTape.state")
}

func testReplayFitsTheScreen(t *testing.T, b context.Context) {
	_, address := newFakeTape(t, true)
	for _, l := range looks() {
		t.Run(l.String(), func(t *testing.T) {
			t.Parallel()
			p := openLook(t, b, address+"?lang="+l.lang, l)
			p.Until(`epidaurusTape.state === "paused" && document.querySelector("#turnlist li")`, "epidaurusTape.state")
			p.fits(l, "replay")
		})
	}
}

// The page where a room is heard offers the tape, and says that there is one; to who was refused a seat, too.
func testReplayIsOffered(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	p := open(t, b, e.url())
	p.listen()
	p.plays(time.Second)
	if !browsertest.Eval[bool](p.Tab, `document.getElementById("tape").hidden`) {
		t.Error("a tape is offered, and there is none")
	}
	e.happen(room.KindRoom, room.RoomEvent{Kind: room.KindRoom, ID: testRoom, Title: "Harbour", Language: "en", State: room.Live, Tape: true})
	p.Until(`!document.getElementById("tape").hidden`, "epidaurus.state")
	if got := browsertest.Eval[string](p.Tab, `document.getElementById("tape").getAttribute("href")`); got != "/r/"+testRoom+"/tape/?lang=en#play" {
		t.Errorf("the tape is at %q", got)
	}
}

func testReplayHasChapters(t *testing.T, b context.Context) {
	_, address := newFakeTape(t, true)
	p := open(t, b, address)
	p.replays()
	if got := browsertest.Eval[[]string](p.Tab, `[...document.querySelectorAll("#chapterlist b")].map((e) => e.textContent)`); strings.Join(got, ", ") != "Chapter 1, What the tides count, An answer" {
		t.Errorf("its chapters are %q", got)
	}
	p.Click("#chapterlist li:nth-child(3) button")
	p.Until(fmt.Sprintf("Math.abs(epidaurusTape.frame - %d) < 300 && epidaurusTape.state === 'playing'", hole[1]+5000), "epidaurusTape.frame")
	p.Until(`document.querySelector("#chapterlist [aria-current=true] b")?.textContent === "An answer"`, "document.getElementById('chapterlist').innerHTML")
	p.Click("#language")
	p.Until(`document.querySelector("#chapterlist b").textContent === "Chapitre 1"`, "document.getElementById('chapterlist').innerHTML")
}

// A clip is made of what was just heard, while it goes on; its link says all of it, and its page plays it.
func testReplayMakesClips(t *testing.T, b context.Context) {
	f, address := newFakeTape(t, false)
	p := open(t, b, address+"#t=1000")
	p.Until(`globalThis.epidaurusTape?.state === "paused" && epidaurusTape.time === 1000 && !document.getElementById("clipmake").hidden`, browsertest.Body)
	p.Click("#clipmake")
	link := func() string {
		t.Helper()
		return browsertest.Eval[string](p.Tab, `document.getElementById("cliplink").getAttribute("href")`)
	}
	const first = 5*96 + 50_000
	clipOf := func(from, to int) string { return fmt.Sprintf("/r/%s/clip/%d-%d", testRoom, from, to) }
	if got, want := link(), clipOf(first-1500, first); got != want {
		t.Errorf("the clip is %s, not %s", got, want)
	}
	drawn := func(second int) bool { // above the loudest bar
		return browsertest.Eval[bool](p.Tab, fmt.Sprintf(`wave.getContext("2d").getImageData(%d / epidaurusTape.total * wave.width, 0, 1, 1).data[3] > 0`, second))
	}
	if !drawn(985) || drawn(920) || drawn(1050) {
		t.Error("what is chosen is not shown where it is")
	}
	p.Click("#frommore")
	p.Click("#toless")
	if got, want := link(), clipOf(first-1450, first-50); got != want {
		t.Errorf("its ends moved to %s, not %s", got, want)
	}
	browsertest.Eval[bool](p.Tab, `(audio.currentTime = 1300, true)`)
	p.Until("epidaurusTape.time === 1300", "epidaurusTape.time")
	p.Click("#tohere") // too long: it is cut at its beginning
	var from, to int
	_, err := fmt.Sscanf(link(), "/r/"+testRoom+"/clip/%d-%d", &from, &to)
	if err != nil || to-from != replay.LongestClip || to < 5*96+1300*50 {
		t.Errorf("a very long clip is %s", link())
	}
	browsertest.Eval[bool](p.Tab, `(() => { for (let i = 0; i < 200; i++) document.getElementById("toless").click(); return true; })()`)
	if _, err = fmt.Sscanf(link(), "/r/"+testRoom+"/clip/%d-%d", &from, &to); err != nil || to-from != replay.ShortestClip {
		t.Errorf("a very short clip is %s", link())
	}
	if n := len(f.Spans()); n != 2 {
		t.Fatal(n)
	}
	clip := strings.TrimSuffix(address, "tape/") + fmt.Sprintf("clip/%d-%d", first, first+250)
	q := open(t, b, clip)
	q.Until(`globalThis.epidaurusClip?.state === "paused" && epidaurusClip.total === 5`, browsertest.Body)
	if got := browsertest.Eval[string](q.Tab, `document.querySelector("meta[property='og:image']").content`); got != clip+"/picture.png" {
		t.Errorf("its picture is at %s", got)
	}
	q.Click("#play")
	q.Until(`epidaurusClip.state === "ended"`, "epidaurusClip.state + epidaurusClip.time")
	if got := browsertest.Eval[string](q.Tab, `document.getElementById("whole").getAttribute("href")`); got != "/r/"+testRoom+"/tape/?lang=en#t=1000&play" {
		t.Errorf("the whole is at %s", got)
	}
}

func testClipFitsTheScreen(t *testing.T, b context.Context) {
	_, address := newFakeTape(t, true)
	for _, l := range looks() {
		t.Run(l.String(), func(t *testing.T) {
			t.Parallel()
			p := openLook(t, b, strings.TrimSuffix(address, "tape/")+"clip/5000-6500?lang="+l.lang, l)
			p.Until(`globalThis.epidaurusClip?.state === "paused"`, browsertest.Body)
			p.fits(l, "clip")
			p = openLook(t, b, address+"?lang="+l.lang+"#t=100&clip", l)
			p.Until(`globalThis.epidaurusTape?.state === "paused" && !document.getElementById("clip").hidden`, browsertest.Body)
			p.fits(l, "clipmaker")
		})
	}
}

func testClipSaysWhatIsWrong(t *testing.T, b context.Context) {
	_, address := newFakeTape(t, true)
	base := strings.TrimSuffix(address, "tape/") + "clip/"
	for clip, want := range map[string]string{
		base + "5000-5001": "gone",
		base + fmt.Sprintf("%d-%d", hole[0], hole[0]+100): "gone",
	} {
		// The browser says on its console that clip.json was refused: that is no failure here.
		p := open(t, b, clip+"?lang=fr", "console.error = () => {}")
		p.Until(fmt.Sprintf(`globalThis.epidaurusClip?.state === %q && document.getElementById("deck").hidden`, want), browsertest.Body)
		if got := p.text("status"); got != "Cet extrait n’est pas là, ou n’y est plus." {
			t.Errorf("%s: it says %q", clip, got)
		}
	}
}
