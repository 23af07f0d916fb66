package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Recorder tapes the rooms of a node, and finds what was taped. All methods may be called from any goroutine.
type Recorder struct {
	cfg     Config // immutable
	counts  counts
	presser *presser // nil: no AAC is made

	states sync.Map // room.ID: State, where it is not Off

	open    context.Context // done when the recorder closes
	shut    context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	sessions map[room.ID]*session // guarded by mu
	over     map[room.ID]bool     // guarded by mu; rooms of which nothing more comes
	loaded   map[room.ID]loaded   // guarded by mu; tapes that were asked for and that this process does not write; no more than maxLoaded
}

// maxLoaded bounds the tapes whose index is kept in memory: that of two hours takes 1 MB.
const maxLoaded = 64

// Open makes a recorder. Close ends it.
func Open(cfg Config) (*Recorder, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	err = os.MkdirAll(cfg.Dir, 0o700)
	if err != nil {
		return nil, fmt.Errorf("make the folder of tapes: %w", err)
	}
	r := &Recorder{cfg: cfg, sessions: map[room.ID]*session{}, over: map[room.ID]bool{}, loaded: map[room.ID]loaded{}}
	r.open, r.shut = context.WithCancel(context.Background())
	if cfg.NewTranscoder != nil {
		r.presser = newPresser(&r.cfg, func() bool { return r.Stats().Taping > 0 })
	}
	return r, nil
}

// Start begins what the recorder does by itself: it deletes tapes that are past Keep and Max, and makes AAC of those that have none. It is called
// once, when whoever OnDelete and OnUnits tell is there to hear it.
func (r *Recorder) Start() {
	r.running.Go(func() { r.keep(r.open) })
	if r.presser != nil {
		r.running.Go(func() { r.presser.run(r.open, r.unpressed()) })
	}
}

// Follow learns what has become of a room: it is taped from its doors to its end, if its host wants that. It does not wait for a disk.
func (r *Recorder) Follow(f room.Facts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open.Err() != nil {
		return
	}
	switch {
	case f.Tape == room.TapeDeleted:
		r.running.Go(func() {
			err := r.Delete(f.ID)
			if err != nil {
				r.cfg.Log.Error("a tape could not be deleted", "room", f.ID, "error", err)
			}
		})
	case f.State == room.Doors || f.State == room.Live:
		if f.Tape == room.TapeOn {
			r.beginLocked(f)
		}
	case f.State == room.Ended:
		r.endLocked(f.ID)
	}
}

// beginLocked starts to hear a room, so that its first frame is not missed. The caller holds mu.
func (r *Recorder) beginLocked(f room.Facts) {
	id := f.ID
	if r.sessions[id] != nil || r.over[id] {
		return
	}
	s := newSession(&r.cfg, id, tape.Floor, &r.counts, r.tell)
	stop, err := r.cfg.Bus.Subscribe(id, tape.Floor, s.reel)
	if err != nil {
		r.cfg.Log.Error("the room is not taped", "room", id, "error", err)
		return
	}
	stopTracks := func() {}
	if f.TapesTracks() {
		s.tapeSpeakers()
		stopTracks, err = s.speakers.hear()
		if err != nil {
			r.cfg.Log.Error("the speakers are not taped apart", "room", id, "error", err)
			stopTracks, s.speakers = func() {}, nil
		}
	}
	ctx, cancel := context.WithCancel(r.open)
	r.sessions[id] = s
	s.cancel, s.done = cancel, make(chan struct{})
	r.running.Go(func() {
		defer close(s.done)
		defer cancel()
		defer stop()
		defer stopTracks()
		over := s.run(ctx)
		if over {
			r.Press(id)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.sessions, id)
		r.over[id] = r.over[id] || over // a tape that is being deleted is over, too
	})
}

// endLocked lets a room's session come to its end, and closes a tape that was left open by a node that stopped in the middle. The
// caller holds mu.
func (r *Recorder) endLocked(id room.ID) {
	if s := r.sessions[id]; s != nil {
		s.ended.Store(true)
		return
	}
	if r.over[id] {
		return
	}
	r.over[id] = true
	meta, err := readMeta(r.dirOf(id))
	if err != nil || meta.Closed {
		return // most rooms have none
	}
	r.running.Go(func() {
		w, err := openWriter(r.dirOf(id), r.cfg.open, meta)
		if err == nil {
			err = w.finish(r.cfg.Now())
		}
		err = errors.Join(err, closeTracks(filepath.Join(filepath.Dir(r.dirOf(id)), string(tape.Tracks)), &r.cfg))
		if err != nil {
			r.cfg.Log.Error("a tape that was left open could not be closed; it plays all the same", "room", id, "error", err)
			return
		}
		r.Press(id)
	})
}

// State is how the taping of a room goes.
func (r *Recorder) State(id room.ID) State {
	state, _ := r.states.Load(id)
	s, _ := state.(State)
	return s
}

func (r *Recorder) tell(id room.ID, s State) {
	if s == Off {
		r.states.Delete(id)
	} else {
		r.states.Store(id, s)
	}
	r.cfg.OnState(id)
}

func (r *Recorder) dirOf(id room.ID) string {
	return filepath.Join(r.cfg.Dir, string(id), string(tape.Floor))
}

// Tape finds the tape of a room's channel. The error is ErrNoTape where there is none, or nothing is on it yet.
func (r *Recorder) Tape(id room.ID, ch tape.Channel) (*Tape, error) {
	if !id.Valid() || ch != tape.Floor {
		return nil, ErrNoTape
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.loaded[id]
	t := known.tape
	if s := r.sessions[id]; s != nil {
		t = s.current.Load()
	} else if t != nil && !t.Meta().Closed && known.stamp != stampOf(r.dirOf(id)) {
		t = nil
	}
	if t == nil {
		var err error
		t, err = r.loadLocked(id)
		if err != nil {
			return nil, err
		}
	}
	if len(t.Spans()) == 0 {
		return nil, ErrNoTape
	}
	return t, nil
}

// loadLocked reads a tape that this process does not write, and keeps it. The caller holds mu.
func (r *Recorder) loadLocked(id room.ID) (*Tape, error) {
	stamp := stampOf(r.dirOf(id)) // before it is read: what changes meanwhile is seen the next time
	t, err := load(r.dirOf(id))
	if err != nil {
		return nil, err
	}
	if len(r.loaded) >= maxLoaded {
		clear(r.loaded)
	}
	r.loaded[id] = loaded{t, stamp}
	return t, nil
}

// loaded is a tape as its files were. A closed one stays as it is; others were left open by a process that ended, or another one writes them.
type loaded struct {
	tape  *Tape
	stamp string
}

// stampOf tells whether files of a folder have changed.
func stampOf(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	var stamp strings.Builder
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			fmt.Fprintf(&stamp, "%s %d %d\n", info.Name(), info.Size(), info.ModTime().UnixNano())
		}
	}
	return stamp.String()
}

// Delete ends the taping of a room and deletes what there is of it, on this node. It returns when that is done; to delete nothing is no
// error.
func (r *Recorder) Delete(id room.ID) error {
	if !id.Valid() {
		return ErrNoTape
	}
	r.mu.Lock()
	s := r.sessions[id]
	r.over[id] = true
	r.mu.Unlock()
	if s != nil {
		s.cancel()
		<-s.done
	}
	if r.presser != nil {
		r.presser.drop(id)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over[id] = true
	delete(r.loaded, id)
	dir := filepath.Join(r.cfg.Dir, string(id))
	if !exists(dir) {
		return nil
	}
	err := os.RemoveAll(dir)
	if err == nil {
		err = syncDir(r.cfg.Dir) // gone for good, power cut or not
	}
	if err != nil {
		return fmt.Errorf("delete the tape of room %s: %w", id, err)
	}
	r.tell(id, Off)
	r.cfg.OnDelete(id)
	r.cfg.Log.Info("deleted a tape", "room", id)
	return nil
}

// Stats is what a recorder counts.
type Stats struct {
	Taping   int   // rooms that are heard for the tape now
	Failing  int64 // of these, rooms that do not reach the disk
	Failures int64 // times that a disk failed
	Segments int64 // written
	Lost     int64 // frames that never came, of the best variant
}

// Stats counts.
func (r *Recorder) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &r.counts
	return Stats{
		Taping: len(r.sessions), Failing: c.failing.Load(), Failures: c.failures.Load(), Segments: c.segments.Load(), Lost: c.lost.Load(),
	}
}

// Close stops taping and waits. Tapes of rooms that are still live stay open, and the next start goes on with them.
func (r *Recorder) Close(ctx context.Context) error {
	r.shut()
	done := make(chan struct{})
	go func() { // ends when the sessions do
		r.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close the recorder: %w", context.Cause(ctx))
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}
