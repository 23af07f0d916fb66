//go:build linux

package edge

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/tape"
)

// What an edge missed it fetches from its peers: holes at once, segments that do not fit their seal, and what was before it began to hear.
// Each reel has at most one goroutine for that, while there is something to fetch, so that neither the feed nor a section ever waits.

// fetching is what the fetchers of a hub share.
type fetching struct {
	ctx    context.Context // immutable; done when the hub needs nothing any more
	cancel func()          // immutable

	mu      sync.Mutex     // also held by who calls takeover and add of hub.told
	term    tape.Term      // guarded by mu; the newest known
	stopped bool           // guarded by mu
	work    sync.WaitGroup // raised under mu while not stopped
}

// fetcher is what a reel has to fetch.
type fetcher struct {
	unanswered atomic.Int64 // where a hole begins that peers could not fill; -1: none

	mu      sync.Mutex
	running bool          // guarded by mu
	hole    tape.Stretch  // guarded by mu
	broken  []tape.Number // guarded by mu; segments
	back    backfill      // guarded by mu
}

// backfill is what was before the edge began to hear.
type backfill struct {
	active bool
	to     tape.Number // the frames before this one are next
	tries  int         // that ended with nothing
	moved  chan struct{}
}

const (
	maxRefused = 3 // answers that do not fit, before it is given up for now
	maxTries   = 3 // of a segment or of the backfill: one each time that a seal comes
)

// serve lets other edges ask the hub, and returns what ends that, the fetching and the subscription.
func (h *hub) serve(unsubscribe func()) (stop func()) {
	if h.peers == nil {
		return unsubscribe
	}
	unserve, err := h.peers.Serve(h.key.room, h.key.channel, h)
	if err != nil {
		h.log.Warn("other edges cannot ask this one", "room", h.key.room, "error", err)
		unserve = func() {}
	}
	return func() {
		unsubscribe()
		unserve()
		h.fetch.mu.Lock()
		h.fetch.stopped = true
		h.fetch.mu.Unlock()
		h.fetch.cancel()
		h.fetch.work.Wait()
	}
}

// Past implements tape.Source. Segments that are known to be wrong are left out.
func (h *hub) Past(v tape.Variant, from, to tape.Number) (p tape.Past) {
	i := slices.Index(tape.Variants, v)
	if i < 0 {
		return p
	}
	r := h.reels[i]
	p.Frames = slices.DeleteFunc(r.ring.AppendFrames(nil, from, to), func(f tape.Frame) bool {
		return r.seals.verdict(tape.SegmentOf(f.N)) == wrong
	})
	if len(p.Frames) == 0 {
		return p
	}
	p.Takeovers = r.ring.Takeovers()
	p.Events = h.told.log.Between(h.told.log.StateAt(nil, from-1), from, to)
	for k := tape.SegmentOf(from); k <= tape.SegmentOf(to-1); k++ {
		if s, ok := h.seals.of(k); ok {
			p.Seals = append(p.Seals, s)
		}
	}
	return p
}

// init is called before the fetcher is used.
func (f *fetcher) init() {
	f.unanswered.Store(-1)
	f.back.moved = make(chan struct{})
}

// refused reports whether peers were asked for frame n in vain.
func (f *fetcher) refused(n tape.Number) bool { return f.unanswered.Load() == int64(n) }

// fetchHole asks for a stretch of which frames are missing.
func (r *reel) fetchHole(s tape.Stretch) {
	r.fetcher.mu.Lock()
	defer r.fetcher.mu.Unlock()
	r.fetcher.hole = s
	r.startFetcher()
}

// fetchBack asks for what was before frame first.
func (r *reel) fetchBack(first tape.Number) {
	if r.hub.peers == nil {
		return
	}
	r.fetcher.mu.Lock()
	defer r.fetcher.mu.Unlock()
	b := &r.fetcher.back
	b.active, b.to, b.tries = true, first, 0
	r.startFetcher()
}

// fetchAgain asks for segments that do not fit their seal, and for what a backfill did not get.
func (r *reel) fetchAgain(segments []tape.Number) {
	if r.hub.peers == nil {
		return
	}
	r.fetcher.mu.Lock()
	defer r.fetcher.mu.Unlock()
	f := &r.fetcher
	for _, k := range segments {
		if !slices.Contains(f.broken, k) {
			f.broken = append(f.broken, k)
		}
	}
	f.back.active = f.back.active || f.back.tries > 0 && f.back.tries < maxTries
	if len(f.broken) > 0 || f.back.active {
		r.startFetcher()
	}
}

// startFetcher lets a goroutine do what there is to do. The caller holds fetcher.mu.
func (r *reel) startFetcher() {
	shared := &r.hub.fetch
	if r.fetcher.running || r.hub.peers == nil {
		return
	}
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.stopped {
		return
	}
	r.fetcher.running = true
	shared.work.Go(r.runFetcher)
}

func (r *reel) runFetcher() {
	for {
		job := r.nextJob()
		if job == nil {
			return
		}
		job()
	}
}

// nextJob is what is most urgent; nil when there is nothing left to do.
func (r *reel) nextJob() func() {
	f := &r.fetcher
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case r.hub.fetch.ctx.Err() != nil:
	case f.hole.Len() > 0:
		hole := f.hole
		f.hole = tape.Stretch{}
		return func() { r.fillHole(hole) }
	case len(f.broken) > 0:
		k := f.broken[0]
		f.broken = f.broken[1:]
		return func() { r.repair(k) }
	case f.back.active:
		return r.fillBack
	}
	f.running = false
	return nil
}

// fillHole fetches what is missing of a stretch.
func (r *reel) fillHole(s tape.Stretch) {
	for from := s.From; from < s.To && r.hub.fetch.ctx.Err() == nil; {
		to := min(s.To, (tape.SegmentOf(from)+1)*tape.SegmentFrames)
		if r.ring.Missing(from, to) > 0 {
			r.hub.tally.refetched.Add(uint64(r.get(tape.Stretch{From: from, To: to})))
		}
		if head := r.ring.Head(); head >= s.From && head < to {
			r.fetcher.unanswered.Store(int64(head))
		}
		from = to
	}
}

// repair fetches a segment that does not fit its seal.
func (r *reel) repair(k tape.Number) {
	s, ok := r.hub.seals.of(k)
	if !ok || r.judge(s) == fits {
		return
	}
	r.hub.tally.refetched.Add(uint64(r.get(s.Stretch)))
	r.judge(s)
}

// fillBack fetches the next older segment of what was before.
func (r *reel) fillBack() {
	f := &r.fetcher
	f.mu.Lock()
	to := f.back.to
	f.mu.Unlock()
	goal := max(0, r.ring.Newest()-resumeFrames)
	from := max(goal, tape.SegmentOf(to-1)*tape.SegmentFrames)
	added := 0
	if from < to {
		added = r.get(tape.Stretch{From: from, To: to})
		r.hub.tally.backfilled.Add(uint64(added))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	b := &f.back
	switch {
	case b.to != to: // the ring began anew meanwhile
	case from < to && added == 0:
		b.active, b.tries = false, b.tries+1
	default:
		b.active, b.to = from > goal, from
		b.tries = 0
	}
	close(b.moved)
	b.moved = make(chan struct{})
}

// reachesBack reports whether what a seat begins with is there, or will not come. From is where it resumes, or negative.
func (r *reel) reachesBack(from tape.Number, depth time.Duration) bool {
	r.fetcher.mu.Lock()
	active := r.fetcher.back.active
	r.fetcher.mu.Unlock()
	if !active {
		return true
	}
	now := r.ring.Span()
	want := now.Head - frames(depth)
	if from >= max(0, now.Head-resumeFrames) {
		want = min(want, from)
	}
	return now.Oldest <= max(0, want)
}

// waitBack returns when the backfill reaches what a seat begins with, has ended, or ctx is done.
func (r *reel) waitBack(ctx context.Context, from tape.Number, depth time.Duration) {
	for {
		r.fetcher.mu.Lock()
		moved := r.fetcher.back.moved
		r.fetcher.mu.Unlock()
		if r.reachesBack(from, depth) {
			return
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
	}
}

// get fetches a stretch of one segment and returns how many frames of it were new or put right.
func (r *reel) get(s tape.Stretch) (added int) {
	h := r.hub
	for range maxRefused {
		past, err := h.peers.Fetch(h.fetch.ctx, h.key.room, h.key.channel, r.variant, s.From, s.To)
		if err != nil {
			h.log.Debug("not all could be fetched", "room", h.key.room, "variant", r.variant, "from", s.From, "to", s.To, "error", err)
		}
		past.Frames = slices.DeleteFunc(slices.Clone(past.Frames), func(f tape.Frame) bool { return f.N < s.From || f.N >= s.To })
		added, refused := r.accept(s, past)
		if !refused {
			return added
		}
		h.tally.peerRefused.Add(1)
		h.log.Warn("a peer's frames do not fit their seal", "room", h.key.room, "variant", r.variant, "from", s.From, "to", s.To)
	}
	return 0
}

// accept keeps what a peer gave, unless a seal tells that it is wrong.
func (r *reel) accept(s tape.Stretch, past tape.Past) (added int, refused bool) {
	if len(past.Frames) == 0 {
		return 0, false
	}
	h := r.hub
	seal, known := h.seals.of(tape.SegmentOf(s.From))
	if !known {
		// A peer's word counts only together with frames that fit it.
		seal, known = sealOf(past.Seals, tape.SegmentOf(s.From))
	}
	put := r.ring.Fill
	if sum, ok := seal.SumOf(r.variant); known && ok {
		own := r.ring.AppendFrames(nil, seal.From, seal.To)
		switch prove(seal.Stretch, sum, past.Frames, own) {
		case fits:
			put = r.ring.Replace
		case wrong:
			if prove(seal.Stretch, sum, own, past.Frames) != fits {
				return 0, true
			}
		}
	}
	head := r.ring.Head()
	added = put(past.Takeovers, past.Frames)
	if past.Frames[0].N < head && added > 0 {
		for _, p := range r.presses {
			p.forget() // what was made with silence, or of wrong frames
		}
	}
	if known && r.check(seal) == fits {
		h.seals.keep(seal)
		r.seals.set(seal, fits)
	}
	h.hear(past)
	return added, false
}

// hear keeps the events that a peer gave.
func (h *hub) hear(past tape.Past) {
	h.fetch.mu.Lock()
	defer h.fetch.mu.Unlock()
	for _, t := range past.Takeovers {
		if t.Term < h.fetch.term {
			h.told.takeover(t)
		}
	}
	for _, e := range past.Events {
		h.told.add(e, h.sent)
	}
}
