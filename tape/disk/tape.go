package disk

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
	"github.com/epidaurus-live/epidaurus/tape/format"
)

// ErrNoTape says that there is no tape, or not of these frames.
var ErrNoTape = errors.New("there is no tape of this")

const (
	metaFile    = "tape.json"
	eventsFile  = "events.jsonl"
	metaVersion = 1
)

// Meta is what a tape says about itself.
type Meta struct {
	Version int           `json:"v"`
	Room    room.ID       `json:"room"`
	Channel tape.Channel  `json:"channel"`
	Person  room.PersonID `json:"person,omitempty"` // whose own track it is
	Epoch   time.Time     `json:"epoch"`            // when frame 0 began
	Serial  uint32        `json:"serial"`
	PreSkip uint16        `json:"pre_skip"`
	Closed  bool          `json:"closed"`
	Ended   time.Time     `json:"ended_at,omitzero"` // when it was closed, by the wall clock
}

// variants are those that a tape has.
func (m Meta) variants() []tape.Variant {
	if m.Channel == tape.Tracks {
		return []tape.Variant{tape.Voice}
	}
	return tape.Variants
}

// Tape is what was taped of one channel. All its methods may be called from any goroutine, also while it is still written.
type Tape struct {
	dir string // immutable

	mu     sync.RWMutex
	meta   Meta           // guarded by mu
	tracks []*track       // in the order of Meta.variants; their fields are guarded by mu
	events []tape.Event   // guarded by mu; by format.Compare
	spans  []tape.Stretch // guarded by mu; what is there, in order
	lost   int            // guarded by mu; frames that never came

	captions map[string][]tape.Caption // guarded by mu; as they were corrected, by language; replaced, never changed

	pressMu sync.Mutex
	press   *pressing // guarded by pressMu; nil: not known
	edges   *edges    // guarded by pressMu; nil: not asked for
}

// track is one variant.
type track struct {
	variant tape.Variant
	records []format.Record // only appended to
	end     int64           // of the pages of sound in the file
}

func (t *Tape) soundFile(v tape.Variant) string { return filepath.Join(t.dir, string(v)+".opus") }
func (t *Tape) indexFile(v tape.Variant) string { return filepath.Join(t.dir, string(v)+".index") }

// serialOf names the logical stream: the same for a room and channel wherever it is taped.
func serialOf(id room.ID, ch tape.Channel) uint32 {
	h := fnv.New32a()
	_, _ = io.WriteString(h, "tape\x00"+string(id)+"\x00"+string(ch)) // a hash takes everything
	return h.Sum32()
}

// Find reads the tape of a room in a folder of tapes, beside a recorder that may be at work there. The error is ErrNoTape where there is none.
func Find(dir string, id room.ID, ch tape.Channel) (*Tape, error) {
	if !id.Valid() || ch != tape.Floor {
		return nil, ErrNoTape
	}
	t, err := load(filepath.Join(dir, string(id), string(ch)))
	if err == nil && len(t.spans) == 0 {
		err = ErrNoTape
	}
	return t, err
}

// load reads a tape. What a crash left behind the last whole page is passed over; nothing is changed. The error is ErrNoTape where none
// was begun.
func load(dir string) (*Tape, error) {
	t := &Tape{dir: dir}
	var err error
	t.meta, err = readMeta(dir)
	if err != nil {
		return nil, err
	}
	for _, v := range t.meta.variants() {
		tr := &track{variant: v}
		err = t.loadTrack(tr)
		if err != nil {
			return nil, fmt.Errorf("read the tape in %s: %w", dir, err)
		}
		t.tracks = append(t.tracks, tr)
		for _, r := range tr.records {
			t.spans = join(t.spans, tape.Stretch{From: r.From, To: r.To()})
		}
	}
	for _, r := range t.tracks[0].records {
		t.lost += r.Missing
	}
	text, err := os.ReadFile(filepath.Join(dir, eventsFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read the tape in %s: %w", dir, err)
	}
	t.events, _ = format.ParseEvents(text)
	t.captions, err = readCaptions(dir)
	return t, err
}

// readMeta reads what a tape says about itself. The error is ErrNoTape where none was begun.
func readMeta(dir string) (m Meta, err error) {
	text, err := os.ReadFile(filepath.Join(dir, metaFile))
	if errors.Is(err, os.ErrNotExist) {
		return m, ErrNoTape
	}
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err == nil && m.Version != metaVersion {
		err = fmt.Errorf("it is of version %d, and this program knows %d", m.Version, metaVersion)
	}
	if err != nil {
		return m, fmt.Errorf("read the tape in %s: %w", dir, err)
	}
	return m, nil
}

// loadTrack reads an index, takes back its last records as long as their sound is not whole, as after a power cut, and finds whole
// pages behind it.
func (t *Tape) loadTrack(tr *track) error {
	text, err := os.ReadFile(t.indexFile(tr.variant))
	if err == nil {
		tr.records, err = format.ParseIndex(text)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, format.ErrIndex) {
		return err
	}
	sound, err := os.Open(t.soundFile(tr.variant))
	if errors.Is(err, os.ErrNotExist) {
		tr.records = nil
		return nil
	}
	if err != nil {
		return err
	}
	defer sound.Close()
	tr.end = int64(len(format.Head(t.meta.Serial, t.meta.PreSkip)))
	for n := len(tr.records); n > 0; n-- {
		last := tr.records[n-1]
		pages := make([]byte, last.Length)
		got, _ := sound.ReadAt(pages, last.Offset) // short where the file is
		if got == len(pages) && whole(pages, last) {
			tr.end = last.Offset + int64(last.Length)
			break
		}
		tr.records = tr.records[:n-1]
	}
	const most = 64 << 20 // hours: should the index be lost
	rest, err := io.ReadAll(io.NewSectionReader(sound, tr.end, most))
	if err != nil {
		return err
	}
	found, good := format.Recover(rest, tr.end)
	if n := len(tr.records); n > 0 && len(found) > 0 && found[0].From < tr.records[n-1].To() {
		return nil
	}
	tr.records = append(tr.records, found...)
	tr.end += int64(good)
	return nil
}

// whole reports whether pages are the sound of r.
func whole(pages []byte, r format.Record) bool {
	records, good := format.Recover(pages, r.Offset)
	return good == len(pages) && len(records) == 1 && records[0].From == r.From && records[0].Frames == r.Frames
}

// join adds a stretch to ordered ones.
func join(spans []tape.Stretch, s tape.Stretch) []tape.Stretch {
	i := slices.IndexFunc(spans, func(o tape.Stretch) bool { return o.To >= s.From })
	if i < 0 {
		return append(spans, s)
	}
	for i < len(spans) && spans[i].From <= s.To {
		s = tape.Stretch{From: min(s.From, spans[i].From), To: max(s.To, spans[i].To)}
		spans = slices.Delete(spans, i, i+1)
	}
	return slices.Insert(spans, i, s)
}

// Meta is what the tape says about itself.
func (t *Tape) Meta() Meta {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.meta
}

// Spans are the stretches of frames that are there, in order. Between them the room was not taped.
func (t *Tape) Spans() []tape.Stretch {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Clone(t.spans)
}

// Closed reports whether nothing is added any more.
func (t *Tape) Closed() bool { return t.Meta().Closed }

// Epoch is when frame 0 began; zero where that is not known.
func (t *Tape) Epoch() time.Time { return t.Meta().Epoch }

// Lost is how many frames of the spans never came, and are silence.
func (t *Tape) Lost() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.lost
}

// Events are those of frames from (inclusive) to to (exclusive), and before them the last of each kind that was so already.
func (t *Tape) Events(from, to tape.Number) []tape.Event {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return format.Between(t.events, from, to)
}

// end is the frame behind the last. The caller holds mu.
func (t *Tape) endLocked() tape.Number {
	if len(t.spans) == 0 {
		return 0
	}
	return t.spans[len(t.spans)-1].To
}

// Segment is the stretch of segment k that is there, and will not change: it is not ok when there is nothing of it, or more may come.
func (t *Tape) Segment(k tape.Number) (s tape.Stretch, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	from, to := k*tape.SegmentFrames, (k+1)*tape.SegmentFrames
	if k < 0 {
		return s, false
	}
	for _, tr := range t.tracks {
		if tr.to() < to && !t.meta.Closed {
			return s, false
		}
	}
	for _, span := range t.spans {
		part := tape.Stretch{From: max(from, span.From), To: min(to, span.To)}
		switch {
		case part.Len() <= 0:
		case s.Len() == 0:
			s = part
		default:
			s.To = part.To
		}
	}
	return s, s.Len() > 0
}

// Read returns the packets of frames from (inclusive) to to (exclusive) of a variant. What is not there is tape.SilencePacket.
func (t *Tape) Read(v tape.Variant, from, to tape.Number) ([][]byte, error) {
	records, err := t.recordsOf(v, from, to)
	if err != nil {
		return nil, err
	}
	packets := make([][]byte, max(0, to-from))
	if len(records) > 0 {
		first, last := records[0], records[len(records)-1]
		pages, err := t.readSound(v, first.Offset, last.Offset+int64(last.Length))
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			at := r.Offset - first.Offset
			format.Collect(packets, from, pages[at:at+int64(r.Length)])
		}
	}
	for i := range packets {
		if packets[i] == nil {
			packets[i] = tape.SilencePacket
		}
	}
	return packets, nil
}

// Whole reports whether each frame of a stretch came to the tape: none is silence because it was missing.
func (t *Tape) Whole(v tape.Variant, from, to tape.Number) bool {
	records, err := t.recordsOf(v, from, to)
	if err != nil {
		return false
	}
	there := 0
	for _, r := range records {
		if r.Missing > 0 {
			return false
		}
		there += int(min(to, r.To()) - max(from, r.From))
	}
	return there == int(to-from)
}

// recordsOf are the records that frames from to to are in. They are never changed.
func (t *Tape) recordsOf(v tape.Variant, from, to tape.Number) ([]format.Record, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	i := slices.IndexFunc(t.tracks, func(tr *track) bool { return tr.variant == v })
	if i < 0 {
		return nil, ErrNoTape
	}
	all := t.tracks[i].records
	first, _ := slices.BinarySearchFunc(all, from, func(r format.Record, n tape.Number) int { return compare(r.To(), n+1) })
	last, _ := slices.BinarySearchFunc(all, to, func(r format.Record, n tape.Number) int { return compare(r.From, n) })
	return all[first:max(first, last)], nil
}

func compare(a, b tape.Number) int { return int(min(max(a-b, -1), 1)) }

// readSound reads a part of a variant's file. The file is opened each time: a tape that is deleted is gone at once, and nothing holds it.
func (t *Tape) readSound(v tape.Variant, from, to int64) ([]byte, error) {
	return t.readFile(t.soundFile(v), from, to)
}

func (t *Tape) readFile(name string, from, to int64) ([]byte, error) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNoTape
	}
	if err != nil {
		return nil, fmt.Errorf("read the tape: %w", err)
	}
	defer f.Close()
	b := make([]byte, to-from)
	_, err = f.ReadAt(b, from)
	if err != nil {
		return nil, fmt.Errorf("read the tape in %s: %w", t.dir, err)
	}
	return b, nil
}

// Levels are how loud the tape is, format.LevelFrames at a time, span after span; a frame count that does not fill a level is rounded up.
func (t *Tape) Levels() []byte {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var levels []byte
	for _, r := range t.tracks[0].records {
		n := (r.Frames + format.LevelFrames - 1) / format.LevelFrames
		levels = append(levels, r.Levels[:n]...)
	}
	return levels
}

// Size is how many bytes the tape takes on disk.
func (t *Tape) Size() (size int64) {
	files, err := os.ReadDir(t.dir)
	if err != nil {
		return 0
	}
	for _, f := range files {
		info, err := f.Info()
		if err == nil {
			size += info.Size()
		}
	}
	return size
}
