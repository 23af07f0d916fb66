package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/room"
)

// heldBack is a proxy that passes an answer on when it has all of it, as some companies' and phones' do: an endless one it never passes on.
func heldBack(t *testing.T, to string) string {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) },
		ModifyResponse: func(r *http.Response) error {
			all, err := io.ReadAll(r.Body) // ends with the request at the latest
			r.Body = io.NopCloser(bytes.NewReader(all))
			return err
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	})
	t.Cleanup(front.Close)
	return front.URL
}

// piecesOfTwo is a room in which Ada and Grace speak, a tone each, and of which there are segments.
func piecesOfTwo(t *testing.T, title string) *show {
	t.Helper()
	s := serve(t).open(title, false)
	speak(t, s.invite("Ada"), writeWAV(t, tone(440)))
	speak(t, s.invite("Grace"), writeWAV(t, tone(660)))
	until(t, "there are pieces", func() bool { return len(segmentsOf(s.room.ListenURL+"/hls/floor/opus-48/live.m3u8")) >= 4 })
	return s
}

// A listener behind a proxy that holds back what has no end hears the room by pieces, with the title, the names and captions, and without a second tap.
func TestListenerBehindAProxyThatHoldsBack(t *testing.T) {
	t.Parallel()
	s := piecesOfTwo(t, "Held back")
	p := openTapped(t, listeners.New(t), heldBack(t, s.listeners)+"/r/"+string(s.room.ID))
	p.Click("#listen")
	p.Until(`epidaurus.state === "listening" && epidaurus.frame > 0 && document.getElementById("title").textContent === "Held back"`, "JSON.stringify(epidaurus)")
	hearsCleanly(p, captured, 2, 2, bothTones(20))
	s.toldBesideTheSound(t, p)
	if browsertest.Eval[string](p, `performance.getEntriesByType("resource").map((e) => e.name.split("/").pop()).join(" ")`) == "" {
		t.Error("nothing was fetched")
	}
	err := s.client.End(t.Context(), s.room.ID)
	if err != nil {
		t.Fatal(err)
	}
	p.Until(`epidaurus.state === "ended"`, "JSON.stringify(epidaurus)")
}

// In a page of somebody else, in the narrowest sandbox that lets it run, the small player plays what is live and then its tape, breaks no policy, and leaves
// neither a cookie nor anything stored.
func TestEmbeddedElsewhere(t *testing.T) {
	t.Parallel()
	s := serve(t).open("In a page of others", false)
	speak(t, s.invite("Ada"), writeWAV(t, tone(440)))
	s.tape("it is taped", func(i tapeIndex) bool { return i.Last-i.First >= 3*96 })
	around := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><title>A newspaper</title><script>addEventListener("message", (e) => (window.told = {...e.data.epidaurus, from: e.origin}))</script>
			<iframe src="%s/embed" width="480" height="140" allow="autoplay" sandbox="allow-scripts allow-same-origin" style="position:fixed;left:0;top:0;border:0"></iframe>`, s.room.ListenURL)
	}))
	t.Cleanup(around.Close)
	other := strings.Replace(around.URL, "127.0.0.1", "localhost", 1) // another site, not only another port
	p := browsertest.Open(t, listeners.New(t), other)
	press := func() { p.Do(chromedp.MouseClickXY(42, 42)) }
	p.Until(`told.state === "paused" && told.room === "live" && told.title === "In a page of others"`, "JSON.stringify(window.told)")
	press()
	p.Until(`told.state === "playing"`, "JSON.stringify(window.told)")
	if from := browsertest.Eval[string](p, "told.from"); from != s.listeners {
		t.Errorf("it comes from %s", from)
	}
	press()
	p.Until(`told.state === "paused"`, "JSON.stringify(window.told)")
	err := s.client.End(t.Context(), s.room.ID)
	if err != nil {
		t.Fatal(err)
	}
	s.tape("it is closed", func(i tapeIndex) bool { return i.Closed })
	p.Do(chromedp.Reload())
	p.Until(`told.room === "ended"`, "JSON.stringify(window.told)")
	press()
	p.Until(`told.state === "playing"`, "JSON.stringify(window.told)")
	direct := browsertest.Open(t, listeners.New(t), s.room.ListenURL+"/embed")
	direct.Until(`document.getElementById("room").href.endsWith("/r/`+string(s.room.ID)+`") && document.getElementById("status").textContent !== ""`, browsertest.Body)
	if left := browsertest.Eval[int](direct, `document.cookie.length + localStorage.length + sessionStorage.length`); left != 0 {
		t.Errorf("%d things are kept", left)
	}
}

// A browser without MediaSource plays HLS by itself. The page shows all the same who is on stage and what is said, and that the room is over.
func TestListenerWithoutMediaSource(t *testing.T) {
	t.Parallel()
	s := piecesOfTwo(t, "The old phone")
	p := openTapped(t, listeners.New(t), s.room.ListenURL, "delete window.MediaSource; delete window.ManagedMediaSource")
	p.Click("#listen")
	p.Until(`epidaurus.state === "listening" && audio.currentTime > 0 && audio.src.endsWith("/hls/master.m3u8")`, browsertest.Body)
	hearsCleanly(p, captured, 2, 2, bothTones(20))
	s.toldBesideTheSound(t, p)
	picture(p, "plain")
	err := s.client.End(t.Context(), s.room.ID)
	if err != nil {
		t.Fatal(err)
	}
	p.Until(`epidaurus.state === "ended" && document.getElementById("chip").dataset.state === "ended" && document.getElementById("listen").hidden`, browsertest.Body)
}

// toldBesideTheSound waits for what a page has to show of a room with Ada and Grace on stage, whose sound brings no events: people, who speaks, captions.
func (s *show) toldBesideTheSound(t *testing.T, p *browsertest.Tab) {
	t.Helper()
	p.Until(`[...document.querySelectorAll("#people b")].map((e) => e.textContent).sort().join() === "Ada,Grace"`, browsertest.Body)
	p.Until(`document.querySelectorAll("#people .speaks").length === 2 && document.getElementById("chip").dataset.state === "live"`, browsertest.Body)
	by, err := s.client.Invite(t.Context(), s.room.ID, "Maria", room.Captioner)
	if err != nil {
		t.Fatal(err)
	}
	s.caption(t, by, `{"text":"The ships are late.","id":"1"}`, http.StatusCreated)
	p.Until(`document.getElementById("cc")`, browsertest.Body)
	p.Click("#cc")
	p.Until(shownLines+` === "The ships are late."`, browsertest.Body)
}
