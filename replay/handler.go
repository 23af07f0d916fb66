// Package replay serves tapes over HTTP, while they are written and later: an index, immutable objects of 1.92 s, whole files, and
// clips, each within what its host has cut. Its answers are pure functions of frames and of the host's edit, so that any cache may stand in front. It never gives a seat: rewind and replay are a client
// that pulls.
package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/internal/throttle"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Tape is what was taped of a channel. Its methods may be called from any goroutine.
type Tape interface {
	Spans() []tape.Stretch
	Closed() bool
	Epoch() time.Time
	Lost() int
	Levels() []byte
	Events(from, to tape.Number) []tape.Event
	Captions() map[string][]tape.Caption // as its host has corrected them, by language
	LevelsOf(at tape.Stretch) []byte     // of a part of it
	Segment(k tape.Number) (s tape.Stretch, ok bool)
	IsCut(k tape.Number) bool // segment k ends or begins where its host has cut, and may be another one tomorrow
	Read(v tape.Variant, from, to tape.Number) ([][]byte, error)
	Ogg(v tape.Variant) (File, error)
	Movie(v tape.Variant) (File, error)
	Clip(v tape.Variant, at tape.Stretch) (File, error) // exact to a frame; an error that wraps room.ErrNotFound where not all of it is there

	// Units are all that may be heard, as AAC; an error that is a problem where there is none, or not yet.
	Units() (Units, error)
	// HasUnits reports whether there are.
	HasUnits() bool
	// ClipUnits makes a stretch into AAC, exact to a sample; its errors are problems, or wrap room.ErrNotFound where not all of it is there.
	ClipUnits(at tape.Stretch) (Units, error)
}

// File is a whole file.
type File interface {
	io.ReadSeeker
	Size() int64
}

// Config is what the handler needs. Every field is required but M4A.
type Config struct {
	Facts   func(room.ID) (room.Facts, bool)
	Tape    func(room.ID, tape.Channel) (Tape, error) // an error that wraps room.ErrNotFound where there is none
	PreSkip uint16
	M4A     bool // clips are made as M4A too
	Log     *slog.Logger
}

// Handler serves /r/{room}/tape/…, and what belongs to clips below /r/{room}/clip/….
type Handler struct {
	cfg     Config
	mux     *http.ServeMux
	init    []byte
	reading throttle.Throttle
	drawing throttle.Throttle
	clips   *madeClips
	objects *madeObjects
}

// readers is how many requests read a disk at the same time, for each processor.
const readers = 4

// writeTimeout bounds how long a client takes for a part of an answer; a whole file takes as long as it takes.
const writeTimeout = 30 * time.Second

// New makes a handler.
func New(cfg Config) *Handler {
	mux := http.NewServeMux()
	h := &Handler{
		cfg: cfg, mux: mux, init: fmp4.Init(cfg.PreSkip), reading: make(throttle.Throttle, readers*runtime.GOMAXPROCS(0)), drawing: make(throttle.Throttle, 1),
		clips: newMadeClips(), objects: newMadeObjects(keptObjects),
	}
	mux.HandleFunc("GET /r/{room}/tape/index.json", h.answer(h.index))
	mux.HandleFunc("GET /r/{room}/tape/chapters.json", h.answer(h.chapters))
	mux.HandleFunc("GET /r/{room}/tape/{file}", h.answer(h.captions))
	mux.HandleFunc("GET /r/{room}/tape/{channel}/{file}", h.answer(h.whole))
	mux.HandleFunc("GET /r/{room}/tape/{channel}/{variant}/{file}", h.answer(h.object))
	mux.HandleFunc("GET /r/{room}/clip/{clip}/{file}", h.answer(h.clip))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			problem.Write(w, problem.New(problem.MethodNotAllowed, "A tape can only be read: use GET."))
			return
		}
		problem.Write(w, errNothing)
	})
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*") // a page on any site may play it
	w.Header().Set("X-Content-Type-Options", "nosniff")
	h.mux.ServeHTTP(w, r)
}

// Forget drops from memory what was made of a tape that is gone. It may be called from any goroutine.
func (h *Handler) Forget(id room.ID) {
	h.objects.forget(id)
	h.clips.forget(id)
}

var (
	errNothing    = problem.New(problem.NotFound, "There is nothing at this address. The tape's index.json says what there is.")
	errNoCaptions = problem.New(problem.NotFound, "There are no captions of this conversation, or not in this language. The tape's index.json says which there are.")

	errNotYet = problem.Problem{
		Code: problem.NotFound, RetryAfter: 2 * time.Second,
		Detail: "This part of the tape is not there, or not yet: the index says up to where it goes.",
	}
)

// answer finds the tape, and writes what goes wrong.
func (h *Handler) answer(do func(http.ResponseWriter, *http.Request, Tape) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := h.admit(w, r, do)
		if err == nil || r.Context().Err() != nil {
			return // there is nobody to tell
		}
		p, ok := errors.AsType[problem.Problem](err)
		if !ok {
			h.cfg.Log.Error("a tape cannot be read", "path", r.URL.Path, "error", err)
			p = problem.New(problem.Internal, "The tape cannot be read now. Try again; the server's log has the reason.")
		}
		problem.Write(w, p)
	}
}

func (h *Handler) admit(w http.ResponseWriter, r *http.Request, do func(http.ResponseWriter, *http.Request, Tape) error) error {
	id := room.ID(r.PathValue("room"))
	f, known := h.cfg.Facts(id)
	if !id.Valid() || !known || f.State == room.Draft {
		return problem.NoRoom
	}
	channel := tape.Floor
	if c := r.PathValue("channel"); c != "" {
		channel = tape.Channel(c)
	}
	t, err := h.cfg.Tape(id, channel)
	if errors.Is(err, room.ErrNotFound) {
		h.Forget(id)
		return problem.New(problem.NoTape, "This conversation is not on tape here, or not yet.")
	}
	if err != nil {
		return err
	}
	return do(w, r, t)
}

// object serves init.mp4 and {k}.m4s.
func (h *Handler) object(w http.ResponseWriter, r *http.Request, t Tape) error {
	v, file := tape.Variant(r.PathValue("variant")), r.PathValue("file")
	if !slices.Contains(tape.Variants, v) {
		return errNothing
	}
	if file == "init.mp4" {
		return h.immutable(w, r, h.init)
	}
	number, ok := strings.CutSuffix(file, ".m4s")
	k, err := strconv.ParseUint(number, 10, 40)
	if !ok || err != nil || number != strconv.FormatUint(k, 10) {
		return errNothing // one object has one address
	}
	at, ok := t.Segment(tape.Number(k))
	if !ok {
		return errNotYet
	}
	body, err := h.objects.get(objectName{room.ID(r.PathValue("room")), tape.Channel(r.PathValue("channel")), v, at}, func() (body []byte, err error) {
		// For all who ask at the same time, whoever of them leaves.
		err = h.reading.Do(context.WithoutCancel(r.Context()), func() error {
			packets, err := t.Read(v, at.From, at.To)
			body = fmp4.AppendFragment(nil, at.From, packets, t.Events(at.From, at.To))
			return err
		})
		return body, err
	})
	if err != nil {
		return err
	}
	if t.IsCut(tape.Number(k)) {
		return h.send(w, r, body, "public, max-age=60")
	}
	return h.immutable(w, r, body)
}

const forEver = "public, max-age=31536000, immutable"

func (h *Handler) immutable(w http.ResponseWriter, r *http.Request, body []byte) error {
	return h.send(w, r, body, forEver)
}

func (h *Handler) send(w http.ResponseWriter, r *http.Request, body []byte, cache string) error {
	w.Header().Set("Content-Type", "audio/mp4")
	w.Header().Set("Cache-Control", cache)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the reader is gone, and nobody is left to be told
	}
	return nil
}

// whole serves {variant}.ogg, {variant}.mp4 and aac-64.m4a, by ranges if asked.
func (h *Handler) whole(w http.ResponseWriter, r *http.Request, t Tape) error {
	if r.PathValue("file") == M4AFile {
		return h.m4a(w, r, t)
	}
	name, kind, _ := strings.Cut(r.PathValue("file"), ".")
	v := tape.Variant(name)
	make, mime := t.Ogg, "audio/ogg; codecs=opus"
	if kind == "mp4" {
		make, mime = t.Movie, `audio/mp4; codecs="opus"`
	}
	if !slices.Contains(tape.Variants, v) || kind != "ogg" && kind != "mp4" {
		return errNothing
	}
	var f File
	err := h.reading.Do(r.Context(), func() (err error) {
		f, err = make(v)
		return err
	})
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", mime)
	header.Set("Cache-Control", "public, max-age=1")
	if t.Closed() {
		header.Set("Cache-Control", "public, max-age=3600")
	}
	spans := t.Spans()
	header.Set("ETag", fmt.Sprintf(`"%x-%x"`, spans[0].From, f.Size())) // a tape only grows, or is cut
	header.Set("Content-Disposition", `inline; filename="`+r.PathValue("room")+"."+kind+`"`)
	http.ServeContent(&patient{w, http.NewResponseController(w)}, r, "", time.Time{}, gated{f, h.reading, r.Context()})
	return nil
}

// gated is a file whose reads take turns with those of others, each on its own.
type gated struct {
	File
	turn throttle.Throttle
	ctx  context.Context
}

// Read implements io.Reader.
func (g gated) Read(p []byte) (n int, err error) {
	err = g.turn.Do(g.ctx, func() error {
		n, err = g.File.Read(p)
		return err
	})
	return n, err
}

// patient lets a long answer take its time, as long as the client takes it.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (p *patient) Write(b []byte) (int, error) {
	err := p.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return p.ResponseWriter.Write(b)
}
