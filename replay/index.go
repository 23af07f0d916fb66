package replay

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// index is what a player has to know of a tape. docs/PROTOCOL.md ("The tape") explains it.
type index struct {
	Version  int              `json:"v"`
	Room     room.ID          `json:"room"`
	Title    string           `json:"title"`
	Language string           `json:"lang"`
	State    room.State       `json:"state"`
	Closed   bool             `json:"closed"`
	Epoch    time.Time        `json:"epoch,omitzero"`
	First    tape.Number      `json:"first"`
	Last     tape.Number      `json:"last"` // one behind it
	Segment  int              `json:"segment"`
	Spans    [][2]tape.Number `json:"spans"`
	Lost     int              `json:"lost"`
	Channels []channel        `json:"channels"`
	Chapters []chapter        `json:"chapters"`
	Clips    bool             `json:"clips,omitempty"` // may be made of it
	M4A      bool             `json:"m4a,omitempty"`   // all of it is to be had as M4A
	HLS      bool             `json:"hls,omitempty"`   // the sound is to be had as HLS only, whose segments have no events

	Levels []byte `json:"levels,omitempty"` // base64; of a tape that grows no more than liveLevels

	// Only of a closed tape, or with HLS.
	Events   []event `json:"events,omitempty"`
	Captions []track `json:"captions,omitempty"`
}

type channel struct {
	Name     tape.Channel   `json:"name"`
	Variants []tape.Variant `json:"variants"`
}

type chapter struct {
	ID    int         `json:"id"`
	At    tape.Number `json:"at"`
	Title string      `json:"title"`
}

type event struct {
	At   tape.Number     `json:"at"`
	Data json.RawMessage `json:"e"`
}

// left are kinds of events that a replay does not need, or has in another form.
var left = []string{room.KindCaption, room.KindListening, room.KindEdges, room.KindSeat}

func (h *Handler) index(w http.ResponseWriter, r *http.Request, t Tape) error {
	facts, _ := h.cfg.Facts(room.ID(r.PathValue("room")))
	i := indexOf(facts, t)
	if !i.Closed {
		h.outline(&i, t)
	}
	body, err := json.Marshal(i)
	if err != nil {
		return fmt.Errorf("write the index: %w", err)
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Vary", "Accept-Encoding")
	header.Set("Cache-Control", "public, max-age=1")
	if t.Closed() {
		header.Set("Cache-Control", "public, max-age=60")
	}
	tag := fmt.Sprintf(`W/"%08x"`, crc32.ChecksumIEEE(body))
	header.Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if len(body) > 1024 && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		var small bytes.Buffer
		z := gzip.NewWriter(&small)
		_, err = z.Write(body)
		if err == nil {
			err = z.Close()
		}
		if err != nil {
			return fmt.Errorf("compress the index: %w", err)
		}
		body = small.Bytes()
		header.Set("Content-Encoding", "gzip")
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the reader is gone, and nobody is left to be told
	}
	return nil
}

func indexOf(f room.Facts, t Tape) index {
	closed := t.Closed() // before the spans: what is closed does not grow
	spans := t.Spans()
	i := index{
		Version: 1, Room: f.ID, Title: f.Heading(), Language: f.Language, State: f.State, Closed: closed, Epoch: t.Epoch(),
		First: spans[0].From, Last: spans[len(spans)-1].To, Segment: tape.SegmentFrames, Lost: t.Lost(),
		Channels: []channel{{tape.Floor, tape.Variants}}, Chapters: []chapter{}, Clips: !f.Life.NoClips,
	}
	for _, s := range spans {
		i.Spans = append(i.Spans, [2]tape.Number{s.From, s.To})
	}
	i.mark(f.Life.Chapters)
	i.M4A = closed && t.HasUnits()
	if !closed {
		return i
	}
	i.tell(f, t)
	return i
}

// mark adds chapters: those that begin before the first frame are one, which was going on.
func (i *index) mark(chapters []room.Chapter) {
	for _, c := range chapters {
		at := tape.Number(c.At)
		if i.Closed && at >= i.Last {
			break
		}
		if at <= i.First {
			at, i.Chapters = i.First, i.Chapters[:0]
		}
		i.Chapters = append(i.Chapters, chapter{c.ID, at, c.Title})
	}
}

// liveLevels is how many levels the index of a tape that grows has at most, since it is asked for again and again: a wide screen shows as many.
const liveLevels = 300

// outline adds how loud a tape that grows is.
func (h *Handler) outline(i *index, t Tape) {
	// What is on tape stays as it is: between these frames it has one outline, for all who ask.
	name := objectName{i.Room, tape.Floor, "levels", tape.Stretch{From: i.First, To: i.Last}}
	i.Levels, _ = h.objects.get(name, func() ([]byte, error) { return thinned(t.Levels(), liveLevels), nil })
}

// thinned are levels in no more than so many groups of about the same length, each as loud as the loudest in it.
func thinned(levels []byte, most int) []byte {
	n := min(most, len(levels))
	thin := make([]byte, n)
	for i := range thin {
		thin[i] = slices.Max(levels[i*len(levels)/n : (i+1)*len(levels)/n])
	}
	return thin
}

// Published is the index of a tape for a place where there are no other objects than those of HLS, and its M4A if
// that is there.
func Published(f room.Facts, t Tape, m4a bool) ([]byte, error) {
	i := indexOf(f, t)
	i.HLS, i.Clips, i.M4A = true, false, m4a
	if !i.Closed {
		i.tell(f, t)
	}
	body, err := json.Marshal(i)
	if err != nil {
		return nil, fmt.Errorf("write the index: %w", err)
	}
	return body, nil
}

// Exported is the index of a replay that stands alone: its sound lies beside it as one file, as M4A too if that is said, and
// nothing else does.
func Exported(f room.Facts, t Tape, m4a bool) ([]byte, error) {
	i := indexOf(f, t)
	i.M4A = m4a
	if !i.Closed {
		i.Closed = true
		i.tell(f, t)
	}
	i.Clips = false
	body, err := json.Marshal(i)
	if err != nil {
		return nil, fmt.Errorf("write the index: %w", err)
	}
	return body, nil
}

// tell adds what is known about the whole of a tape.
func (i *index) tell(f room.Facts, t Tape) {
	for _, e := range t.Events(i.First, i.Last+1) {
		if !slices.Contains(left, e.Kind) {
			i.Events = append(i.Events, event{max(e.At, i.First), e.Data})
		}
	}
	i.Levels = t.Levels()
	i.Captions = tracksOf(f, t)
}
