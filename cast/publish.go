package cast

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/throttle"
	"github.com/epidaurus-live/epidaurus/pack/hls"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Store keeps files that strangers serve, under names with slashes. Its methods may be called from any goroutine.
type Store interface {
	// Put makes a file, or replaces it as a whole. Keep is a Cache-Control: how long who reads it may keep it.
	Put(ctx context.Context, name string, body []byte, keep string) error
	// Get returns a file; nil without an error where there is none.
	Get(ctx context.Context, name string) ([]byte, error)
	// Has reports whether there is such a file.
	Has(ctx context.Context, name string) (bool, error)
	// List gives the names of the files below a name that ends in a slash, in no order.
	List(ctx context.Context, dir string) ([]string, error)
	// Remove removes a file, or all that is below a name that ends in a slash. It is no error that there is nothing.
	Remove(ctx context.Context, name string) error
}

// Publication is what publishing needs besides what is published. Every field without a word on it is required.
type Publication struct {
	Store Store
	Page  []byte                        // the page of every room
	Index func(room.ID) ([]byte, error) // what it reads of a tape; an error that wraps room.ErrNotFound where there is none
	M4A   func(room.ID) ([]byte, error) // optional: a replay as M4A, which the index says is there; nil: there is none, or not yet
	// Beacon is whom the page tells that somebody listens, and whether to; nil: nobody.
	Beacon func(room.ID) ([]byte, error)
}

// Publisher writes rooms to a store as HLS, with the names that they have on an edge, so that any file host serves them while every node is
// away. All its methods may be called from any goroutine.
type Publisher struct {
	source source
	to     Publication
	counts counts
	steps  throttle.Throttle // rooms that are worked on at the same moment

	open    context.Context // done when the publisher closes
	shut    context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	rooms map[room.ID]*published // guarded by mu; those that are not done with
	told  map[room.ID]bool       // guarded by mu; rooms that are not for everybody, of which the log says that they are not published
}

// counts are what a publisher counts.
type counts struct {
	objects, failures, failing atomic.Int64
}

// PublisherStats is what a publisher counted.
type PublisherStats struct {
	Rooms    int   // that are published now
	Failing  int64 // of these, rooms that do not reach the store
	Failures int64 // times that the store failed
	Objects  int64 // files written
}

const (
	publishEvery = 500 * time.Millisecond
	publishSteps = 4

	// puts is how many segments of a variant are written at the same moment, beside those of the other variants: a store elsewhere takes its time
	// for each.
	puts = 4

	// A store that fails is tried again after firstRetry, then after twice as long, up to lastRetry.
	firstRetry = time.Second
	lastRetry  = 30 * time.Second

	// keptBehind is how many segments stay behind those that a live playlist lists, where nothing else does: as long as the longest playlist
	// that listed them, and as long again (RFC 8216bis, 6.2.2).
	keptBehind = 2 * hls.LiveSegments

	// indexEvery is how often the index of a tape that grows is written: it is as long as the evening.
	indexEvery = 30 * time.Second

	// forgotten is how long what is not on tape stays after its room has ended.
	forgotten = time.Minute
)

// NewPublisher makes a publisher. Close ends it.
func NewPublisher(cfg Config, to Publication) (*Publisher, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if to.Store == nil || to.Index == nil || len(to.Page) == 0 {
		return nil, errors.New("cast: Store, Page and Index are required")
	}
	p := &Publisher{source: newSource(cfg), to: to, steps: make(throttle.Throttle, publishSteps), rooms: map[room.ID]*published{}, told: map[room.ID]bool{}}
	p.open, p.shut = context.WithCancel(context.Background())
	return p, nil
}

// public reports whether there is something of a room to publish: from its doors on.
func public(s room.State) bool { return s.Open() || s == room.Ended }

// Follow learns what has become of a room: it is published from its doors to its end, and what is on tape stays. It does not wait for the store.
func (p *Publisher) Follow(f room.Facts) {
	gated := !f.IsOpen()
	if !gated && !public(f.State) && f.Tape != room.TapeDeleted {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if gated && p.told[f.ID] {
		return
	}
	if gated {
		p.source.Log.Warn("a room by invitation or a run-through is not published: nobody would check who comes there; what was published of it before is removed", "room", f.ID)
		p.told[f.ID] = true
	} else {
		delete(p.told, f.ID)
	}
	r := p.beginLocked(f.ID)
	if r == nil {
		return
	}
	deleted := f.Tape == room.TapeDeleted || gated || !f.Life.Withdrawn.IsZero()
	if deleted && !r.deleted {
		r.wipe()
	}
	r.deleted = deleted
}

// Delete removes what was published of a room, once its tape is gone. It returns when that is done; where it cannot be done yet it is tried
// again until it can.
func (p *Publisher) Delete(ctx context.Context, id room.ID) error {
	r := p.wipe(id)
	if r == nil {
		return nil
	}
	select {
	case <-r.wiped():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("remove what was published of room %s: %w", id, context.Cause(ctx))
	}
}

// wipe begins to remove a room; nil: the publisher is closed.
func (p *Publisher) wipe(id room.ID) *published {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.beginLocked(id)
	if r != nil {
		r.wipe()
	}
	return r
}

// beginLocked finds a room that is worked on, or begins with it. The caller holds mu.
func (p *Publisher) beginLocked(id room.ID) *published {
	r := p.rooms[id]
	if r != nil {
		r.again.Store(true)
	}
	if r != nil || p.open.Err() != nil || !id.Valid() {
		return r
	}
	r = newPublished(p, id)
	p.rooms[id] = r
	p.running.Go(func() { r.run(p.open) })
	return r
}

// Stats counts.
func (p *Publisher) Stats() PublisherStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return PublisherStats{Rooms: len(p.rooms), Failing: p.counts.failing.Load(), Failures: p.counts.failures.Load(), Objects: p.counts.objects.Load()}
}

// Lag tells how long there has been something of a room that is not in the store, and whether the store does not take it. It is not ok for a room
// that is not published now.
func (p *Publisher) Lag(id room.ID) (behind time.Duration, failing, ok bool) {
	p.mu.Lock()
	r := p.rooms[id]
	p.mu.Unlock()
	if r == nil {
		return 0, false, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.due.IsZero() {
		behind = time.Since(r.due)
	}
	return behind, r.failing, true
}

// Close stops publishing, and waits. What was published stays; the next start goes on with it.
func (p *Publisher) Close(ctx context.Context) error {
	p.mu.Lock()
	p.shut() // with mu: no room begins behind the wait
	p.mu.Unlock()
	done := make(chan struct{})
	go func() { // ends when the rooms do
		p.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close the publisher: %w", context.Cause(ctx))
	}
}

// published is a room in a store. Its goroutine owns it, but for what is said otherwise.
type published struct {
	publisher *Publisher
	id        room.ID
	dir       string // of all its names

	deleted bool // guarded by the publisher's mu; its tape was deleted, or taken back, and what was on it is wiped or about to be
	wiping  atomic.Bool
	again   atomic.Bool // there may be something new, though it was done with
	mu      sync.Mutex
	waiting chan struct{} // guarded by mu; closed when what was to be wiped is
	due     time.Time     // guarded by mu; since when something is not there; zero: all is
	failing bool          // guarded by mu

	books   sync.Mutex                            // variants are written side by side; while none is, the goroutine needs no lock
	shelves map[tape.Variant]map[tape.Number]bool // guarded by books; which segments are there
	filled  map[tape.Variant]map[tape.Number]bool // guarded by books; of these, those that are not proven: with silence, it may be, for what came later
	texts   map[string][]byte                     // guarded by books; what else is there
	stock   map[string]bool                       // what there was before; nil: that is not known yet
	whole   bool                                  // a playlist of the whole evening is there
	seen    sight                                 // what there was when all of it was published
	indexed time.Time                             // when the index of its tape was written
	cut     room.Edit                             // as which it was published
	over    time.Time                             // when it was first known that there will be no more of what is not on tape
}

func newPublished(p *Publisher, id room.ID) *published {
	r := &published{publisher: p, id: id, dir: "r/" + string(id) + "/", waiting: make(chan struct{})}
	r.forget()
	return r
}

// forget is to know of nothing that is there.
func (r *published) forget() {
	r.shelves, r.filled = map[tape.Variant]map[tape.Number]bool{}, map[tape.Variant]map[tape.Number]bool{}
	r.texts, r.stock, r.whole = map[string][]byte{}, nil, false
	r.seen, r.indexed = sight{}, time.Time{}
	for _, rendition := range r.publisher.source.renditions() {
		r.shelves[rendition.Variant], r.filled[rendition.Variant] = map[tape.Number]bool{}, map[tape.Number]bool{}
	}
}

func (r *published) wiped() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.waiting
}

// wipe is called with the publisher's mu held.
func (r *published) wipe() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.wiping.Swap(true) {
		r.waiting = make(chan struct{})
	}
}

// run publishes until the room is done with, or ctx is done.
func (r *published) run(ctx context.Context) {
	p := r.publisher
	retry := firstRetry
	for {
		var done bool
		err := p.steps.Do(ctx, func() (err error) {
			done, err = r.step(ctx)
			return err
		})
		pause := publishEvery
		switch {
		case ctx.Err() != nil:
			r.fail(nil)
			return
		case err != nil:
			r.fail(err)
			pause, retry = retry, min(2*retry, lastRetry)
		default:
			r.fail(nil)
			retry = firstRetry
		}
		if done && err == nil && r.leave() {
			return
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// leave takes the room off the list, unless there is something to do again.
func (r *published) leave() bool {
	p := r.publisher
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.again.Swap(false) || r.wiping.Load() {
		return false
	}
	delete(p.rooms, r.id)
	return true
}

// fail takes note of how it goes: loudly when it begins to fail, and without a word to the conversation.
func (r *published) fail(err error) {
	c := &r.publisher.counts
	log := r.publisher.source.Log.With("room", r.id)
	if err != nil {
		c.failures.Add(1)
	}
	switch {
	case err != nil && !r.failing:
		log.Error("THE ROOM IS NOT PUBLISHED ANY MORE; the conversation and its tape go on. It is tried again until it works", "error", err)
		c.failing.Add(1)
	case err != nil:
		log.Debug("the room is still not published", "error", err)
	case r.failing:
		log.Warn("the room is published again")
		c.failing.Add(-1)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failing = err != nil
}

// await takes note that there is something to be published.
func (r *published) await() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.due.IsZero() {
		r.due = time.Now()
	}
}

// settled takes note that all of it is.
func (r *published) settled() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.due = time.Time{}
}

// clear removes all that was published of the room, and tells who waits for that.
func (r *published) clear(ctx context.Context) error {
	err := r.publisher.to.Store.Remove(ctx, r.dir)
	if err != nil {
		return fmt.Errorf("remove what was published: %w", err)
	}
	r.publisher.source.forget(r.id)
	r.forget()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wiping.Store(false)
	close(r.waiting)
	return nil
}

// step writes what is new. It reports whether there is nothing more to come.
func (r *published) step(ctx context.Context) (done bool, err error) {
	if r.wiping.Load() {
		err = r.clear(ctx)
		if err != nil {
			return false, err
		}
	}
	facts, known := r.publisher.source.Facts(r.id)
	ended := facts.State == room.Ended
	if !known || !public(facts.State) || !facts.IsOpen() {
		return true, nil
	}
	if ended {
		done, err = r.finished(ctx)
		if done || err != nil {
			return done, err
		}
	}
	c, err := r.publisher.source.channel(facts, tape.Floor) // of these facts: the room may close meanwhile, which is no failure
	if err != nil {
		return false, err
	}
	if ended && c.tape != nil {
		err = r.cutAnew(ctx, facts.Life.Edit)
		if err != nil {
			return false, err
		}
	}
	if ended && c.tape != nil && c.tape.Closed() {
		done, err = r.finish(ctx, c)
		if done {
			facts, _ = r.publisher.source.Facts(r.id)
			done = r.isCut(facts.Life.Edit) // else its host has cut it meanwhile: of what was written nobody knows which it is
			err = r.cutAnew(ctx, facts.Life.Edit)
		}
		return done, err
	}
	if ended && c.tape == nil && len(r.texts) == 0 { // what an edge still has in memory of it is nobody's any more
		return true, r.removeLeft(ctx, facts)
	}
	waits := !ended || c.tape != nil // for more to come
	now := c.look()                  // before it is published: what comes meanwhile is new
	if waits && now.is(r.seen) {
		return false, nil
	}
	r.await()
	over, err := r.live(ctx, c)
	if err != nil {
		return false, err
	}
	r.seen = now
	r.settled()
	if waits {
		return false, nil
	}
	return r.forgetLater(ctx, c, over)
}

// removeLeft removes what a run before left of a room that has ended, unless its tape may be heard: then it is for a node that has that.
func (r *published) removeLeft(ctx context.Context, facts room.Facts) error {
	if facts.Tape == room.TapeOn && facts.ShowsReplay() {
		return nil
	}
	err := r.publisher.to.Store.Remove(ctx, r.dir)
	if err != nil {
		return fmt.Errorf("remove what is left of a room: %w", err)
	}
	return nil
}

// finished reports whether the replay is there already: the master playlist, which is written last, says so. One that was published without
// what is made of others stays so. Where its host has made something else of it since, it is as good as not there.
func (r *published) finished(ctx context.Context) (bool, error) {
	store := r.publisher.to.Store
	there, err := store.Get(ctx, r.dir+hls.Dir+"/"+hls.Master)
	whole := bytes.Equal(there, hls.AppendMaster(nil, tape.Floor, hls.DVR, hls.Renditions))
	if err != nil || !whole && !bytes.Equal(there, hls.AppendMaster(nil, tape.Floor, hls.DVR, hls.AsTaped())) {
		return false, err
	}
	index, err := r.publisher.to.Index(r.id)
	if errors.Is(err, room.ErrNotFound) {
		return true, nil // another node's, or its tape is on its way out
	}
	if err != nil {
		return false, err
	}
	kept, err := store.Get(ctx, r.dir+indexFile)
	switch {
	case err != nil:
		return false, err
	case bytes.Equal(kept, index):
		return true, nil
	case sameSpans(kept, index): // its words are other ones
		return true, r.putIndex(ctx, index, true)
	}
	err = store.Remove(ctx, r.dir) // what was cut away goes, and what was put back comes
	if err != nil {
		return false, fmt.Errorf("remove what was cut: %w", err)
	}
	r.forget()
	return false, nil
}

// cutAnew removes what was published of the room while more of it could be heard, or less: a segment that has the cut in it keeps its name, and
// one behind the cut is listed nowhere, but may be known to somebody.
func (r *published) cutAnew(ctx context.Context, edit room.Edit) error {
	if r.isCut(edit) {
		return nil
	}
	err := r.publisher.to.Store.Remove(ctx, r.dir)
	if err != nil {
		return fmt.Errorf("remove what was cut: %w", err)
	}
	r.forget()
	r.cut = edit
	return nil
}

func (r *published) isCut(edit room.Edit) bool { return r.cut.From == edit.From && r.cut.To == edit.To }

// beaconFile is where the page reads whether to say that it listens.
const beaconFile = "beacon.json"

// finish publishes a replay.
func (r *published) finish(ctx context.Context, c channel) (done bool, err error) {
	_, err = r.live(ctx, c)
	if err == nil {
		err = r.refill(ctx, c)
	}
	if err == nil {
		err = r.text(ctx, hls.Dir+"/"+hls.Master, hls.AppendMaster(nil, c.name, hls.DVR, c.renditions()), cacheShort)
	}
	return err == nil, err
}

// refill writes the segments that were not proven anew, with all that the tape has of them by its end.
func (r *published) refill(ctx context.Context, c channel) error {
	for _, rendition := range c.renditions() {
		for k := range r.filled[rendition.Variant] {
			body, _, ok, err := c.taped(ctx, rendition, k)
			if err != nil {
				return err
			}
			if ok {
				name := r.dir + hls.Dir + "/" + string(c.name) + "/" + string(rendition.Variant) + "/" + hls.SegmentName(k)
				err = r.publisher.to.Store.Put(ctx, name, body, cacheForEver)
				if err != nil {
					return fmt.Errorf("publish segment %d anew: %w", k, err)
				}
				r.publisher.counts.objects.Add(1)
			}
			delete(r.filled[rendition.Variant], k)
		}
	}
	return nil
}

// forgetLater removes a room that is not on tape here, a while after its end. What another node publishes off its tape is left to that node,
// as long as it may be heard.
func (r *published) forgetLater(ctx context.Context, c channel, over bool) (done bool, err error) {
	if over && r.over.IsZero() {
		r.over = time.Now()
	}
	if r.over.IsZero() {
		return false, nil
	}
	if c.facts.Tape != room.TapeDeleted && c.facts.ShowsReplay() {
		done, err = r.publisher.to.Store.Has(ctx, r.dir+hls.Dir+"/"+hls.DVR)
		if done || err != nil {
			return done, err
		}
	}
	if time.Since(r.over) < forgotten {
		return false, nil
	}
	err = r.publisher.to.Store.Remove(ctx, r.dir)
	return err == nil, err
}
