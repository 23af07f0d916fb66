package api

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/pack/vtt"
	"github.com/epidaurus-live/epidaurus/room"
)

// Captioned is what became of a line of captions.
type Captioned struct {
	Held time.Duration // until it goes out, or after which another one is taken
	Same bool          // it was there already
}

// captionAnswer is a line as it was taken.
type captionAnswer struct {
	ID       string `json:"id"`
	Language string `json:"lang"`
	HeldMS   int64  `json:"held_ms"` // until it goes out to listeners
}

// Lines that one captioner may send: a recogniser sends a line several times while it grows, and each goes to every seat.
const (
	captionEvery = 100 * time.Millisecond
	captionBurst = 30

	captionIDChars = 10
)

// limiters are one limiter for each caller.
type limiters struct {
	every time.Duration
	burst int

	mu  sync.Mutex
	all map[string]*limiter // guarded by mu
}

// mostLimiters is how many callers are told apart: more than there are captioners.
const mostLimiters = 1000

// take lets a caller pass, with 0, or says how long to wait.
func (l *limiters) take(who string, now time.Time) time.Duration {
	l.mu.Lock()
	one := l.all[who]
	if one == nil {
		if l.all == nil || len(l.all) >= mostLimiters {
			l.all = map[string]*limiter{}
		}
		one = &limiter{every: l.every, burst: l.burst}
		l.all[who] = one
	}
	l.mu.Unlock()
	return one.take(now)
}

// caption takes a line of what is said. Twice the same line is one, and a line that has an ID is said anew under it.
func (a *api) caption(w http.ResponseWriter, r *http.Request) error {
	v, err := a.visitTo(r, room.ActCaption)
	if err != nil {
		return err
	}
	if wait := a.captions.take(string(v.facts.ID)+" "+string(v.person), a.cfg.Clock()); wait > 0 {
		p := problem.New(problem.TooMany, fmt.Sprintf("A captioner may send %d lines a second. Send a line that grows less often.", time.Second/captionEvery))
		p.RetryAfter = wait
		return p
	}
	c := room.Caption{Final: true}
	var at, until *int
	err = readObject(w, r, member{name: "text", into: &c.Text}, member{name: "lang", into: &c.Language, optional: true}, member{name: "id", into: &c.ID, optional: true},
		member{name: "at", into: &at, optional: true}, member{name: "until", into: &until, optional: true}, member{name: "final", into: &c.Final, optional: true})
	if err == nil {
		c, err = a.checkCaption(c, v.facts)
	}
	if err == nil && (at != nil && *at < 0 || until != nil && (*until < 0 || at != nil && *until < *at)) {
		err = badRequest("The members \"at\" and \"until\" are frames: of the first word of the line and of the last, which is no earlier.")
	}
	if err != nil {
		return err
	}
	if v.facts.State != room.Live {
		return problem.New(problem.StepImpossible, "The room is not live yet: captions begin with the first word.")
	}
	taken, err := a.cfg.Air.Caption(v.facts.ID, c, frameOf(at), frameOf(until))
	if err != nil {
		return captionProblem(err, taken.Held)
	}
	status := http.StatusCreated
	if taken.Same {
		status = http.StatusOK
	}
	return writeJSON(w, status, captionAnswer{c.ID, c.Language, taken.Held.Milliseconds()})
}

// checkCaption is a line as it is kept: in the room's language where it says none, and under an ID.
func (a *api) checkCaption(c room.Caption, f room.Facts) (room.Caption, error) {
	named := c.ID != ""
	text, err := room.CheckCaptionText(c.Text)
	if err == nil && named {
		err = room.CheckCaptionID(c.ID)
	}
	if err == nil && c.Language != "" {
		c.Language, err = room.CheckLanguage(c.Language)
	} else if c.Language == "" {
		c.Language = f.Language
	}
	if err != nil {
		return c, badRequest("%s", problem.Sentence(err))
	}
	c.Text = text
	if named {
		return c, nil
	}
	if text == "" {
		return c, badRequest("The text is empty, which takes back the line whose \"id\" is said with it.")
	}
	c.ID, err = room.RandomChars(a.cfg.Rand, captionIDChars)
	return c, err
}

func captionProblem(err error, wait time.Duration) error {
	var p problem.Problem
	switch {
	case errors.Is(err, room.ErrDumped):
		p = problem.New(problem.CaptionDumped, "What was said was dumped a moment ago, and this line may be of it. Leave it out, and go on with what is said from now on.")
	case errors.Is(err, room.ErrManyLanguages):
		return problem.New(problem.TooMany, fmt.Sprintf("A room has captions in at most %d languages.", room.MaxCaptionLanguages))
	case errors.Is(err, room.ErrManyCaptions):
		p, wait = problem.New(problem.TooMany, "Very many lines wait in the delay. Send fewer."), time.Second
	default:
		return airProblem(err)
	}
	p.RetryAfter = wait
	return p
}

// captionsTimeout bounds how long a file of captions takes to come.
const captionsTimeout = 60 * time.Second

// ofReplay is a visit to the captions of a replay in one language.
func (a *api) ofReplay(r *http.Request) (v visit, language string, err error) {
	v, err = a.visitTo(r, room.ActEdit)
	if err != nil {
		return v, "", err
	}
	language, err = room.CheckLanguage(r.PathValue("lang"))
	if err != nil {
		return v, "", badRequest("%s", problem.Sentence(err))
	}
	if v.facts.State != room.Ended {
		return v, "", problem.New(problem.StepImpossible, "Captions are corrected when the room has ended.")
	}
	return v, language, nil
}

// putCaptions takes a WebVTT file in the place of the captions of a language.
func (a *api) putCaptions(w http.ResponseWriter, r *http.Request) error {
	v, language, err := a.ofReplay(r)
	if err != nil {
		return err
	}
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "text/vtt" {
		return problem.New(problem.WrongType, "Send the captions as text/vtt: a WebVTT file.")
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(captionsTimeout)) // where there is none, as in tests, the server's rule
	file, err := io.ReadAll(http.MaxBytesReader(w, r.Body, vtt.MaxSize))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return problem.New(problem.TooLarge, fmt.Sprintf("A file of captions may have at most %d bytes.", vtt.MaxSize))
	case err != nil:
		return badRequest("The body could not be read to its end.")
	}
	cues, err := vtt.Parse(file)
	var at vtt.Error
	if errors.As(err, &at) {
		return problem.New(problem.BadCaptions, fmt.Sprintf("The file cannot be taken. In line %d, %s.", at.Line, at.Why))
	}
	if err == nil && len(cues) == 0 {
		return badRequest("There are no captions in the file. To have those again that were written while it was live, use DELETE.")
	}
	n, err := a.cfg.Rooms.SetCaptions(v.facts.ID, language, cues)
	if err != nil {
		return captionsProblem(err)
	}
	return writeJSON(w, http.StatusOK, struct {
		Language string `json:"lang"`
		Lines    int    `json:"lines"` // that lie within what is heard
	}{language, n})
}

// dropCaptions brings back those that were written while the room was live.
func (a *api) dropCaptions(w http.ResponseWriter, r *http.Request) error {
	v, language, err := a.ofReplay(r)
	if err == nil {
		err = readObject(w, r)
	}
	if err == nil {
		_, err = a.cfg.Rooms.SetCaptions(v.facts.ID, language, nil)
	}
	if err != nil {
		return captionsProblem(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func captionsProblem(err error) error {
	if errors.Is(err, room.ErrNotFound) {
		return problem.New(problem.NoTape, "This conversation is not on tape here, or its tape is not closed yet.")
	}
	return err
}
