package disk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

const (
	wantEvery   = 10                               // looks, between two times that it is said that tracks are needed
	silentAfter = 60 * tape.FramesPerSec           // a track on which nothing came for so long has its files closed
	lastLooks   = int(2 * time.Second / lookEvery) // behind the room's end, for what still comes
)

// speakers tapes the speakers' own tracks beside a session, whose goroutine owns it: what is a segment of the channel's tape is one of theirs,
// too. Where somebody was not heard in a segment, there is nothing of it on the track.
type speakers struct {
	cfg  *Config
	id   room.ID
	dir  string
	reel *speakerReel
	log  *slog.Logger
	fail func(frame tape.Number, err error) // says it loudly
	well func()                             // takes that back

	due     []tape.Stretch // that are on the channel's tape, and not here
	epoch   time.Time
	writers map[room.PersonID]*speakerWriter
	synced  tape.Number
	looks   int
	late    int // looks since the channel's tape ended

	failed bool
	idle   time.Duration // since the disk failed
}

// speakerWriter is a track's open files.
type speakerWriter struct {
	*writer
	last tape.Number // written; or opened at
}

func newSpeakers(cfg *Config, id room.ID) *speakers {
	return &speakers{
		cfg: cfg, id: id, dir: filepath.Join(cfg.Dir, string(id), string(tape.Tracks)), reel: newSpeakerReel(),
		log: cfg.Log.With("room", id, "channel", tape.Tracks), writers: map[room.PersonID]*speakerWriter{},
	}
}

// hear subscribes to the tracks, gives them to other nodes, and says that they are needed.
func (s *speakers) hear() (stop func(), err error) {
	unsubscribe, err := s.cfg.Bus.Subscribe(s.id, tape.Tracks, s.reel)
	if err != nil {
		return nil, err
	}
	unserve, err := s.cfg.Bus.Serve(s.id, tape.Tracks, s.reel)
	if err != nil {
		unsubscribe()
		return nil, err
	}
	s.want()
	return func() { unsubscribe(); unserve() }, nil
}

func (s *speakers) want() {
	err := s.cfg.Bus.Want(s.id, tape.Floor, tape.WantTracks)
	if err != nil {
		s.log.Warn("nobody hears that the speakers' tracks are needed", "error", err)
	}
}

// written says that a stretch is on the channel's tape, whose epoch is given.
func (s *speakers) written(at tape.Stretch, epoch time.Time) {
	s.due = append(s.due, at)
	s.epoch = epoch
}

// look writes what has come. Newest is that of the channel; over says that nothing more is written to its tape. It reports whether all is done.
func (s *speakers) look(ctx context.Context, newest tape.Number, over bool) (done bool) {
	s.looks++
	if s.looks%wantEvery == 0 && !over {
		s.want()
	}
	if over {
		s.late++
	}
	if s.failed && !over {
		s.idle += lookEvery
		if s.idle < retryAfter {
			s.forget(newest)
			return false
		}
	}
	for len(s.due) > 0 {
		at := s.due[0]
		if !s.ready(ctx, at, newest-at.To >= patience || s.late >= lastLooks) {
			return false
		}
		err := s.write(at)
		if err != nil {
			s.broken(at.From, err)
			return over
		}
		s.due = s.due[1:]
	}
	if s.failed {
		s.failed = false
		s.log.Warn("the disk takes the speakers' tracks again")
		s.well()
	}
	if over {
		s.finish()
	}
	return over
}

// forget lets go of stretches that nobody remembers any more.
func (s *speakers) forget(newest tape.Number) {
	s.due = slices.DeleteFunc(s.due, func(at tape.Stretch) bool { return at.From < newest-keptFrames })
}

// ready reports whether a stretch is as its maker sealed it, or as whole as it will get: patient says that it was waited for.
func (s *speakers) ready(ctx context.Context, at tape.Stretch, patient bool) bool {
	seal, sealed := s.reel.seal(tape.SegmentOf(at.From))
	if sealed && len(s.reel.unfit(seal)) == 0 {
		return true
	}
	if !patient {
		return false
	}
	if !sealed {
		for _, v := range s.reel.heard(at) { // who has its frames has the seal
			s.reel.learn(s.ask(ctx, v, at))
		}
		seal, sealed = s.reel.seal(tape.SegmentOf(at.From))
	}
	if sealed {
		for _, v := range s.reel.unfit(seal) {
			s.reel.mend(v, seal, s.ask(ctx, v, seal.Stretch))
		}
	}
	return true
}

func (s *speakers) ask(ctx context.Context, v tape.Variant, at tape.Stretch) tape.Past {
	past, err := s.cfg.Bus.Fetch(ctx, s.id, tape.Tracks, v, at.From, at.To)
	if err != nil {
		s.log.Debug("other nodes do not have all of what a track misses", "track", v, "from", at.From, "error", err)
	}
	return past
}

// write writes a stretch of all who were heard in it.
func (s *speakers) write(at tape.Stretch) error {
	for _, v := range s.reel.heard(at) {
		person, _ := v.Speaker()
		w, err := s.writer(room.PersonID(person), at)
		if err != nil {
			return err
		}
		err = w.append(segment{Stretch: at, packets: [][][]byte{s.reel.packets(v, at)}, missing: []int{0}})
		if err != nil {
			return err
		}
		w.last = at.To
	}
	for person, w := range s.writers {
		if at.To-w.last < silentAfter {
			continue
		}
		delete(s.writers, person)
		err := errors.Join(w.sync(), w.close())
		if err != nil {
			return err
		}
	}
	if at.To-s.synced < syncEvery {
		return nil
	}
	s.synced = at.To
	for _, w := range s.writers {
		err := w.sync()
		if err != nil {
			return err
		}
	}
	return nil
}

// writer is a person's track, opened if need be.
func (s *speakers) writer(person room.PersonID, at tape.Stretch) (*speakerWriter, error) {
	if w := s.writers[person]; w != nil {
		return w, nil
	}
	opened, err := openWriter(filepath.Join(s.dir, string(person)), s.cfg.open, trackMeta(s.id, person, s.epoch, s.cfg.PreSkip))
	if err != nil {
		return nil, err
	}
	w := &speakerWriter{opened, at.From}
	s.writers[person] = w
	return w, nil
}

// trackMeta is what a new track says about itself.
func trackMeta(id room.ID, person room.PersonID, epoch time.Time, preSkip uint16) Meta {
	m := freshMeta(id, tape.Tracks, epoch, preSkip)
	m.Person, m.Serial = person, serialOf(id, tape.Tracks+"/"+tape.Channel(person))
	return m
}

// broken gives the tracks up for a while.
func (s *speakers) broken(frame tape.Number, err error) {
	first := !s.failed
	s.failed, s.idle = true, 0
	s.close()
	if first {
		s.fail(frame, err)
	}
}

// close gives the files up.
func (s *speakers) close() {
	for person, w := range s.writers {
		err := w.close()
		if err != nil {
			s.log.Debug("a file of a track was not closed", "person", person, "error", err)
		}
	}
	clear(s.writers)
}

// stop leaves the tracks as they are.
func (s *speakers) stop() {
	for person, w := range s.writers {
		err := w.sync()
		if err != nil {
			s.log.Error("the end of a track may not survive a power cut", "person", person, "error", err)
		}
	}
	s.close()
	if s.failed {
		s.failed = false
		s.well()
	}
}

// finish closes the tracks at the room's end.
func (s *speakers) finish() {
	s.close()
	err := closeTracks(s.dir, s.cfg)
	if err != nil {
		s.log.Error("the speakers' tracks play, but are not closed", "error", err)
	}
}

// closeTracks closes all tracks in a folder that were left open.
func closeTracks(dir string, cfg *Config) error {
	people, err := speakersIn(dir)
	for _, person := range people {
		name := filepath.Join(dir, string(person))
		meta, e := readMeta(name)
		if e == nil && !meta.Closed {
			var w *writer
			w, e = openWriter(name, cfg.open, meta)
			if e == nil {
				e = w.finish(cfg.Now())
			}
		}
		err = errors.Join(err, e)
	}
	return err
}

// speakersIn are those of whom there is something in a folder of tracks, by ID.
func speakersIn(dir string) (people []room.PersonID, err error) {
	folders, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, f := range folders {
		if person := room.PersonID(f.Name()); person.Valid() && f.IsDir() {
			people = append(people, person)
		}
	}
	return people, err
}

// Track is one speaker's own track of a tape. It has a frame for each of the channel's in which the speaker was heard.
type Track struct {
	*Tape
	Person room.PersonID
}

// Tracks finds the speakers' tracks of a room, by ID of the speaker. The error is ErrNoTape where the room is not taped here.
func (r *Recorder) Tracks(id room.ID) ([]Track, error) {
	floor, err := r.Tape(id, tape.Floor)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(filepath.Dir(floor.dir), string(tape.Tracks))
	people, err := speakersIn(dir)
	if err != nil {
		return nil, fmt.Errorf("look for the tracks of room %s: %w", id, err)
	}
	var tracks []Track
	for _, person := range people {
		t, err := load(filepath.Join(dir, string(person)))
		switch {
		case errors.Is(err, ErrNoTape):
		case err != nil:
			return nil, err
		case len(t.Spans()) > 0:
			tracks = append(tracks, Track{t, person})
		}
	}
	slices.SortFunc(tracks, func(a, b Track) int { return cmp.Compare(a.Person, b.Person) })
	return tracks, nil
}
