package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"sync"

	"github.com/epidaurus-live/epidaurus/room"
)

// mostListed is how many rooms the foyer shows at most, and mostReplays how many of them are over.
const (
	mostListed  = 200
	mostReplays = 40
)

// FoyerConfig is what the foyer needs. Every field is required; the functions are called concurrently and must not block.
type FoyerConfig struct {
	Rooms   func() (rooms []room.Facts, moved int) // in their order; moved changes when they do
	Picture func(room.Facts) string                // where a room's picture is
}

// listedRoom is a room as the foyer shows it.
type listedRoom struct {
	ID          room.ID       `json:"id"`
	Path        string        `json:"path"`
	Title       string        `json:"title"`
	Language    string        `json:"lang"`
	State       room.State    `json:"state"`
	Start       int64         `json:"start_ms,omitempty"` // Unix
	Zone        string        `json:"zone,omitempty"`
	Description string        `json:"description,omitempty"`
	People      []room.Billed `json:"people,omitempty"`
	Picture     string        `json:"picture"`
}

// Foyer serves the page that lists this house's public rooms, at GET /, and the same for programs, at GET /rooms.json.
func Foyer(cfg FoyerConfig) http.Handler {
	p := newPage("foyer", "connect-src 'self'; img-src 'self' data:")
	list := foyerList{cfg: cfg, moved: -1}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, http.StatusOK) })
	mux.HandleFunc("GET /rooms.json", list.serve)
	return mux
}

// foyerList remembers what it answered, until something moves.
type foyerList struct {
	cfg FoyerConfig // immutable

	mu          sync.Mutex
	moved       int    // guarded by mu
	plain, gzip []byte // guarded by mu
	tag         string // guarded by mu
}

func (l *foyerList) serve(w http.ResponseWriter, r *http.Request) {
	plain, small, tag := l.now()
	h := w.Header()
	h.Set("Vary", "Accept-Encoding")
	h.Set("Access-Control-Allow-Origin", "*")
	body := plain
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		body, tag = small, tag[:len(tag)-1]+`-gz"`
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", tag)
	h.Set("Cache-Control", "public, max-age=10, stale-while-revalidate=60")
	if matches(r.Header.Get("If-None-Match"), tag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	serveSmall(w, r, "application/json", h.Get("Cache-Control"), body)
}

func (l *foyerList) now() (plain, small []byte, tag string) {
	l.mu.Lock() // of a crowd that comes at once, one makes it
	defer l.mu.Unlock()
	rooms, moved := l.cfg.Rooms()
	if moved != l.moved {
		l.moved = moved
		l.make(rooms)
	}
	return l.plain, l.gzip, l.tag
}

func (l *foyerList) make(rooms []room.Facts) {
	answer := struct {
		Rooms []listedRoom `json:"rooms"`
	}{[]listedRoom{}}
	replays := 0
	for _, f := range rooms {
		if f.Stage() == room.Replay {
			replays++
		}
		if len(answer.Rooms) == mostListed || replays > mostReplays {
			break
		}
		one := listedRoom{
			ID: f.ID, Path: "/r/" + string(f.ID), Title: f.Title, Language: f.Language, State: f.Stage(),
			Description: f.Life.Plan.Description, People: f.Life.Plan.People, Picture: l.cfg.Picture(f),
		}
		if f.Planned() {
			one.Start, one.Zone = f.Life.Plan.Start.UnixMilli(), f.Life.Plan.Zone
		}
		answer.Rooms = append(answer.Rooms, one)
	}
	body, err := json.Marshal(answer)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	l.plain = append(body, '\n')
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err = z.Write(l.plain)
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic(err) // it is written to memory
	}
	l.gzip = b.Bytes()
	sum := sha256.Sum256(l.plain)
	l.tag = `"` + base64.RawURLEncoding.EncodeToString(sum[:9]) + `"`
}
