package disk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

const (
	// pressAgain is when it is tried again to make AAC of a tape, after the disk did not take it.
	pressAgain = 5 * time.Minute

	// restBesideTaping is how long the presser rests after a segment, in times that it took, while rooms are taped: they come first.
	restBesideTaping = 3
)

// presser makes AAC of closed tapes, one after the other, in a goroutine that the recorder owns. Who is asked for comes first, then who is newest.
type presser struct {
	cfg  *Config
	busy func() bool   // whether rooms are taped
	wake chan struct{} // holds a token when there may be something to do

	mu      sync.Mutex
	queue   []room.ID          // guarded by mu; the next one is last
	failed  map[room.ID]error  // guarded by mu; why there is no AAC of a tape, until it is tried again
	gone    map[room.ID]bool   // guarded by mu; rooms whose tape is deleted
	at      room.ID            // guarded by mu; what is worked on; empty: nothing
	done    int                // guarded by mu; frames of it
	of      int                // guarded by mu
	cancel  context.CancelFunc // guarded by mu; of the work on it
	stopped chan struct{}      // guarded by mu; closed when it has ended
}

func newPresser(cfg *Config, busy func() bool) *presser {
	return &presser{cfg: cfg, busy: busy, wake: make(chan struct{}, 1), failed: map[room.ID]error{}, gone: map[room.ID]bool{}}
}

// Pressing is how the making of AAC of a tape goes.
type Pressing struct {
	Waiting  bool // it is made, or will be
	Done, Of int  // frames; zero before it is its turn
	Err      error
}

// add takes a tape into the queue: next, where somebody waits for it.
func (p *presser) add(id room.ID) (now Pressing) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.at == id:
		return Pressing{Waiting: true, Done: p.done, Of: p.of}
	case p.gone[id]:
		return Pressing{}
	case p.failed[id] != nil:
		return Pressing{Waiting: true, Err: p.failed[id]}
	}
	p.queue = append(slices.DeleteFunc(p.queue, func(o room.ID) bool { return o == id }), id)
	p.poke()
	return Pressing{Waiting: true}
}

func (p *presser) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// drop ends the work on a tape that is about to be deleted, and waits for that.
func (p *presser) drop(id room.ID) {
	p.mu.Lock()
	p.gone[id] = true
	p.queue = slices.DeleteFunc(p.queue, func(o room.ID) bool { return o == id })
	var stopped chan struct{}
	if p.at == id {
		p.cancel()
		stopped = p.stopped
	}
	p.mu.Unlock()
	if stopped != nil {
		<-stopped
	}
}

// run works until ctx is done. Before, it looks for tapes that were closed without.
func (p *presser) run(ctx context.Context, closed []room.ID) {
	for _, id := range closed {
		p.add(id)
	}
	again := time.NewTicker(pressAgain)
	defer again.Stop()
	for {
		for p.next(ctx) {
		}
		select {
		case <-p.wake:
		case <-again.C:
			p.retry()
		case <-ctx.Done():
			return
		}
	}
}

// retry takes what failed into the queue again.
func (p *presser) retry() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.failed {
		p.queue = append(p.queue, id)
	}
	clear(p.failed)
}

// next works on the next tape. It reports whether there was one.
func (p *presser) next(ctx context.Context) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p.mu.Lock()
	if len(p.queue) == 0 || ctx.Err() != nil {
		p.mu.Unlock()
		return false
	}
	id := p.queue[len(p.queue)-1]
	p.queue = p.queue[:len(p.queue)-1]
	p.at, p.done, p.of, p.cancel, p.stopped = id, 0, 0, cancel, make(chan struct{})
	stopped := p.stopped
	p.mu.Unlock()

	made, err := p.press(ctx, id)
	if ctx.Err() != nil || errors.Is(err, ErrUnmade) || errors.Is(err, ErrNoTape) {
		err = nil // it is deleted, or not closed, or we are
	}
	p.mu.Lock()
	p.at = ""
	if err != nil {
		p.failed[id] = err
	}
	p.mu.Unlock()
	close(stopped)
	if err != nil {
		p.cfg.Log.Error("the M4A of a replay cannot be made; is the disk full? The replay plays all the same, as Opus. It is tried again every five minutes", "room", id, "error", err)
	}
	if made {
		p.cfg.OnUnits(id)
	}
	return true
}

// press makes the AAC of a tape, unless it is there.
func (p *presser) press(ctx context.Context, id room.ID) (made bool, err error) {
	t, err := load(filepath.Join(p.cfg.Dir, string(id), string(tape.Floor)))
	if err != nil {
		return false, err
	}
	_, err = t.pressed()
	if !errors.Is(err, ErrUnmade) || !t.Closed() {
		return false, err
	}
	transcoder, err := p.cfg.NewTranscoder()
	if err != nil {
		return false, err
	}
	begun := time.Now()
	last := begun
	err = t.pressTo(p.cfg.open, transcoder, func(done, of int) error {
		p.mu.Lock()
		p.done, p.of = done, of
		p.mu.Unlock()
		took := time.Since(last)
		if p.busy() {
			rest := time.NewTimer(restBesideTaping * took)
			defer rest.Stop()
			select {
			case <-rest.C:
			case <-ctx.Done():
			}
		}
		last = time.Now()
		return context.Cause(ctx)
	})
	if err != nil {
		return false, err
	}
	p.cfg.Log.Info("made the M4A of a replay", "room", id, "length", time.Duration(frames(t.Spans()))*tape.FrameDuration, "took", time.Since(begun).Round(time.Millisecond))
	return true, nil
}

// Press says that AAC of a closed tape is wanted where it is not there yet, and tells how that goes. It does not wait.
func (r *Recorder) Press(id room.ID) Pressing {
	if r.presser == nil {
		return Pressing{}
	}
	return r.presser.add(id)
}

// unpressed are the closed tapes of which there is no AAC, the oldest first.
func (r *Recorder) unpressed() (ids []room.ID) {
	all, err := r.list()
	if err != nil {
		return nil // who sweeps tells it
	}
	for _, k := range all {
		_, err := os.Stat(filepath.Join(r.dirOf(k.id), sizesFile))
		if !k.open && errors.Is(err, os.ErrNotExist) {
			ids = append(ids, k.id)
		}
	}
	return ids
}
