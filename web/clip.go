package web

import (
	"bytes"
	"html"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// ClipHead is what those who show a link to a clip want to know of it.
type ClipHead struct {
	Title   string // of the conversation
	Words   string // who speaks, for how long
	Address string // of the clip's page, as the one who asks reaches it: what belongs to it lies below
	Width   int    // of its picture
	Height  int
	Gated   bool // of a room by invitation: the page has the gate before its script; who has shown no invitation is told nothing else here
}

// ClipPage serves the page of a clip, at GET /r/{room}/clip/{clip}: the same bytes for everybody but for its head; with the status of the
// refusal where find has none, and then the page itself says why. find is called concurrently.
func ClipPage(find func(*http.Request) (head ClipHead, status int)) http.Handler {
	p := &clipPages{bare: newPage("clip", clipPolicy), made: map[string]*page{}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		head, status := find(r)
		if status != http.StatusOK {
			p.bare.serve(w, r, status)
			return
		}
		if head.Gated {
			w.Header().Set("X-Robots-Tag", "noindex")
		}
		p.of(head).serve(w, r, status)
	})
}

// clipPolicy lets the page of a clip fetch what it is, and play it.
const clipPolicy = "connect-src 'self'; media-src 'self'; img-src data:"

// clipPages are the pages of clips that are asked for now.
type clipPages struct {
	bare *page // immutable

	mu   sync.Mutex
	made map[string]*page // guarded by mu; by head; at most mostMade
}

func (p *clipPages) of(c ClipHead) *page {
	head := headOfClip(c)
	p.mu.Lock() // of a crowd that comes at once, one makes it
	defer p.mu.Unlock()
	made := p.made[head]
	if made == nil {
		if len(p.made) >= mostMade {
			clear(p.made)
		}
		scripts := ""
		if c.Gated {
			scripts = " 'self'"
		}
		made = makePage(bytes.Replace(p.bare.plain, []byte(headPlace), []byte(head+headPlace), 1), clipPolicy, scripts)
		p.made[head] = made
	}
	return made
}

func headOfClip(c ClipHead) string {
	var b strings.Builder
	if c.Gated {
		b.WriteString(gateScript)
	}
	if c.Address == "" {
		return b.String()
	}
	meta := func(key, name, content string) {
		b.WriteString(`<meta ` + key + `="` + name + `" content="` + html.EscapeString(content) + `">`)
	}
	og := func(name, content string) { meta("property", "og:"+name, content) }
	og("type", "website")
	og("site_name", "Epidaurus")
	og("title", c.Title)
	og("description", c.Words)
	og("url", c.Address)
	og("image", c.Address+"/picture.png")
	og("image:type", "image/png")
	og("image:width", strconv.Itoa(c.Width))
	og("image:height", strconv.Itoa(c.Height))
	og("image:alt", c.Words)
	og("audio", c.Address+"/sound.ogg")
	og("audio:type", "audio/ogg")
	meta("name", "twitter:card", "summary_large_image")
	meta("name", "description", c.Words)
	return b.String()
}
