// Package web holds the pages, each a single file with its style and its script inside, bundled from TypeScript by web/build
// and committed, so that running needs no Node. A page is the same bytes for everybody. What few listeners need comes later, as scripts of their own: the wait for the
// beginning, the gate of a room by invitation, the way to another room, a raised hand, other devices. What is made of a room is here too: the head
// of its page, calendar file, lists for radios, oEmbed, QR codes.
package web

import (
	"bytes"
	"embed"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/epidaurus-live/epidaurus/room"
)

//go:generate go run ./build

//go:embed dist
var dist embed.FS

// ListenPage serves the listener's page at GET /r/{room}: the same bytes for everybody who asks for a room, and for every room but for what
// its head says of it (headOf); with status 404 where facts knows no such room, and then the page says so itself. image is where
// a room's picture is, for those who show links. Both are called concurrently and must not block.
func ListenPage(facts func(room.ID) (room.Facts, bool), image func(room.Facts) string) http.Handler {
	p := newRoomPage("listen", listenPolicy, image)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /r/{room}", func(w http.ResponseWriter, r *http.Request) {
		id := room.ID(r.PathValue("room"))
		if id.Valid() {
			if f, known := facts(id); known && f.State != room.Draft {
				discreet(w, f)
				p.of(f).serve(w, r, http.StatusOK)
				return
			}
		}
		p.bare.serve(w, r, http.StatusNotFound)
	})
	return mux
}

// ReplayPage serves the page that plays a tape, at GET /r/{room}/tape/ and at whatever other address it is mounted; the same bytes for
// every room, but that those by invitation have a gate before them; with status 404 where facts knows no such room. facts is called concurrently
// and must not block.
func ReplayPage(facts func(room.ID) (room.Facts, bool)) http.Handler {
	p := newPage("replay", replayPolicy)
	gated := makePage(bytes.Replace(p.plain, []byte(headPlace), []byte(gateScript+headPlace), 1), replayPolicy, " 'self'")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := room.ID(r.PathValue("room"))
		f, known := room.Facts{}, id.Valid()
		if known {
			f, known = facts(id)
		}
		if !known || f.State == room.Draft {
			p.serve(w, r, http.StatusNotFound)
			return
		}
		discreet(w, f)
		if f.Life.Access.Gated() {
			gated.serve(w, r, http.StatusOK)
			return
		}
		p.serve(w, r, http.StatusOK)
	})
}

// discreet asks those who index what they find to leave out rooms that are not listed.
func discreet(w http.ResponseWriter, f room.Facts) {
	if f.Life.Access.Visibility != room.Public {
		w.Header().Set("X-Robots-Tag", "noindex")
	}
}

// gateScript comes before all else in the page of a room by invitation, and has to: it says where the page's sound is.
const gateScript = `<script src="/gate.js"></script>`

// Gate serves the script that asks for an invitation, and carries it from the address to where the sound is.
func Gate() http.Handler {
	script := distFile("gate.js")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serveSmall(w, r, "text/javascript; charset=utf-8", "public, max-age=60, stale-while-revalidate=86400", script)
	})
}

// ReplayFile is that page, for who publishes it elsewhere at /r/{room}.
func ReplayFile() []byte { return newPage("replay", replayPolicy).plain }

// ExportedPage is the page of a tape as one that stands alone, with the index of that tape in it: it plays sound.ogg beside it, and asks for
// nothing else, from a folder of files too.
func ExportedPage(index []byte) []byte {
	plain := newPage("replay", replayPolicy).plain
	policy := fmt.Sprintf("default-src 'none'; script-src %s; style-src %s; media-src 'self' file:; img-src data:; base-uri 'none'; form-action 'none'",
		hashSource(plain, "script"), hashSource(plain, "style"))
	plain = bytes.Replace(plain, []byte(headPlace), []byte(`<meta http-equiv="Content-Security-Policy" content="`+policy+`">`+headPlace), 1)
	// encoding/json writes no "<", so that nothing in it ends the element.
	return bytes.Replace(plain, []byte("<script>"), slices.Concat([]byte(`<script type="application/json" id="index">`), index, []byte("</script><script>")), 1)
}

// replayPolicy lets the page of a tape fetch that, and play it.
const replayPolicy = "connect-src 'self'; media-src 'self' blob:; img-src data:"

// HandPage serves the page of a raised hand at GET /r/{room}/hand, which the listener's page shows in a frame; the same bytes for every
// room, with status 404 where known says that there is no such room. known is called concurrently and must not block.
func HandPage(known func(room.ID) bool) http.Handler {
	p := newPage("hand", handPolicy)
	p.policy = strings.Replace(p.policy, "frame-ancestors 'none'", "frame-ancestors 'self'", 1)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		id := room.ID(r.PathValue("room"))
		if !id.Valid() || !known(id) {
			status = http.StatusNotFound
		}
		p.serve(w, r, status)
	})
}

// handPolicy lets the page of a raised hand ask its own edge.
const handPolicy = "connect-src 'self'"

// listenPolicy lets the listener's page speak to its own edge and to others, and play what it hears; newPage adds its style and script.
// The others are named by the signed list in the sound, which nobody knows when the page, the same for everybody, is sent. Nothing runs in
// it but the one script whose hash is in the policy, and scripts of its own origin that it loads later, and those fetch without cookies. To a policy http: is https: too.
const listenPolicy = "connect-src 'self' http:;media-src 'self' blob:;img-src 'self' data:;frame-src 'self'"
