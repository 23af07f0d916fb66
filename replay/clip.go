package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/replay/picture"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// How long a clip may be, in frames.
const (
	ShortestClip = 1 * tape.FramesPerSec
	LongestClip  = 180 * tape.FramesPerSec
)

// clipAhead is how far behind the end of a tape that grows a clip may end, to be told to wait for it.
const clipAhead = 15 * tape.FramesPerSec

// clipVariant is what clips are made of.
const clipVariant = tape.Opus48

// Clip is a part of a conversation with an address of its own, which says all of it: nothing is kept of who made it.
type Clip struct {
	tape.Stretch
	Room     room.ID
	Title    string // of the conversation
	Language string
	Began    time.Time     // when its first frame was said; zero where that is not known
	Into     time.Duration // of the tape, without what was not taped
	Speakers []string      // in the order in which they begin
	Levels   []byte
	Live     bool // the conversation goes on
}

// Length is how long the clip is.
func (c *Clip) Length() time.Duration { return (c.To - c.From).Duration() }

// ParseClip reads the name of a clip, from-to: frames as on the tape, the second one behind the last. One clip has one name.
func ParseClip(name string) (at tape.Stretch, ok bool) {
	from, to, ok := strings.Cut(name, "-")
	if !ok {
		return at, false
	}
	for _, n := range []struct {
		text string
		into *tape.Number
	}{{from, &at.From}, {to, &at.To}} {
		v, err := strconv.ParseUint(n.text, 10, 48)
		if err != nil || n.text != strconv.FormatUint(v, 10) {
			return at, false
		}
		*n.into = tape.Number(v)
	}
	return at, true
}

// clipName is the name that ParseClip reads.
func clipName(at tape.Stretch) string {
	return strconv.FormatInt(int64(at.From), 10) + "-" + strconv.FormatInt(int64(at.To), 10)
}

// FindClip finds a clip by its name in what may be heard of a tape. Its errors are problems.
func FindClip(f room.Facts, t Tape, name string) (c Clip, err error) {
	at, ok := ParseClip(name)
	switch {
	case !ok:
		return c, problem.New(problem.NotFound, "This is no clip's address: it ends with two numbers of frames, such as 5000-6500.")
	case f.Life.NoClips:
		return c, problem.New(problem.NotOffered, "The host of this conversation gives no clips of it. All of it can be heard at its own address.")
	case at.To-at.From < ShortestClip || at.To-at.From > LongestClip:
		return c, problem.New(problem.BadRequest, fmt.Sprintf("A clip lasts from %d to %d seconds.", ShortestClip/tape.FramesPerSec, LongestClip/tape.FramesPerSec))
	}
	closed := t.Closed() // before the spans: what is closed does not grow
	spans := t.Spans()
	into := tape.Number(0)
	i := slices.IndexFunc(spans, func(s tape.Stretch) bool {
		if at.From < s.To {
			return true
		}
		into += tape.Number(s.Len())
		return false
	})
	switch {
	case i < 0 && closed, i >= 0 && at.From < spans[i].From, i >= 0 && at.To > spans[i].To && (closed || i < len(spans)-1):
		return c, problem.New(problem.NotFound, "This part of the conversation is not on tape: it was cut, or nothing was taped then.")
	case i < 0 || at.To > spans[i].To:
		if at.To-spans[len(spans)-1].To > clipAhead {
			return c, problem.New(problem.NotFound, "This has not been said yet.")
		}
		return c, errNotYet
	}
	c = Clip{
		Stretch: at, Room: f.ID, Title: f.Heading(), Language: f.Language, Into: (into + at.From - spans[i].From).Duration(),
		Speakers: speakers(t.Events(at.From, at.To)), Levels: t.LevelsOf(at), Live: !closed,
	}
	if epoch := t.Epoch(); !epoch.IsZero() {
		c.Began = epoch.Add(at.From.Duration()).UTC()
	}
	return c, nil
}

// speakers are the names of those who speak, in the order in which they begin.
func speakers(events []tape.Event) (all []string) {
	names := map[room.PersonID]string{}
	for _, e := range events {
		var stage room.StageEvent
		if e.Kind == room.KindStage && json.Unmarshal(e.Data, &stage) == nil {
			for _, p := range stage.People {
				names[p.ID] = p.Name
			}
		}
	}
	for _, e := range events {
		var speaking room.SpeakingEvent
		if e.Kind != room.KindSpeaking || json.Unmarshal(e.Data, &speaking) != nil {
			continue
		}
		for _, id := range speaking.IDs {
			if name := names[id]; name != "" && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// clipAnswer is a clip's form on the wire.
type clipAnswer struct {
	Version  int         `json:"v"`
	Room     room.ID     `json:"room"`
	Title    string      `json:"title"`
	Language string      `json:"lang"`
	From     tape.Number `json:"from"`
	To       tape.Number `json:"to"`
	Seconds  float64     `json:"seconds"`
	Began    time.Time   `json:"began,omitzero"`
	Into     float64     `json:"into"` // seconds from the beginning of the tape
	Speakers []string    `json:"speakers"`
	Live     bool        `json:"live,omitempty"`
	M4A      bool        `json:"m4a,omitempty"` // its sound is to be had as that too
	Captions []track     `json:"captions,omitempty"`
	Levels   []byte      `json:"levels"` // base64
}

// clip serves what a clip's page needs: clip.json, sound.ogg, sound.m4a, picture.png.
func (h *Handler) clip(w http.ResponseWriter, r *http.Request, t Tape) error {
	f, _ := h.cfg.Facts(room.ID(r.PathValue("room")))
	c, err := FindClip(f, t, r.PathValue("clip"))
	if err != nil {
		return err
	}
	switch r.PathValue("file") {
	case "clip.json":
		body, err := json.Marshal(clipAnswer{
			Version: 1, Room: c.Room, Title: c.Title, Language: c.Language, From: c.From, To: c.To, Seconds: c.Length().Seconds(), Began: c.Began,
			Into: c.Into.Seconds(), Speakers: append([]string{}, c.Speakers...), Live: c.Live, M4A: h.cfg.M4A,
			Captions: clipTracks(f, t, c.Stretch), Levels: c.Levels,
		})
		if err != nil {
			return fmt.Errorf("write a clip's description: %w", err)
		}
		return h.small(w, r, "application/json", "public, max-age=60", body)
	case "picture.png":
		var body []byte
		err = h.drawing.Do(r.Context(), func() (err error) {
			body, err = picture.PNG(picture.Clip{
				Title: c.Title, Speakers: c.Speakers, Length: c.Length(), Began: c.Began, Levels: c.Levels,
			})
			return err
		})
		if err != nil {
			return err
		}
		return h.small(w, r, "image/png", "public, max-age=86400", body)
	case "sound.ogg":
		return h.clipSound(w, r, t, c)
	case "sound.m4a":
		err = h.clipM4A(w, r, t, c)
		if errors.Is(err, room.ErrNotFound) {
			return errNotYet
		}
		return err
	}
	return errNothing
}

// clipSound serves a clip's sound: a pure function of its frames.
func (h *Handler) clipSound(w http.ResponseWriter, r *http.Request, t Tape, c Clip) error {
	var body []byte
	err := h.reading.Do(r.Context(), func() error {
		f, err := t.Clip(clipVariant, c.Stretch)
		if err != nil {
			return err
		}
		body = make([]byte, 0, f.Size())
		b := bytes.NewBuffer(body)
		_, err = b.ReadFrom(f)
		body = b.Bytes()
		return err
	})
	if errors.Is(err, room.ErrNotFound) {
		return errNotYet
	}
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "audio/ogg; codecs=opus")
	header.Set("Cache-Control", forEver)
	header.Set("ETag", `"`+strconv.Itoa(len(body))+`"`)
	header.Set("Content-Disposition", `inline; filename="`+string(c.Room)+"-"+clipName(c.Stretch)+`.ogg"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	return nil
}

func (h *Handler) small(w http.ResponseWriter, r *http.Request, mime, cache string, body []byte) error {
	w.Header().Set("Content-Type", mime)
	w.Header().Set("Cache-Control", cache)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the reader is gone, and nobody is left to be told
	}
	return nil
}
