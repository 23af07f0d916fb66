package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/tape"
)

// goesOn checks what a page asks for when it comes back, and returns the frame and the depth.
func goesOn(t *testing.T, query string) (from tape.Number, depth time.Duration) {
	t.Helper()
	q, err := url.ParseQuery(query)
	if err != nil || q.Get("pace") != "1" {
		t.Errorf("asked for %q", query)
	}
	frame, err := strconv.ParseInt(q.Get("from"), 10, 64)
	if err != nil || frame < firstFrame {
		t.Errorf("asked for %q, which goes on nowhere", query)
	}
	ms, err := strconv.ParseInt(q.Get("depth"), 10, 64)
	if err != nil || ms < 100 || ms > 17_000 {
		t.Errorf("asked for %q, which says no depth", query)
	}
	return tape.Number(frame), time.Duration(ms) * time.Millisecond
}

// seesStates makes the page remember in which states it was.
const seesStates = `window.states = {}; setInterval(() => globalThis.epidaurus && (states[epidaurus.state] = 1), 5)`

// A killed edge, and one that is emptied: the page goes on at the other one from its next frame, and says nothing of it.
func testGoesOnAtAnotherEdge(t *testing.T, b context.Context) {
	for name, door := range map[string]func(http.ResponseWriter){
		"killed":  crash,
		"emptied": func(w http.ResponseWriter) { writeProblem(w, "draining") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newFakeEdge(t, false)
			other := e.beside(t)
			l := newList(t)
			e.say("edges", l.of(time.Now(), e.URL, other.URL))
			other.say("edges", l.of(time.Now(), other.URL))
			p := open(t, b, e.url(), seesStates)
			p.listen()
			p.plays(time.Second)
			e.door(door)
			e.cutLines()
			p.until(`epidaurus.reconnects > 0 && epidaurus.state === "listening"`)
			p.plays(6 * time.Second) // over the seam
			p.heardWithoutGap()
			p.inOnePiece()
			p.near(4 * time.Second)
			asked := other.requests()
			if len(asked) == 0 || (len(asked) > 1 || len(e.requests()) != 1) && p.kept() {
				t.Fatalf("one edge was asked for %q, the other for %q", e.requests(), asked)
			}
			e.mu.Lock()
			sent := e.sent
			e.mu.Unlock()
			// The last fragment may have been lost with the line.
			if from, _ := goesOn(t, asked[0]); from > sent || from < sent-2*tape.PageFrames && p.kept() {
				t.Errorf("goes on from %d where %d was to come", from, sent)
			}
			const others = `Object.keys(states).filter((s) => s !== "ready" && s !== "joining" && s !== "listening").join()`
			if got := browsertest.Eval[string](p.Tab, others); got != "" && p.kept() {
				t.Errorf("the page was %s meanwhile", got)
			}
			other.door(crash)
			other.cutLines()
			e.door(nil) // it is not listed any more, and still where the page came from
			await(t, "the page at the edge that it came from", func() bool { return len(e.requests()) > 1 })
			p.until(`epidaurus.reconnects > 1 && epidaurus.state === "listening"`)
			p.plays(5 * time.Second)
			p.heardWithoutGap()
		})
	}
}

func testLeavesASilentEdge(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	other := e.beside(t)
	e.say("edges", newList(t).of(time.Now(), e.URL, other.URL))
	p := open(t, b, e.url())
	p.listen()
	p.plays(time.Second)
	e.freezeLines()
	p.until(`epidaurus.reconnects > 0 && epidaurus.state === "listening"`)
	p.plays(5 * time.Second)
	p.heardWithoutGap()
	p.inOnePiece()
	if n := len(other.requests()); n == 0 {
		t.Errorf("the other edge gave %d answers", n)
	}
}

// Who has no right to it leads nobody away, whatever the list says of its key.
func testIgnoresAForgedList(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	trap := e.beside(t)
	l, forger := newList(t), newList(t)
	e.say("edges", l.of(time.Now(), e.URL))
	p := open(t, b, e.url())
	p.listen()
	p.plays(time.Second)
	e.say("edges", forger.of(time.Now().Add(time.Minute), trap.URL))
	forged := forger.of(time.Now().Add(2*time.Minute), trap.URL)
	forged["key"] = l.of(time.Now())["key"]
	e.say("edges", forged)
	p.plays(time.Second)
	e.die()
	p.until(`epidaurus.state === "lost"`)
	await(t, "three attempts at the dead edge", func() bool { return e.refusals() >= 3 })
	e.door(nil)
	p.until(`epidaurus.reconnects === 1 && epidaurus.state === "listening"`)
	if n := len(trap.requests()) + trap.refusals(); n != 0 {
		t.Errorf("the page asked the forger's edge %d times", n)
	}
}

// Where nothing can be verified the page believes the edge that it came from, and no edge that it learnt of.
func testBelievesItsOwnEdgeWithoutCrypto(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	other, trap := e.beside(t), e.beside(t)
	e.say("edges", newList(t).of(time.Now(), e.URL, other.URL))
	other.say("edges", newList(t).of(time.Now().Add(time.Minute), trap.URL))
	p := open(t, b, e.url(), `Object.defineProperty(crypto, "subtle", {value: undefined})`)
	p.listen()
	p.plays(time.Second)
	e.die()
	p.until(`epidaurus.reconnects === 1 && epidaurus.state === "listening"`)
	p.plays(time.Second)
	e.door(nil)
	other.die()
	p.until(`epidaurus.reconnects === 2 && epidaurus.state === "listening"`)
	if n := len(trap.requests()) + trap.refusals(); len(other.requests()) == 0 || n != 0 {
		t.Errorf("%d answers of the edge that the own one named, %d requests at the one that was named there", len(other.requests()), n)
	}
	p.heardWithoutGap()
}

// A full edge sends nobody away while another has a seat; and when all are full, the page waits for as long as it is told.
func testGoesRoundFullEdges(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	second, third := e.beside(t), e.beside(t)
	e.say("edges", newList(t).of(time.Now(), e.URL, second.URL, third.URL))
	p := open(t, b, e.url())
	p.listen()
	p.plays(time.Second)
	for _, edge := range []*fakeEdge{e, second, third} {
		edge.door(full(5 * time.Second))
	}
	e.cutLines()
	p.until(`epidaurus.state === "full"`)
	if (e.refusals() != 0 || second.refusals() != 1 || third.refusals() != 1) && p.kept() {
		t.Errorf("refused %d, %d and %d times before the first wait", e.refusals(), second.refusals(), third.refusals())
	}
	for _, edge := range []*fakeEdge{e, second, third} {
		edge.door(nil)
	}
	p.until(`epidaurus.reconnects === 1 && epidaurus.state === "listening"`)
	if n := e.refusals() + second.refusals() + third.refusals(); n != 2 && p.kept() {
		t.Errorf("%d refusals: more than one attempt in a wait", n)
	}
}

// More depth is gained by playing slowly, with the same pitch, and told to the next edge as far as it was gained.
func testGrowsItsDepth(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	p := open(t, b, e.url())
	p.listen()
	p.plays(5 * time.Second)
	p.near(4 * time.Second)
	e.grow(4800 * time.Millisecond)
	p.until(`Math.abs(audio.playbackRate - 0.97) < 0.001 && audio.preservesPitch`)
	p.until(`epidaurus.delay > 4.2`)
	e.cutLines()
	p.until(`epidaurus.reconnects === 1 && epidaurus.state === "listening"`)
	asked := e.requests()
	if _, depth := goesOn(t, asked[len(asked)-1]); (depth < 4*time.Second || depth > 4700*time.Millisecond) && p.kept() {
		t.Errorf("came back with a depth of %v on the way from 4 to 4.8 s", depth)
	}
	e.grow(4800 * time.Millisecond)
	for _, delay := range []string{"4.4", "4.7"} {
		p.until("epidaurus.delay > " + delay)
	}
	p.near(4800 * time.Millisecond)
	p.until(`audio.playbackRate === 1 || epidaurus.gaps > 0`)
	p.heardWithoutGap()
}

// The cadence becomes eight times as long and the variant half as large within one answer, and back.
func testFollowsCadenceAndVariant(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	p := open(t, b, e.url())
	p.listen()
	p.plays(time.Second)
	for range 2 {
		e.change(t, 8*tape.PageFrames, tape.Opus24)
		p.plays(6 * time.Second)
		e.change(t, tape.PageFrames, tape.Opus48)
		p.plays(2 * time.Second)
	}
	p.heardWithoutGap()
	p.inOnePiece()
	p.near(4 * time.Second)
	if n := len(e.requests()); n != 1 && p.kept() {
		t.Errorf("asked %d times", n)
	}
}

// A fragment every 15.36 s, and 17 s to live on.
func testLivesOnTheLongestCadence(t *testing.T, b context.Context) {
	e := newFakeEdge(t, false)
	e.cadence, e.depth = 768, 17*time.Second
	p := open(t, b, e.url())
	p.listen()
	from := browsertest.Eval[float64](p.Tab, "audio.currentTime")
	tens := 3 // of seconds
	if exactly {
		tens = 6
	}
	for range tens {
		p.plays(10 * time.Second)
		if d := browsertest.Eval[float64](p.Tab, "epidaurus.delay"); (d < 16.5 || d > 18.5) && p.kept() {
			t.Errorf("the ear is %.2f s behind the newest frame", d)
		}
	}
	p.heardWithoutGap()
	p.inOnePiece()
	if n := len(e.requests()); n != 1 && p.kept() {
		t.Errorf("asked %d times", n)
	}
	if got := browsertest.Eval[float64](p.Tab, "audio.currentTime"); got < from+float64(10*tens)-1 {
		t.Errorf("the ear went from %.1f to %.1f", from, got)
	}
}

// fullOf refuses as an edge does that knows how many are in.
func fullOf(inside int, after time.Duration) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", problem.ContentType)
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintf(w, `{"type":"about:blank","title":"Every seat is taken","status":503,"code":"full","retry_after_ms":%d,"inside":%d}`,
			after.Milliseconds(), inside)
	}
}

// needsATap is a browser that sounds only for who has touched the page.
const needsATap = `const play = HTMLMediaElement.prototype.play;
	HTMLMediaElement.prototype.play = function () {
		return navigator.userActivation.isActive ? play.call(this) : Promise.reject(new DOMException("no tap", "NotAllowedError"));
	}`

// Who loads the page again while he waits goes on waiting for the same time; and then sounds, or has a button that does.
func testKeepsAPlaceOnReload(t *testing.T, b context.Context) {
	for _, strict := range []bool{false, true} {
		t.Run(fmt.Sprintf("tap needed %v", strict), func(t *testing.T) {
			t.Parallel()
			e := newFakeEdge(t, false)
			const wait = 12 * time.Second // long enough to load the page again
			refused := make(chan time.Time, 16)
			e.door(func(w http.ResponseWriter) {
				refused <- time.Now()
				fullOf(12_400, wait)(w)
			})
			var scripts []string
			if strict {
				scripts = []string{needsATap}
			}
			p := open(t, b, e.url(), scripts...)
			p.Click("#listen")
			p.until(`epidaurus.state === "full"`)
			if got := p.text("status"); got != "Full: 12,400 inside." {
				t.Errorf("status %q", got)
			}
			if got := p.text("retry"); !strings.HasPrefix(got, "Trying again in ") || !strings.HasSuffix(got, " s. You keep your place on reload.") {
				t.Errorf("retry %q", got)
			}
			kept := browsertest.Eval[string](p.Tab, `sessionStorage.getItem(location.pathname)`)
			browsertest.Eval[bool](p.Tab, `window.old = true; location.reload(), true`)
			p.until(`!window.old && epidaurus.state === "full" && document.getElementById("status").textContent === "Full: 12,400 inside."`)
			got := browsertest.Eval[string](p.Tab, `sessionStorage.getItem(location.pathname)`)
			if e.refusals() == 1 && got != kept { // on a busy machine the wait may be over
				t.Errorf("waits for %s, and for %s after the reload", kept, got)
			}
			if d := -(<-refused).Sub(<-refused); d < wait {
				t.Errorf("came back after %v, was asked to wait %v", d, wait)
			}
			e.door(nil)
			if strict {
				p.until(`epidaurus.state === "paused" && document.getElementById("verb").textContent === "Listen"`)
				if got := p.text("status"); !strings.HasPrefix(got, "Your seat is here.") {
					t.Errorf("status %q", got)
				}
				p.Click("#listen")
			}
			p.until(`epidaurus.state === "listening" && epidaurus.frame > 0 && !audio.paused && sessionStorage.length === 0`)
			p.plays(time.Second)
			p.heardWithoutGap()
		})
	}
}

// inOnePiece checks that no sound is missing in what the page keeps.
func (p *tab) inOnePiece() {
	p.Helper()
	if n := browsertest.Eval[int](p.Tab, "audio.buffered.length"); n != 1 {
		p.Errorf("the timeline is in %d pieces", n)
	}
}

// await waits for what happens at the server.
func await(t *testing.T, what string, come func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), browsertest.Patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !come() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}
