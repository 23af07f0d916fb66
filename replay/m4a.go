package replay

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/internal/recent"
	"github.com/epidaurus-live/epidaurus/internal/throttle"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

const (
	// M4AFile is the name of a replay as M4A, below its channel.
	M4AFile = string(tape.AAC64) + ".m4a"

	// M4AType is what Apple's directory calls it.
	M4AType = "audio/x-m4a"

	// maxArtists is how many of those who speak are named in a file.
	maxArtists = 12
)

// Units are access units of AAC.
type Units struct {
	Sizes   []uint16 // of each, in bytes; they are never changed
	Skip    int64    // samples that a decoder gives first and that are not heard
	Samples int64    // that are heard behind them
	Sound   File     // the units one behind the other
}

// M4A is what may be heard of a tape as one file, with its title, who speaks in it, its date and its chapters. It is a pure function of the
// tape and of what its host has made of it. The errors are those of Tape.Units.
func M4A(f room.Facts, t Tape) (File, error) {
	u, err := t.Units()
	if err != nil {
		return nil, err
	}
	i := indexOf(f, t)
	r := recording(u, f.Heading(), speakers(t.Events(i.First, i.Last)), t.Epoch(), i.First)
	r.Chapters = i.marks(f.Heading(), u.Samples)
	return newM4A(r, u.Sound)
}

func recording(u Units, title string, artists []string, epoch time.Time, first tape.Number) fmp4.Recording {
	r := fmp4.Recording{Sizes: u.Sizes, Skip: u.Skip, Samples: u.Samples, Title: title, Artist: strings.Join(artists[:min(len(artists), maxArtists)], ", ")}
	if !epoch.IsZero() {
		r.Date = epoch.Add(first.Duration()).UTC()
	}
	return r
}

// marks are the chapters as a file has them: what stands before the first is one too, with the title of all.
func (i *index) marks(title string, samples int64) (marks []fmp4.Mark) {
	const most = 255
	for n, c := range i.Chapters {
		at := int64(i.time(c.At) / tape.FrameDuration * tape.FrameSamples)
		if len(marks) == 0 && at > 0 {
			marks = append(marks, fmp4.Mark{Title: fmp4.CutTitle(title)})
		}
		if at >= samples || len(marks) == most || len(marks) > 0 && at <= marks[len(marks)-1].At {
			continue
		}
		name := c.Title
		if name == "" {
			name = fmt.Sprint(n + 1)
		}
		marks = append(marks, fmp4.Mark{At: at, Title: fmp4.CutTitle(name)})
	}
	return marks
}

// m4a is a file whose sound lies elsewhere.
type m4a struct {
	head  []byte
	sound File
	at    int64
}

func newM4A(r fmp4.Recording, sound File) (*m4a, error) {
	head, err := fmp4.AppendRecordingHead(nil, r)
	if err != nil {
		return nil, fmt.Errorf("write the head of an M4A: %w", err)
	}
	return &m4a{head: head, sound: sound}, nil
}

// Size implements File.
func (m *m4a) Size() int64 { return int64(len(m.head)) + m.sound.Size() }

// tag is an ETag: the head has all sizes and all words.
func (m *m4a) tag() string {
	return fmt.Sprintf(`"%08x-%x"`, crc32.Checksum(m.head, crc32.MakeTable(crc32.Castagnoli)), m.Size())
}

// Read implements io.Reader.
func (m *m4a) Read(b []byte) (int, error) {
	if m.at < int64(len(m.head)) {
		n := copy(b, m.head[m.at:])
		m.at += int64(n)
		return n, nil
	}
	_, err := m.sound.Seek(m.at-int64(len(m.head)), io.SeekStart)
	if err != nil {
		return 0, err
	}
	n, err := m.sound.Read(b)
	m.at += int64(n)
	return n, err
}

// Seek implements io.Seeker.
func (m *m4a) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += m.at
	case io.SeekEnd:
		offset += m.Size()
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek to %d, before the beginning", offset)
	}
	m.at = offset
	return offset, nil
}

// m4a serves aac-64.m4a, by ranges if asked.
func (h *Handler) m4a(w http.ResponseWriter, r *http.Request, t Tape) error {
	if !t.Closed() {
		p := problem.New(problem.NotFound, "The M4A of a conversation is made when it is over. Until then, radios have live.aac, and players HLS.")
		p.RetryAfter = time.Minute
		return p
	}
	facts, _ := h.cfg.Facts(room.ID(r.PathValue("room")))
	var f File
	err := h.reading.Do(r.Context(), func() (err error) {
		f, err = M4A(facts, t)
		return err
	})
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", M4AType)
	header.Set("Cache-Control", "public, max-age=3600")
	header.Set("ETag", f.(*m4a).tag())
	header.Set("Content-Disposition", nameOf(facts.Heading(), r.PathValue("room")))
	http.ServeContent(&patient{w, http.NewResponseController(w)}, r, "", time.Time{}, gated{f, h.reading, r.Context()})
	return nil
}

// nameOf is how a file is called where it is kept: as the conversation, if it has a name that is one.
func nameOf(title, other string) string {
	name := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '-'
		}
		return r
	}, strings.Trim(title, " ."))
	if name == "" {
		name = other
	}
	return mime.FormatMediaType("inline", map[string]string{"filename": name + ".m4a"})
}

// How many clips are remembered as M4A, of 1.5 MB at most each, and how many requests may wait for theirs.
const (
	maxClips        = 16
	maxUnmadeClips  = 32
	clipsPerProcess = 4 // a quarter of the processors make them
)

// madeClips makes clips when they are asked for, each once for all who ask, and remembers them. It may be used from any goroutine.
type madeClips struct {
	working throttle.Throttle
	waiting chan struct{} // holds a token for each who waits for that
	known   *recent.Values[clipID, *madeClip]
}

// clipID is what a clip is remembered by: no two have one, whatever their titles are.
type clipID struct {
	room  room.ID
	at    tape.Stretch
	first tape.Number // of its tape
	title string
}

// madeClip is a clip. Whoever holds its turn owns what stands below it.
type madeClip struct {
	turn chan struct{} // holds a token while somebody works on it

	body []byte // nil: not made
	tag  string
}

func newMadeClips() *madeClips {
	return &madeClips{
		working: make(throttle.Throttle, max(1, runtime.GOMAXPROCS(0)/clipsPerProcess)), waiting: make(chan struct{}, maxUnmadeClips),
		known: recent.New[clipID, *madeClip](maxClips),
	}
}

// find finds a clip, or begins one.
func (m *madeClips) find(id clipID) *madeClip {
	return m.known.Find(id, func() *madeClip { return &madeClip{turn: make(chan struct{}, 1)} })
}

// forget drops the clips of a room whose tape is gone.
func (m *madeClips) forget(id room.ID) {
	m.known.Forget(func(clip clipID) bool { return clip.room == id })
}

// get gives a clip.
func (m *madeClips) get(ctx context.Context, id clipID, work func() (*m4a, error)) (body []byte, tag string, err error) {
	c := m.find(id)
	select {
	case m.waiting <- struct{}{}:
		defer func() { <-m.waiting }()
	default:
		p := problem.New(problem.Busy, "Too many ask for clips as M4A. Try again in a moment, or take Ogg Opus.")
		p.RetryAfter = 2*time.Second + rand.N(4*time.Second)
		return nil, "", p
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, "", context.Cause(ctx)
	}
	if c.body != nil {
		return c.body, c.tag, nil
	}
	err = m.working.Do(ctx, func() error {
		f, err := work()
		if err != nil {
			return err
		}
		c.body, err = io.ReadAll(f)
		c.tag = f.tag()
		return err
	})
	if err != nil {
		c.body = nil
	}
	return c.body, c.tag, err
}

// clipM4A serves a clip's sound as M4A: a pure function of its frames and of the title.
func (h *Handler) clipM4A(w http.ResponseWriter, r *http.Request, t Tape, c Clip) error {
	body, tag, err := h.clips.get(r.Context(), clipID{c.Room, c.Stretch, t.Spans()[0].From, c.Title}, func() (*m4a, error) {
		u, err := t.ClipUnits(c.Stretch)
		if err != nil {
			return nil, err
		}
		return newM4A(recording(u, c.Title, c.Speakers, t.Epoch(), c.From), u.Sound)
	})
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", M4AType)
	header.Set("Cache-Control", "public, max-age=3600") // its host may give it another title
	header.Set("ETag", tag)
	header.Set("Content-Disposition", nameOf(c.Title+" "+clipName(c.Stretch), string(c.Room)+"-"+clipName(c.Stretch)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	return nil
}
