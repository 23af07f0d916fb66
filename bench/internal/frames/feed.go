//go:build linux

package frames

import (
	"slices"
	"sync"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Feed plays all rooms by the clock, in all variants, from one goroutine. It implements edge.Feed. All methods may be called from any
// goroutine.
type Feed struct {
	book *Book
	stop chan struct{}
	done chan struct{}

	mu      sync.Mutex
	playing bool              // guarded by mu
	since   time.Time         // guarded by mu; when it began to play
	base    tape.Number       // guarded by mu; the next frame at since
	until   tape.Number       // guarded by mu; where it stops by itself; 0: nowhere
	reached chan struct{}     // guarded by mu; closed when it has stopped there
	fresh   []*ear            // guarded by mu; not called so far
	gone    []*ear            // guarded by mu
	asked   []chan<- struct{} // guarded by mu; closed when who is fresh by now has its past

	// owned by run
	ears []*ear
	head tape.Number
}

type ear struct{ to tape.Receiver }

// NewFeed begins to play.
func NewFeed(book *Book) *Feed {
	now := Now()
	f := &Feed{book: book, stop: make(chan struct{}), done: make(chan struct{}), base: now, head: now, since: time.Now(), playing: true}
	go f.run() // Close waits for done
	return f
}

// Subscribe implements edge.Feed. The receiver is given the last minute first.
func (f *Feed) Subscribe(_ room.ID, _ tape.Channel, to tape.Receiver) (func(), error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := &ear{to}
	f.fresh = append(f.fresh, e)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.gone = append(f.gone, e)
	}, nil
}

// Given returns when all who have subscribed by now have the last minute: a listener who came while it arrives would fall behind by it.
func (f *Feed) Given() {
	given := make(chan struct{})
	f.mu.Lock()
	f.asked = append(f.asked, given)
	f.mu.Unlock()
	<-given
}

// Play lets the sound run on from where it stands, or stops it.
func (f *Feed) Play(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if on == f.playing {
		return
	}
	f.base, f.since, f.playing = f.nextLocked(), time.Now(), on
}

// Run plays n frames from where the sound stands still, and returns when all receivers have them.
func (f *Feed) Run(n tape.Number) {
	f.mu.Lock()
	reached := make(chan struct{})
	f.base = f.nextLocked()
	f.since, f.playing, f.until, f.reached = time.Now(), true, f.base+n, reached
	f.mu.Unlock()
	<-reached
}

func (f *Feed) nextLocked() tape.Number {
	if !f.playing {
		return f.base
	}
	next := f.base + tape.Number(time.Since(f.since)/tape.FrameDuration)
	if f.until > 0 {
		next = min(next, f.until)
	}
	return next
}

// Close ends it.
func (f *Feed) Close() {
	close(f.stop)
	<-f.done
}

// past is how much a subscriber is given at once: what an edge keeps for those who resume.
const past = 60 * tape.FramesPerSec

func (f *Feed) run() {
	defer close(f.done)
	ticker := time.NewTicker(tape.FrameDuration)
	defer ticker.Stop()
	for {
		select {
		case <-f.stop:
			return
		case <-ticker.C:
			f.tick()
		}
	}
}

func (f *Feed) tick() {
	f.mu.Lock()
	next, fresh, gone, asked := f.nextLocked(), f.fresh, f.gone, f.asked
	f.fresh, f.gone, f.asked = nil, nil, nil
	f.mu.Unlock()
	for _, e := range fresh {
		e.to.Takeover(tape.Takeover{Term: 1})
		f.give(e, f.head-past, f.head)
	}
	f.ears = append(f.ears, fresh...)
	for _, given := range asked {
		close(given)
	}
	if len(gone) > 0 {
		f.ears = slices.DeleteFunc(f.ears, func(e *ear) bool { return slices.Contains(gone, e) })
	}
	for _, e := range f.ears {
		f.give(e, f.head, next)
	}
	f.head = next
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.until > 0 && next == f.until {
		f.playing, f.base, f.until = false, f.until, 0
		close(f.reached)
	}
}

func (f *Feed) give(e *ear, from, to tape.Number) {
	for n := from; n < to; n++ {
		for i, v := range tape.Variants {
			e.to.Frame(v, tape.Frame{N: n, Term: 1, Packet: f.book.Packet(i, n)})
		}
	}
}
