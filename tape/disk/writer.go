package disk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
	"github.com/epidaurus-live/epidaurus/tape/format"
)

// file is what a writer does with an open file; a test's own fails.
type file interface {
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Close() error
}

// opener opens a file for writing, and makes it if need be.
type opener func(name string) (file, error)

func openFile(name string) (file, error) { return os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600) }

// writer appends to a tape. It belongs to one goroutine. After an error it is closed; what was written is whole up to a last stretch,
// which the next opening finds or cuts off.
type writer struct {
	tape     *Tape
	sound    []file // in the order of Meta.variants
	index    []file
	events   file // nil: a speaker's track has none
	indexEnd []int64
	told     int64 // end of the events
}

// segment is what is written at a time: a stretch within one segment of the grid.
type segment struct {
	tape.Stretch
	packets [][][]byte // by variant
	missing []int      // by variant
	events  []tape.Event
	levels  format.Levels
}

// openWriter goes on with a tape, or begins one.
func openWriter(dir string, open opener, fresh Meta) (*writer, error) {
	t, err := load(dir)
	begun := err == nil
	if errors.Is(err, ErrNoTape) {
		t = &Tape{dir: dir, meta: fresh}
		for _, v := range fresh.variants() {
			t.tracks = append(t.tracks, &track{variant: v})
		}
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil && t.meta.Closed {
		err = fmt.Errorf("the tape in %s is closed", dir)
	}
	if err != nil {
		return nil, err
	}
	w := &writer{tape: t}
	err = w.open(open)
	if err == nil && !begun {
		err = w.writeMeta()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the tape in %s: %w", dir, err), w.close())
	}
	return w, nil
}

// open opens the files and cuts off what is not whole.
func (w *writer) open(open opener) error {
	t := w.tape
	for _, tr := range t.tracks {
		sound, err := open(t.soundFile(tr.variant))
		if err != nil {
			return err
		}
		w.sound = append(w.sound, sound)
		head := format.Head(t.meta.Serial, t.meta.PreSkip)
		if len(tr.records) == 0 {
			tr.end = int64(len(head))
			_, err = sound.WriteAt(head, 0)
		}
		if err == nil {
			err = sound.Truncate(tr.end)
		}
		if err != nil {
			return err
		}
		index, err := open(t.indexFile(tr.variant))
		if err != nil {
			return err
		}
		w.index = append(w.index, index)
		text := []byte(format.IndexHead)
		for _, r := range tr.records {
			text = format.AppendRecord(text, r)
		}
		_, err = index.WriteAt(text, 0)
		if err == nil {
			err = index.Truncate(int64(len(text)))
		}
		if err != nil {
			return err
		}
		w.indexEnd = append(w.indexEnd, int64(len(text)))
	}
	if t.meta.Channel == tape.Tracks {
		return nil
	}
	return w.openEvents(open)
}

func (w *writer) openEvents(open opener) (err error) {
	name := filepath.Join(w.tape.dir, eventsFile)
	w.events, err = open(name)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	_, good := format.ParseEvents(text)
	w.told = int64(good)
	return w.events.Truncate(w.told)
}

// next is the first frame that is not written in all variants; 0 on an empty tape.
func (w *writer) next() tape.Number {
	t := w.tape
	t.mu.RLock()
	defer t.mu.RUnlock()
	next := t.endLocked()
	for _, tr := range t.tracks {
		if len(tr.records) == 0 && len(t.spans) > 0 {
			next = min(next, t.spans[0].From)
		} else {
			next = min(next, tr.to())
		}
	}
	return next
}

// to is the frame behind the last of a track.
func (tr *track) to() tape.Number {
	if len(tr.records) == 0 {
		return 0
	}
	return tr.records[len(tr.records)-1].To()
}

// append writes a stretch: events first, then sound, then the index. Readers see it when all of it is written.
func (w *writer) append(s segment) error {
	t := w.tape
	fresh := w.unknown(s.events)
	var lines []byte
	for _, e := range fresh {
		lines = format.AppendEvent(lines, e)
	}
	if w.events != nil {
		_, err := w.events.WriteAt(lines, w.told)
		if err != nil {
			return fmt.Errorf("write events: %w", err)
		}
		w.told += int64(len(lines))
	}
	var err error
	records := make([]format.Record, len(t.tracks))
	for i, tr := range t.tracks {
		records[i], err = w.appendSound(i, tr, s)
		if err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, tr := range t.tracks {
		if records[i].Frames > 0 {
			tr.records = append(tr.records, records[i])
			tr.end += int64(records[i].Length)
		}
	}
	t.events = append(t.events, fresh...)
	slices.SortStableFunc(t.events, format.Compare)
	t.spans = join(t.spans, s.Stretch)
	t.lost += s.missing[0]
	return nil
}

// appendSound writes a stretch of one variant, but for what a write that was said to have failed has left there. The record has no
// frames where that is all.
func (w *writer) appendSound(i int, tr *track, s segment) (r format.Record, err error) {
	have := min(max(0, int(tr.to()-s.From)), s.Len())
	packets := s.packets[i][have:]
	if len(packets) == 0 {
		return r, nil
	}
	r = format.Record{
		From: s.From + tape.Number(have), Frames: len(packets), Offset: tr.end, Missing: min(s.missing[i], len(packets)), Levels: s.levels,
	}
	pages := ogg.AppendPages(nil, w.tape.meta.Serial, r.From, packets)
	r.Length = len(pages)
	for _, p := range packets {
		r.Sound += len(p)
	}
	_, err = w.sound[i].WriteAt(pages, r.Offset)
	if err != nil {
		return r, fmt.Errorf("write sound: %w", err)
	}
	_, err = w.index[i].WriteAt(format.AppendRecord(nil, r), w.indexEnd[i])
	if err != nil {
		return r, fmt.Errorf("write the index: %w", err)
	}
	w.indexEnd[i] += format.RecordSize
	return r, nil
}

// unknown are the events that are not on the tape, each of them once.
func (w *writer) unknown(events []tape.Event) (fresh []tape.Event) {
	for _, e := range events {
		_, known := slices.BinarySearchFunc(w.tape.events, e, format.Compare)
		known = known || slices.ContainsFunc(fresh, func(o tape.Event) bool { return format.Compare(o, e) == 0 })
		if !known {
			fresh = append(fresh, e)
		}
	}
	return fresh
}

// sync makes what is written survive a power cut: sound before the index that points to it.
func (w *writer) sync() error {
	var errs []error
	for _, f := range slices.Concat(w.sound, []file{w.events}, w.index) {
		if f != nil {
			errs = append(errs, f.Sync())
		}
	}
	return errors.Join(errs...)
}

// finish ends the tape: nothing is written to it any more.
func (w *writer) finish(now time.Time) error {
	t := w.tape
	t.mu.RLock()
	end := t.endLocked()
	t.mu.RUnlock()
	for i, tr := range t.tracks {
		page := ogg.AppendEnd(nil, t.meta.Serial, end, t.meta.PreSkip)
		_, err := w.sound[i].WriteAt(page, tr.end)
		if err != nil {
			return errors.Join(fmt.Errorf("end the tape: %w", err), w.close())
		}
	}
	err := errors.Join(w.sync(), w.close())
	if err != nil {
		return fmt.Errorf("end the tape: %w", err)
	}
	t.mu.Lock()
	t.meta.Closed, t.meta.Ended = true, now.UTC()
	t.mu.Unlock()
	return w.writeMeta()
}

// writeMeta writes what the tape says about itself, all of it or nothing.
func (w *writer) writeMeta() error {
	text, err := json.MarshalIndent(w.tape.Meta(), "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(writeWhole(openFile, filepath.Join(w.tape.dir, metaFile), append(text, '\n')), syncDir(w.tape.dir))
}

// syncDir makes names in a folder survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// close gives the files up. The tape may be opened again.
func (w *writer) close() error {
	var errs []error
	for _, f := range slices.Concat(w.sound, w.index) {
		errs = append(errs, f.Close())
	}
	if w.events != nil {
		errs = append(errs, w.events.Close())
	}
	return errors.Join(errs...)
}

// freshMeta is what a new tape says about itself.
func freshMeta(id room.ID, ch tape.Channel, epoch time.Time, preSkip uint16) Meta {
	return Meta{Version: metaVersion, Room: id, Channel: ch, Epoch: epoch.UTC(), Serial: serialOf(id, ch), PreSkip: preSkip}
}
