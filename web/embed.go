package web

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/room"
)

// EmbedConfig is what the pages for pages of others need. Every field is required.
type EmbedConfig struct {
	Facts func(room.ID) (room.Facts, bool) // of rooms that anybody may hear; called concurrently, must not block
	Base  func(*http.Request) string       // scheme and host of the listeners' side, as the one who asks reaches it
}

// embedPolicy lets the small player run its own script, ask its own server and play what it hears, in a page of anybody. It is the only page of ours
// that may be framed by others: it has no name, no hand and nothing to steal a click for.
const embedPolicy = "default-src 'none'; script-src 'self'; connect-src 'self'; media-src 'self' blob:; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors *"

// How large the small player wants to be.
const embedWidth, embedHeight = 480, 140

// Embed serves GET /r/{room}/embed, a small player that others show in a frame, with its script; and GET /oembed, which tells them how
// (https://oembed.com).
func Embed(cfg EmbedConfig) http.Handler {
	mux := http.NewServeMux()
	script := distFile("embed.js")
	mux.HandleFunc("GET /r/{room}/embed.js", func(w http.ResponseWriter, r *http.Request) {
		serveSmall(w, r, "text/javascript; charset=utf-8", "public, max-age=60, stale-while-revalidate=86400", script)
	})
	mux.HandleFunc("GET /r/{room}/embed", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", embedPolicy)
		w.Header().Set("Referrer-Policy", "no-referrer")
		id := room.ID(r.PathValue("room"))
		f, ok := room.Facts{}, id.Valid()
		if ok {
			f, ok = cfg.Facts(id)
		}
		if !ok || f.State == room.Draft {
			problem.Write(w, problem.NoRoom)
			return
		}
		serveSmall(w, r, "text/html; charset=utf-8", "public, max-age=60", embedPage(f))
	})
	mux.HandleFunc("GET /oembed", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		if format := r.FormValue("format"); format != "" && format != "json" {
			p := problem.New(problem.NotOffered, "Only format=json is spoken here.")
			p.Status = http.StatusNotImplemented // as oEmbed has it
			problem.Write(w, p)
			return
		}
		base := cfg.Base(r)
		f, ok := room.Facts{}, false
		if id, of := roomOfLink(r.FormValue("url"), base); of {
			f, ok = cfg.Facts(id)
		}
		if !ok || f.State == room.Draft {
			problem.Write(w, problem.New(problem.RoomUnknown, "This is no link to a room here. It looks like "+base+"/r/its-name."))
			return
		}
		body, err := json.Marshal(oembedOf(f, base, atMost(r, "maxwidth", embedWidth), atMost(r, "maxheight", embedHeight)))
		if err != nil {
			panic(err) // strings and numbers always marshal
		}
		serveSmall(w, r, "application/json", "public, max-age=60", body)
	})
	return mux
}

// embedPage is the small player of a room.
func embedPage(f room.Facts) []byte {
	at, title := "/r/"+string(f.ID), html.EscapeString(f.Title)
	return []byte(`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
		`<meta name="color-scheme" content="dark light"><title>` + title + ` — Epidaurus</title><link rel="canonical" href="` + at + `">` +
		`<link rel="icon" href="data:,"><script src="` + at + `/embed.js" defer></script></head><body><main>` +
		`<button id="play" type="button" aria-label="Listen" disabled><svg viewBox="0 0 24 24" aria-hidden="true"><path id="icon" d="M8 5v14l11-7z"/></svg></button>` +
		`<h1 id="title" lang="` + html.EscapeString(f.Language) + `">` + title + `</h1><span id="chip" hidden></span><p id="status" role="status"></p>` +
		`<a id="room" href="` + at + `" target="_blank" rel="noopener">Open the room</a>` +
		`<input id="seek" type="range" min="0" max="1" step="1" value="0" hidden></main>` +
		`<audio id="audio" preload="none"></audio></body></html>` + "\n")
}

// oembed is an answer of type "rich", version 1.0.
type oembed struct {
	Version      string `json:"version"`
	Type         string `json:"type"`
	Title        string `json:"title"`
	ProviderName string `json:"provider_name"`
	ProviderURL  string `json:"provider_url"`
	CacheAge     int    `json:"cache_age"` // s
	HTML         string `json:"html"`
	Width        int    `json:"width"`
	Height       int    `json:"height"`
}

func oembedOf(f room.Facts, base string, width, height int) oembed {
	frame := `<iframe src="` + html.EscapeString(base+"/r/"+string(f.ID)+"/embed") + `" width="` + strconv.Itoa(width) + `" height="` + strconv.Itoa(height) +
		`" title="` + html.EscapeString(f.Title) + `" style="border:0;border-radius:12px;max-width:100%" allow="autoplay" loading="lazy"` +
		` sandbox="allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox"></iframe>`
	return oembed{
		Version: "1.0", Type: "rich", Title: f.Title, ProviderName: "Epidaurus", ProviderURL: base, CacheAge: 300, HTML: frame, Width: width, Height: height,
	}
}

// atMost is what is wanted of a size, or less where the one who asks has less room.
func atMost(r *http.Request, name string, wanted int) int {
	most, err := strconv.Atoi(r.FormValue(name))
	if err != nil || most <= 0 {
		return wanted
	}
	return min(wanted, most)
}

// roomOfLink is the room that a link leads to, to any page of it: with our own host, or with a path alone, as the link in a page's head has it.
func roomOfLink(link, base string) (room.ID, bool) {
	u, err := url.Parse(link)
	own, ownErr := url.Parse(base)
	if err != nil || ownErr != nil || u.Opaque != "" || u.Host != "" && !strings.EqualFold(u.Host, own.Host) || u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" {
		return "", false
	}
	rest, ok := strings.CutPrefix(u.Path, "/r/")
	name, page, _ := strings.Cut(rest, "/")
	id := room.ID(name)
	return id, ok && id.Valid() && (page == "" || page == "embed" || page == "tape/")
}
