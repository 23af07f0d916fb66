package web

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// EventConfig is what the handler of announcements needs. Every field is required.
type EventConfig struct {
	Facts   func(room.ID) (room.Facts, bool)    // called concurrently, must not block
	Now     func() time.Time                    // the time of day
	Picture func(room.Facts) string             // where a room's picture is
	URL     func(*http.Request, room.ID) string // where a room is heard, as the one who asks reaches it
}

// eventAnswer is what was announced of a room, for its page.
type eventAnswer struct {
	Title       string     `json:"title"`
	Language    string     `json:"lang"`
	State       room.State `json:"state"`
	Gated       bool       `json:"gated,omitempty"` // it is heard by invitation
	Picture     string     `json:"picture"`
	Description string     `json:"description,omitempty"`

	People []room.Billed `json:"people,omitempty"`

	Start   int64  `json:"start_ms,omitempty"` // Unix, as all that follow
	Doors   int64  `json:"doors_ms,omitempty"`
	Zone    string `json:"zone,omitempty"`
	ByClock bool   `json:"by_clock,omitempty"`
	Closed  bool   `json:"closed,omitempty"` // the doors, to newcomers, at a number of seats
	Notice  string `json:"notice,omitempty"`
	WHEP    int    `json:"whep,omitempty"` // so many may hear it with the delay of a call
	DelayMS int    `json:"delay_ms"`       // of the broadcast
	DepthMS int64  `json:"depth_ms"`       // that a player is granted, as things stand
	NowMS   int64  `json:"now_ms"`
}

// Event serves what was announced of a room, at GET /r/{room}/event.json and event.ics, and the scripts that its page loads later: before.js waits
// for the beginning, moved.js goes on in another room, more.js tells how it goes, whep.js hears it by WebRTC.
func Event(cfg EventConfig) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /r/{room}/event.json", func(w http.ResponseWriter, r *http.Request) {
		f, ok := announced(cfg, w, r)
		if !ok {
			return
		}
		answer := eventAnswer{
			Title: f.Title, Language: f.Language, State: f.State, Gated: f.Life.Access.Gated(), Picture: cfg.Picture(f), DelayMS: f.DelayMS, DepthMS: f.Depth().Milliseconds(), WHEP: f.Life.Access.WHEP, Closed: f.Life.Closed > 0, Notice: f.Life.Notice, NowMS: cfg.Now().UnixMilli(),
		}
		if p := f.Life.Plan; f.Planned() {
			answer.People = p.People
			answer.Description, answer.Start, answer.Doors, answer.Zone, answer.ByClock = p.Description, p.Start.UnixMilli(), p.DoorsAt().UnixMilli(), p.Zone, p.ByClock
		}
		body, err := json.Marshal(answer)
		if err != nil {
			panic(err) // strings and numbers always marshal
		}
		// Not kept anywhere: it says how late it is.
		serveSmall(w, r, "application/json", "no-store", body)
	})
	mux.HandleFunc("GET /r/{room}/event.ics", func(w http.ResponseWriter, r *http.Request) {
		f, ok := announced(cfg, w, r)
		if !ok {
			return
		}
		if !f.Planned() {
			problem.Write(w, problem.New(problem.NotFound, "No time was announced for this room."))
			return
		}
		address := cfg.URL(r, f.ID)
		w.Header().Set("Content-Disposition", `inline; filename="`+string(f.ID)+`.ics"`)
		serveSmall(w, r, "text/calendar; charset=utf-8", "public, max-age=60", room.Calendar(&f, address, hostOf(address)))
	})
	for _, name := range []string{"before.js", "moved.js", "more.js", "whep.js"} {
		script := distFile(name)
		mux.HandleFunc("GET /r/{room}/"+name, func(w http.ResponseWriter, r *http.Request) {
			serveSmall(w, r, "text/javascript; charset=utf-8", "public, max-age=60, stale-while-revalidate=86400", script)
		})
	}
	return mux
}

func announced(cfg EventConfig, w http.ResponseWriter, r *http.Request) (room.Facts, bool) {
	id := room.ID(r.PathValue("room"))
	f, ok := room.Facts{}, id.Valid()
	if ok {
		f, ok = cfg.Facts(id)
	}
	if !ok || f.State == room.Draft {
		problem.Write(w, problem.NoRoom)
		return f, false
	}
	return f, true
}

// hostOf is the host in an address.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func serveSmall(w http.ResponseWriter, r *http.Request, mediaType, cache string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Cache-Control", cache)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Access-Control-Allow-Origin", "*")
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the reader is gone, and nobody is left to be told
	}
}

// distFile is a file of dist. It panics when it is not there: the file is part of the program.
func distFile(name string) []byte {
	text, err := dist.ReadFile("dist/" + name)
	if err != nil {
		panic(err)
	}
	return text
}

// shownWords is how many bytes of title and description go into the head of the page, for those who show a link: the page has to fit into its
// first flight.
const shownWords = 144

// headOf is what a room's page has in its head beyond that of all pages: words for those who show a link to it, and before the beginning the
// script that waits for it.
func headOf(f room.Facts, image string) string {
	var b strings.Builder
	meta := func(property, content string) {
		b.WriteString(`<meta property="og:` + property + `" content="` + html.EscapeString(content) + `">`)
	}
	if f.Life.Access.Gated() {
		meta("title", "By invitation")
		meta("image", image)
		b.WriteString(gateScript)
	} else {
		title := firstWords(f.Title, shownWords)
		meta("title", title)
		if text := firstWords(about(&f.Life.Plan), shownWords-len(title)); text != "" {
			meta("description", text)
		}
		meta("image", image)
		b.WriteString(`<link rel="alternate" type="application/json+oembed" href="/oembed?url=/r/` + string(f.ID) + `">`)
	}
	if f.Life.Access.WHEP > 0 && f.State != room.Ended {
		b.WriteString(`<link id="whep" rel="modulepreload" href="/r/` + string(f.ID) + `/whep.js">`)
	}
	if waits(f) {
		b.WriteString(`<script src="/r/` + string(f.ID) + `/before.js" defer></script>`)
	}
	return b.String()
}

// about is what those who show a link say of a room: who, and what about.
func about(p *room.Plan) string {
	if names := p.Names(); names != "" && p.Description != "" {
		return names + ": " + p.Description
	} else if names != "" {
		return names
	}
	return p.Description
}

// waits reports whether a room's page has a beginning to wait for, or something to say to who comes too late.
func waits(f room.Facts) bool {
	return f.State == room.Announced || f.Curtained() || f.State.Open() && f.Life.Closed > 0
}

// firstWords is a text in one line, cut behind a word where it has more bytes than that.
func firstWords(s string, most int) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= most {
		return s
	}
	cut := max(0, most-len("…"))
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	if space := strings.LastIndexByte(s[:cut], ' '); space > cut/2 {
		cut = space
	}
	if cut == 0 {
		return ""
	}
	return s[:cut] + "…"
}
