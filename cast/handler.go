package cast

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/pack/hls"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Handler serves /r/{room}/hls/…. All its methods may be called from any goroutine.
type Handler struct {
	source  source
	routes  http.Handler
	waiting chan struct{} // holds a token for each request that waits for a segment
	held    chan struct{} // and for a part of one
	small   smaller

	playlists, segments, parts, refused atomic.Uint64
}

// Stats is what a handler counted since it was made.
type Stats struct {
	Playlists uint64 // answered, also with "not modified"; what is told beside them counts as one
	Segments  uint64 // answered, heads of streams among them
	Parts     uint64
	Refused   uint64
	Waiting   int // requests that wait for a segment that is about to be there, now
	Held      int // and for a part of one
}

// ahead is how many segments behind the newest one may be waited for: who asks for others did not read a playlist.
const ahead = 2

// How long caches may keep an answer.
const (
	cacheForEver = "public, max-age=31536000, immutable"
	cacheLong    = "public, max-age=60" // it changes when it is deleted only
	cacheShort   = "public, max-age=1"  // half of a target duration
)

// New makes a handler.
func New(cfg Config) (*Handler, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	h := &Handler{source: newSource(cfg), waiting: make(chan struct{}, cfg.Most), held: make(chan struct{}, cfg.MostLow)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /r/{room}/hls/{playlist}", h.answer(h.master))
	mux.HandleFunc("GET /r/{room}/hls/{channel}/"+eventsFile, h.answer(h.events))
	mux.HandleFunc("GET /r/{room}/hls/{channel}/{variant}/{file}", h.answer(h.file))
	mux.HandleFunc("/", h.answer(func(_ http.ResponseWriter, r *http.Request, _ channel) error {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			return problem.New(problem.MethodNotAllowed, "HLS can only be read: use GET.")
		}
		return errNothing
	}))
	h.routes = mux
	return h, nil
}

// Forget drops from memory what was made of a tape that is gone. It may be called from any goroutine.
func (h *Handler) Forget(id room.ID) { h.source.forget(id) }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*") // a page on any site may play it
	w.Header().Set("X-Content-Type-Options", "nosniff")
	h.routes.ServeHTTP(w, r)
}

// Stats reads the counters.
func (h *Handler) Stats() Stats {
	return Stats{
		Playlists: h.playlists.Load(), Segments: h.segments.Load(), Parts: h.parts.Load(), Refused: h.refused.Load(),
		Waiting: len(h.waiting), Held: len(h.held),
	}
}

// answer finds the channel, and writes what goes wrong.
func (h *Handler) answer(do func(http.ResponseWriter, *http.Request, channel) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := tape.Floor
		if c := r.PathValue("channel"); c != "" {
			name = tape.Channel(c)
		}
		var c channel
		var err error
		if r.PathValue("room") != "" {
			c, err = h.source.open(room.ID(r.PathValue("room")), name)
		}
		if err == nil {
			err = do(w, r, c)
		}
		if err == nil || r.Context().Err() != nil {
			return // there is nobody to tell
		}
		h.refused.Add(1)
		p, ok := errors.AsType[problem.Problem](err)
		if ok {
			p = c.leads(r, p)
		} else {
			h.source.Log.Error("HLS cannot be served", "path", r.URL.Path, "error", err)
			p = problem.New(problem.Internal, "This cannot be read now. Try again; the server's log has the reason.")
		}
		if p.Code == problem.MethodNotAllowed {
			w.Header().Set("Allow", "GET, HEAD")
		}
		problem.Write(w, p)
	}
}

// leads sends whoever asks for a playlist of a room that has moved, and of which there is nothing here, to the same one of where it goes on. A
// player in the middle is not led: its playlist has ended before.
func (c *channel) leads(r *http.Request, p problem.Problem) problem.Problem {
	to, moved := c.facts.MovedTo()
	_, below, ok := strings.Cut(r.URL.Path, "/hls/")
	if !moved || !ok || !strings.HasSuffix(below, ".m3u8") || p.Code != problem.RoomEnded && p.Code != problem.NoTape {
		return p
	}
	p = problem.New(problem.RoomMoved, "This conversation goes on at "+to.String()+".")
	p.Location = to.String() + "/hls/" + below
	return p
}

// Refusals that waiting helps against: no cache may keep them.
var (
	errNotYet = problem.Problem{
		Code: problem.NotFound, RetryAfter: 2 * time.Second, Detail: "This segment is not there, or not yet: the playlist lists those that are.",
	}
	errNotOpen = problem.Problem{
		Code: problem.RoomNotOpen, RetryAfter: 2 * time.Second, Detail: "There is nothing to hear in this room yet. Try again in a moment.",
	}
	errEnded = problem.New(problem.RoomEnded, "This conversation is over, and is not on tape here.")
	errTape  = problem.New(problem.NoTape, "This conversation is not on tape here, or not yet.")
)

// master serves the playlists that list the variants: while the room is live, and of its replay behind its end, at the same address.
func (h *Handler) master(w http.ResponseWriter, r *http.Request, c channel) error {
	media := hls.Live
	switch name := r.PathValue("playlist"); name {
	case hls.Low, hls.Master:
		if name == hls.Low {
			media = hls.Low
		}
		over := c.facts.State == room.Ended
		_, heard := c.reach(hls.Renditions[0])
		switch {
		case over && c.tape != nil && c.tape.Closed():
			media = hls.DVR
		case over && c.tape == nil && !heard:
			return errEnded
		}
	case hls.DVR:
		media = hls.DVR
		if c.tape == nil {
			return errTape
		}
	default:
		return errNothing
	}
	return h.text(w, r, playlistType, hls.AppendMaster(nil, c.name, media, c.renditions()), cacheShort)
}

// file serves what there is of a variant.
func (h *Handler) file(w http.ResponseWriter, r *http.Request, c channel) error {
	rendition, ok := c.rendition(tape.Variant(r.PathValue("variant")))
	if !ok {
		return errNothing
	}
	switch name := r.PathValue("file"); name {
	case hls.Live:
		return h.live(w, r, c, rendition)
	case hls.Low:
		return h.low(w, r, c, rendition)
	case hls.DVR:
		l, ok := c.whole(r.Context(), rendition)
		if !ok {
			return errTape
		}
		return h.media(w, r, l)
	case hls.Init:
		h.segments.Add(1)
		return h.object(w, r, rendition.Init(c.PreSkip), cacheForEver)
	default:
		if k, ok := hls.ParseSegmentName(name); ok {
			return h.segment(w, r, c, rendition, k)
		}
		if k, part, ok := hls.ParsePartName(name); ok {
			return h.part(w, r, c, rendition, k, part)
		}
		return errNothing
	}
}

// live serves the live playlist, which begins with the first segment: who comes before waits for it.
func (h *Handler) live(w http.ResponseWriter, r *http.Request, c channel, rendition hls.Rendition) error {
	var l list
	err := h.wait(r.Context(), h.waiting, func() (moved <-chan struct{}, err error) {
		var ok bool
		l, moved, ok = c.live(r.Context(), rendition)
		switch {
		case ok:
			return nil, nil
		case c.facts.State == room.Ended && moved == nil:
			return nil, errEnded
		}
		return moved, errNotOpen
	})
	if err != nil {
		return err
	}
	return h.media(w, r, l)
}

// segment serves segment k, as soon as it is there.
func (h *Handler) segment(w http.ResponseWriter, r *http.Request, c channel, rendition hls.Rendition, k tape.Number) error {
	var body []byte
	var proven bool
	err := h.wait(r.Context(), h.waiting, func() (<-chan struct{}, error) {
		reach, heard := c.reach(rendition)
		var ok bool
		var err error
		body, proven, ok, err = c.segment(r.Context(), rendition, k)
		switch {
		case ok || err != nil:
			return nil, err
		case heard && !reach.Over && reach.End > reach.First && k >= reach.End && k < reach.End+ahead:
			return reach.Moved, errNotYet
		}
		return nil, errNotYet
	})
	if err != nil {
		return err
	}
	cache := cacheShort
	if proven {
		cache = cacheForEver
	}
	h.segments.Add(1)
	return h.object(w, r, body, cache)
}

// wait calls look until it has no error, or nothing whose move is to be waited for, or until that takes too long. It ends when ctx does: the
// client is gone. So many requests may wait as there are places, and no more.
func (h *Handler) wait(ctx context.Context, places chan struct{}, look func() (moved <-chan struct{}, err error)) error {
	moved, err := look()
	if err == nil || moved == nil {
		return err
	}
	select {
	case places <- struct{}{}:
		defer func() { <-places }()
	default:
		p := problem.New(problem.Busy, "Too many wait for this. Try again in a moment.")
		p.RetryAfter = time.Second + rand.N(2*time.Second) // not all at once
		return p
	}
	late := time.NewTimer(h.source.Wait)
	defer late.Stop()
	for err != nil && moved != nil {
		select {
		case <-moved:
			moved, err = look()
		case <-late.C:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return err
}

func (h *Handler) media(w http.ResponseWriter, r *http.Request, l list) error {
	cache := cacheShort
	if l.closed {
		cache = cacheLong
	}
	return h.text(w, r, playlistType, hls.AppendMedia(nil, l.Media), cache)
}

const playlistType = "application/vnd.apple.mpegurl"

// smallText is what is not worth compressing.
const smallText = 1400

// text answers with a playlist or what stands beside it, compressed where that is understood and gains anything.
func (h *Handler) text(w http.ResponseWriter, r *http.Request, contentType string, body []byte, cache string) error {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Vary", "Accept-Encoding")
	tag := tagOf(body)
	if len(body) > smallText && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		small, err := h.small.of(tag, body)
		if err != nil {
			return fmt.Errorf("compress a text: %w", err)
		}
		body, tag = small, tag[:len(tag)-1]+`-gz"`
		header.Set("Content-Encoding", "gzip")
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	header.Set("ETag", tag)
	header.Set("Cache-Control", cache)
	h.playlists.Add(1)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	return nil
}

// smaller remembers what playlists are compressed: that of an evening takes a millisecond, and many ask for the same.
type smaller struct {
	mu    sync.Mutex
	known map[string][]byte // guarded by mu; by tag; at most maxSmaller
}

const maxSmaller = 64

func (s *smaller) of(tag string, body []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if small, ok := s.known[tag]; ok {
		return small, nil
	}
	var small bytes.Buffer
	z := gzip.NewWriter(&small)
	_, err := z.Write(body)
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return nil, err
	}
	if s.known == nil || len(s.known) >= maxSmaller {
		s.known = map[string][]byte{}
	}
	s.known[tag] = small.Bytes()
	return small.Bytes(), nil
}

// object answers with a part of a stream.
func (h *Handler) object(w http.ResponseWriter, r *http.Request, body []byte, cache string) error {
	header := w.Header()
	header.Set("Content-Type", "audio/mp4")
	header.Set("ETag", tagOf(body))
	header.Set("Cache-Control", cache)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	return nil
}

// tagOf is a strong validator: equal bytes have equal tags on every edge.
func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}
