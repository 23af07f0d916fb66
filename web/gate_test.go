package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/room"
)

// withRoom gives a handler the room in the address.
func withRoom(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /r/{room}", h)
	return mux
}

// The page of a room by invitation says nothing of it in its head, and has a gate before its script, in the live page and in that of its tape.
func TestGatedPages(t *testing.T) {
	gated := func(id room.ID) (room.Facts, bool) {
		f, ok := testFacts(id)
		f.Life.Access.Visibility = room.ByInvitation
		return f, ok
	}
	for name, s := range map[string]*httptest.Server{"live": httptest.NewServer(ListenPage(gated, testImage)), "tape": httptest.NewServer(withRoom(ReplayPage(gated)))} {
		t.Cleanup(s.Close)
		answer := get(t, s, "GET", "/r/"+testRoom, "", "")
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		page, policy := string(body), answer.Header.Get("Content-Security-Policy")
		if strings.Contains(page, "Harbour") || strings.Contains(page, "Lovelace") {
			t.Errorf("%s: the page tells what is by invitation", name)
		}
		if at := strings.Index(page, gateScript); at < 0 || at > strings.Index(page, "<script>") || !strings.Contains(policy, "' 'self';style-src") {
			t.Errorf("%s: there is no gate before it, or it may not run: %s", name, policy)
		}
		if answer.Header.Get("Referrer-Policy") != "no-referrer" || answer.Header.Get("X-Robots-Tag") != "noindex" {
			t.Errorf("%s: %v", name, answer.Header)
		}
	}
	event := httptest.NewServer(Event(EventConfig{Facts: gated, Now: time.Now, Picture: testImage}))
	t.Cleanup(event.Close)
	body, err := io.ReadAll(get(t, event, "GET", "/r/"+testRoom+"/event.json", "", "").Body)
	if err != nil || !strings.Contains(string(body), `"gated":true`) || !strings.Contains(string(body), "Harbour talk") {
		t.Errorf("what is announced: %s, %v", body, err)
	}
}

// The page of a clip finds its sound with the invitation that stands behind the # of its address, and no server is told of it there.
func TestClipByInvitation(t *testing.T) {
	t.Parallel()
	const token = "s1.abc.def"
	const clip = "/clip/65000-65500"
	mux := http.NewServeMux()
	mux.Handle("GET /gate.js", Gate())
	mux.Handle("GET /r/{room}/clip/{clip}", ClipPage(func(*http.Request) (ClipHead, int) { return ClipHead{Gated: true}, http.StatusOK }))
	reply := func(path, text string) {
		mux.HandleFunc("GET /r/{room}"+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, text)
		})
	}
	reply("/seat.json", `{"gated":true,"name":"Lena","seats":2}`)
	reply("/event.json", `{"title":"Harbour talk","lang":"en","state":"live","gated":true}`)
	reply("/seat/"+token+clip+"/clip.json", `{"title":"Harbour talk","lang":"en","from":65000,"to":65500,"seconds":10,"into":3,"speakers":["Ada"],"levels":""}`)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	p := browsertest.Open(t, chromium.New(t), s.URL+"/r/"+testRoom+clip+"#seat="+token)
	p.Until(`globalThis.epidaurusClip?.total === 10 && document.getElementById("gate").innerText.includes("Lena")`, browsertest.Body)
	if at := browsertest.Eval[string](p, "location.pathname + location.hash"); at != "/r/"+testRoom+clip+"#seat="+token {
		t.Errorf("the address is %s", at)
	}
	// What is shared is for others, who have invitations of their own.
	browsertest.Eval[bool](p, `(navigator.clipboard.writeText = (text) => (globalThis.shared = text, Promise.resolve()), document.getElementById("share").click(), true)`)
	p.Until(`document.getElementById("status").textContent.includes("invitation")`, browsertest.Body)
	if got := browsertest.Eval[string](p, "shared"); got != s.URL+"/r/"+testRoom+clip {
		t.Errorf("what is shared is %s", got)
	}
	q := browsertest.Open(t, chromium.New(t), s.URL+"/r/"+testRoom+clip)
	q.Until(`document.querySelector("#gate form").offsetParent !== null && !document.getElementById("status").offsetParent`, browsertest.Body)
}
