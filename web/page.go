package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip" // smaller than the standard library's

	"github.com/epidaurus-live/epidaurus/room"
)

// page is one bundled file, ready to be sent. All fields are immutable.
type page struct {
	plain  []byte
	gzip   []byte
	policy string // Content-Security-Policy
	tag    string // entity tag, without quotes
}

// newPage loads dist/<name>.html. policy is what the page may do beyond running its own style and script. It panics when the
// file is not what web/build makes: the file is part of the program.
func newPage(name, policy string) *page {
	plain, err := dist.ReadFile("dist/" + name + ".html")
	if err != nil {
		panic(err)
	}
	return makePage(plain, policy, "")
}

// makePage is the page of these bytes. Scripts says whose scripts may run in it beside its own: what a room's page needs later is its own origin's.
func makePage(plain []byte, policy, scripts string) *page {
	sum := sha256.Sum256(plain)
	return &page{
		plain: plain,
		gzip:  compress(plain),
		policy: fmt.Sprintf("default-src 'none';script-src %s%s;style-src %s;%s;base-uri 'none';form-action 'none';frame-ancestors 'none'",
			hashSource(plain, "script"), scripts, hashSource(plain, "style"), policy),
		tag: base64.RawURLEncoding.EncodeToString(sum[:9]),
	}
}

// roomPage is a page with a head of its own for each room.
type roomPage struct {
	// immutable
	bare   *page // of no room
	policy string
	image  func(room.Facts) string

	mu   sync.Mutex
	made map[room.ID]madePage // guarded by mu; at most mostMade
}

type madePage struct {
	head string
	page *page
}

// mostMade is how many rooms' pages are kept ready; of more, each is made again when it is asked for.
const mostMade = 256

// headPlace is where a room's head goes: before the style, so that who looks for it need not read on.
const headPlace = "<style>"

func newRoomPage(name, policy string, image func(room.Facts) string) *roomPage {
	return &roomPage{bare: makePage(newPage(name, policy).plain, policy, " 'self'"), policy: policy, image: image, made: map[room.ID]madePage{}}
}

// of is the page of a room as it is now.
func (p *roomPage) of(f room.Facts) *page {
	head := headOf(f, p.image(f))
	p.mu.Lock() // of a crowd that comes at once, one makes it
	defer p.mu.Unlock()
	made, ok := p.made[f.ID]
	if ok && made.head == head {
		return made.page
	}
	made = madePage{head, makePage(bytes.Replace(p.bare.plain, []byte(headPlace), []byte(head+headPlace), 1), p.policy, " 'self'")}
	if len(p.made) >= mostMade {
		clear(p.made)
	}
	p.made[f.ID] = made
	return made.page
}

// serve answers with the page. A cache may keep it for a minute, and may go on using it for a day while it asks for a newer one;
// the answer to an unknown room is not kept, as the room may be made the next moment.
func (p *page) serve(w http.ResponseWriter, r *http.Request, status int) {
	body, tag := p.plain, `"`+p.tag+`"`
	h := w.Header()
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		body, tag = p.gzip, `"`+p.tag+`-gz"`
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Vary", "Accept-Encoding")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache")
	if status == http.StatusOK {
		h.Set("ETag", tag)
		h.Set("Cache-Control", "public, max-age=60, stale-while-revalidate=86400")
		if matches(r.Header.Get("If-None-Match"), tag) {
			h.Del("Content-Encoding")
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // the reader is gone, and nobody is left to be told
}

// compress panics on error, which a buffer in memory never gives.
func compress(plain []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err)
	}
	_, err = z.Write(plain)
	if err != nil {
		panic(err)
	}
	err = z.Close()
	if err != nil {
		panic(err)
	}
	return b.Bytes()
}

// hashSource is the CSP source of the page's one inline element of this kind.
func hashSource(plain []byte, element string) string {
	open, end := "<"+element+">", "</"+element+">"
	_, rest, ok := strings.Cut(string(plain), open)
	text, _, closed := strings.Cut(rest, end)
	if !ok || !closed {
		panic("web: the bundle has no " + open + "; run `go generate ./web`")
	}
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// acceptsGzip reads an Accept-Encoding header (RFC 9110, section 12.5.3).
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, weight, weighed := strings.Cut(part, ";")
		name := strings.ToLower(strings.TrimSpace(coding))
		if name != "gzip" && name != "*" {
			continue
		}
		if !weighed {
			return true
		}
		_, q, _ := strings.Cut(weight, "=")
		v, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
		return err == nil && v > 0
	}
	return false
}

// matches compares an If-None-Match header with a tag, weakly (RFC 9110, section 13.1.2).
func matches(header, tag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == tag || part == "*" {
			return true
		}
	}
	return false
}
