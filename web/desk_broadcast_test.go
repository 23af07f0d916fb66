package web

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/stage"
)

// levers answers what the desk does to delay, dump and carts, and remembers it. The second dump finds nothing.
func (d *deskServer) levers(mux *http.ServeMux) {
	pull := func(answer func(http.ResponseWriter, *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				d.t.Error(err)
			}
			d.mu.Lock()
			d.pulled = append(d.pulled, fmt.Sprint(r.Method, " ", r.URL.Path[len("/api/rooms/"+testRoom):], " ", string(body)))
			d.mu.Unlock()
			answer(w, r)
		}
	}
	cart := func(w http.ResponseWriter, r *http.Request) {
		d.answer(w, 200, map[string]any{"name": r.PathValue("cart"), "length_ms": 2600, "own": false})
	}
	mux.HandleFunc("PATCH /api/rooms/{room}/delay", pull(func(w http.ResponseWriter, _ *http.Request) { d.answer(w, 200, map[string]int{"delay_ms": 5000}) }))
	dumps := 0
	mux.HandleFunc("POST /api/rooms/{room}/dump", pull(func(w http.ResponseWriter, _ *http.Request) {
		d.mu.Lock()
		dumps++
		first := dumps == 1
		d.mu.Unlock()
		if !first {
			problem.Write(w, problem.New(problem.NothingToDump, "Nothing has been said since the last dump."))
			return
		}
		d.answer(w, 200, map[string]any{"removed_ms": 9980, "filling_ms": 10200, "fill": "hold"})
	}))
	mux.HandleFunc("GET /api/rooms/{room}/carts", func(w http.ResponseWriter, _ *http.Request) {
		var carts []map[string]any
		for _, name := range room.Carts {
			carts = append(carts, map[string]any{"name": name, "length_ms": 2600, "own": name == room.CartTone})
		}
		d.answer(w, 200, map[string]any{"carts": carts})
	})
	mux.HandleFunc("POST /api/rooms/{room}/carts/{cart}/play", pull(cart))
	mux.HandleFunc("POST /api/rooms/{room}/carts/{cart}/stop", pull(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
}

func (d *deskServer) leversPulled() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.pulled)
}

// wantPulled waits until the last thing done is this.
func (d *deskServer) wantPulled(p deskTab, want string) {
	p.Helper()
	for deadline := time.Now().Add(browsertest.Patience); ; time.Sleep(10 * time.Millisecond) {
		pulled := d.leversPulled()
		if len(pulled) > 0 && pulled[len(pulled)-1] == want {
			return
		}
		if time.Now().After(deadline) {
			p.Fatalf("the desk did %q, want %q at last", pulled, want)
		}
	}
}

// reads waits for a part of an element's text.
func (p deskTab) reads(id, text string) {
	p.Helper()
	p.until(fmt.Sprintf(`%s && %s.textContent.includes("%s")`, browsertest.At(id), browsertest.At(id), text))
}

func TestDeskDump(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	p := openDesk(t, chromium.New(t), d.link("grace", "Grace", room.CoHost, "?raw=1&lang=en"))
	p.says("nobody", "not-on-stage")
	whole := stage.Air{Delay: 10 * time.Second, Wanted: 10 * time.Second}
	d.stage.SetAir(testRoom, whole)
	p.reads("delay-word", "The last 10\u00a0s can be dumped")

	p.Press("dump")
	d.wantPulled(p, `POST /dump {"fill":"hold"}`)
	p.reads("dumped", "10\u00a0s removed")
	d.stage.SetAir(testRoom, stage.Air{Delay: time.Second, Wanted: 10 * time.Second, Filling: 9 * time.Second})
	p.reads("delay-word", "hear the stage again in 9\u00a0s")
	p.until(`document.querySelector(".delay").dataset.state === "filling"`)

	// By keyboard, and this time there is nothing: that is said.
	p.until(`(` + browsertest.At("fill") + `.value = "none", ` + browsertest.At("fill") + `.dispatchEvent(new Event("change", {bubbles: true})), true)`)
	p.Do(chromedp.KeyEvent("D", chromedp.KeyModifiers(kb.ModifierShift)))
	d.wantPulled(p, `POST /dump {"fill":"none"}`)
	p.reads("trouble", "Nothing has been said since the last dump.")

	p.until(`(` + browsertest.At("delay") + `.value = "5", ` + browsertest.At("delay") + `.dispatchEvent(new Event("change", {bubbles: true})), true)`)
	d.wantPulled(p, `PATCH /delay {"delay_ms":5000}`)

	p.Press("cart-jingle")
	d.wantPulled(p, `POST /carts/jingle/play `)
	d.stage.SetAir(testRoom, stage.Air{Cart: "jingle", CartLeft: 2 * time.Second, DeadAir: true})
	p.reads("cart-jingle", "Stop Jingle")
	p.reads("dead-air", "8 seconds")
	p.reads("delay-word", "nothing to remove")
	p.Press("cart-jingle")
	d.wantPulled(p, `POST /carts/jingle/stop `)
	d.stage.SetAir(testRoom, whole)
	p.until(browsertest.At("dead-air") + ` === null`)
}

// While a room is live, its team is told that what is said does not reach the file host, and of no other light.
func TestDeskTellsOfALateFileHost(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	d.lights = []byte(`{"lights":[{"name":"clock","state":"amber","why":"free","n":0},{"name":"publish","state":"red","why":"failed","n":42}]}`)
	p := openDesk(t, chromium.New(t), d.link("grace", "Grace", room.CoHost, "?raw=1&lang=en"))
	p.reads("publish-late", "For 42 s nothing has reached the file host.")
	if shown := browsertest.Eval[bool](p.Tab, browsertest.At("light-clock")+` !== null`); shown {
		t.Error("the lights before the beginning are shown while it is live")
	}
}

// A letter that is written dumps nothing, and a speaker has no levers.
func TestDeskDumpIsNotPressedByMistake(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	b := chromium.New(t)
	p := openDesk(t, b, d.link("grace", "Grace", room.CoHost, "?raw=1"))
	p.says("nobody", "not-on-stage")
	d.stage.SetAir(testRoom, stage.Air{Delay: time.Second, Wanted: time.Second})
	p.until(browsertest.At("dump"))
	p.Write("invite-name", "D D")
	p.until(browsertest.At("invite-name") + `.value === "D D"`)
	p.until(`(` + browsertest.At("invite-name") + `.blur(), true)`)
	p.Do(chromedp.KeyEvent("d"))
	if pulled := d.leversPulled(); len(pulled) != 0 {
		t.Errorf("the desk did %q", pulled)
	}
	speaker := openDesk(t, b, d.link("bob", "Bob", room.Speaker, "?raw=1"))
	speaker.says("nobody", "not-on-stage")
	d.stage.SetAir(testRoom, stage.Air{Delay: time.Second, Wanted: time.Second, DeadAir: true})
	speaker.until(browsertest.At("dead-air"))
	speaker.until(browsertest.At("dump") + ` === null`)
}

// The panel fits a small phone, in both languages.
func TestDeskBroadcastFits(t *testing.T) {
	t.Parallel()
	d := newDeskServer(t)
	b := chromium.New(t)
	for _, l := range []look{{360, 740, "dark", "fr"}, {360, 740, "light", "en"}, {1280, 800, "light", "fr"}} {
		p := openLook(t, b, d.link("ada", "Ada", room.Host, "?raw=1&lang="+l.lang), l)
		p.until(`document.querySelector(".air").dataset.reason === "not-on-stage"`)
		d.stage.SetAir(testRoom, stage.Air{Delay: 3 * time.Second, Wanted: 10 * time.Second, Cart: "apology", CartLeft: time.Second, DeadAir: true})
		p.until(browsertest.At("cart-apology"))
		p.until(`(` + browsertest.At("dead-air") + `.scrollIntoView(), true)`)
		p.fits(l, "desk-broadcast")
		p.until(`(` + browsertest.At("dump") + `.scrollIntoView({block: "center"}), true)`)
		p.fits(l, "desk-dump")
	}
}
