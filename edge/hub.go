//go:build linux

package edge

import (
	"context"
	"hash/fnv"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// hubKey names a channel of a room.
type hubKey struct {
	room    room.ID
	channel tape.Channel
}

// hub keeps the last minute of one channel in all variants. It is a tape.Receiver: one goroutine of the feed fills it, the sections read.
type hub struct {
	// immutable
	rings  [maxVariants]*tape.Ring // of reels: what most frames need, and nothing besides
	reels  []*reel                 // in the order of variants
	key    hubKey
	told   *told
	spread uint32 // of the key: where the phases of a small room lie
	now    func() time.Duration
	wait   time.Duration // Config.LossWait, or less where the room's listeners have less depth
	tally  *tally
	log    *slog.Logger
	peers  Peers // nil: none

	subscribe func() error // subscribes at the first call; later ones wait for it and return what it returned
	stop      func()       // ends the subscription; set by subscribe

	seats  atomic.Int64 // seats, and requests on their way to one; raised under Edge.mu only
	seated atomic.Bool  // a seat was given: from now on what comes late has to be told late
	cut    atomic.Bool  // the room is over, and what has not come by now will not come
	fetch  fetching
	seals  seals

	open bool // guarded by Edge.mu; subscribed for the room's sake: its doors are open

	// owned by the keeper
	idleSince time.Duration // when it first saw no seat; negative: not idle
	overSince time.Duration // when it first knew the end; negative: not over
}

// reel is one variant of a hub.
type reel struct {
	// immutable
	hub      *hub
	index    int // in variants
	variant  tape.Variant
	onDemand bool // it is made only while somebody needs it
	ring     *tape.Ring
	presses  [containers]*press // nil: the container does not carry the variant
	ready    chan struct{}      // closed when the first frame came

	seats  atomic.Int64 // of a reel on demand
	wanted atomic.Int64 // when that was said last, by the edge's clock, and one more; 0: never

	// owned by the feed's goroutine
	begun bool
	hole  hole

	fetcher fetcher
	seals   reelSeals
	bell    bell
	reached reached
}

// hole is a stretch of missing frames with later ones behind it.
type hole struct {
	at    tape.Number   // the first missing frame
	until tape.Number   // later frames went up to here when the hole was seen
	since time.Duration // when it was seen
	open  bool
}

func newHub(key hubKey, c *Config, now func() time.Duration, p *policies, t *tally) *hub {
	h := &hub{
		key: key, told: newTold(), now: now, wait: lossWait(key, c), tally: t, log: c.Log, peers: c.Peers,
		spread: key.sum(), idleSince: -1, overSince: -1,
	}
	h.fetch.ctx, h.fetch.cancel = context.WithCancel(context.Background())
	packers := []packer{mp4: newMP4Packer(c.PreSkip), oggOpus: newOggPacker(key, c.PreSkip), adtsAAC: adtsPacker{}}
	for i, v := range variants {
		r := &reel{hub: h, index: i, variant: v, ring: tape.NewRing(keptFrames), ready: make(chan struct{})}
		if i >= len(tape.Variants) {
			r.onDemand, r.ring = true, tape.NewSparseRing(keptFrames, staleFrames)
		}
		for k, pack := range packers {
			if first, end := container(k).variants(); i >= first && i < end {
				r.presses[k] = &press{ring: r.ring, told: h.told, policies: p, pack: pack, container: container(k), now: c.Now}
			}
		}
		r.fetcher.init()
		h.reels, h.rings[i] = append(h.reels, r), r.ring
	}
	h.subscribe = sync.OnceValue(func() error {
		stop, err := c.Feed.Subscribe(key.room, key.channel, h)
		if err == nil {
			h.stop = h.serve(stop)
		}
		return err
	})
	return h
}

// lossWait is how long the listeners of a channel can wait for a frame that is missing.
func lossWait(key hubKey, c *Config) time.Duration {
	facts, ok := c.Rooms.Facts(key.room)
	if ok && facts.Depth() < room.DefaultDepth {
		return min(c.LossWait, lonelyWait)
	}
	return c.LossWait
}

// newOggPacker makes the packer of a channel. The stream's serial number is a function of its name: the same on every edge, and in all
// variants, since a seat's variant may change within its answer.
func newOggPacker(key hubKey, preSkip uint16) oggPacker {
	return oggPacker{serial: key.sum(), head: ogg.Head{PreSkip: preSkip, Vendor: "epidaurus"}}
}

// sum is a number made of the key, the same everywhere.
func (k hubKey) sum() uint32 {
	sum := fnv.New32a()
	for _, part := range []string{string(k.room), string(k.channel)} {
		sum.Write([]byte(part))
		sum.Write([]byte{0})
	}
	return sum.Sum32()
}

// Takeover implements tape.Receiver.
func (h *hub) Takeover(t tape.Takeover) {
	h.fetch.mu.Lock()
	h.fetch.term = max(h.fetch.term, t.Term)
	h.told.takeover(t)
	h.fetch.mu.Unlock()
	h.seals.takeover(t)
	for _, r := range h.reels {
		r.ring.Takeover(t)
		r.seals.takeover(t)
		r.forget()
	}
}

// forget drops what was made of the reel's frames.
func (r *reel) forget() {
	for _, p := range r.presses {
		if p != nil {
			p.forget()
		}
	}
}

// Frame implements tape.Receiver.
func (h *hub) Frame(v tape.Variant, f tape.Frame) {
	i := slices.Index(variants, v)
	if i < 0 {
		return // a variant that this version does not serve
	}
	if !h.rings[i].Next(f) {
		h.reels[i].put(f)
		return
	}
	if (f.N+1)%tape.GroupFrames == 0 {
		h.reels[i].bell.ring() // a part is whole; and what is not sealed is given after a while
	}
}

// Event implements tape.Receiver.
func (h *hub) Event(e tape.Event) {
	h.fetch.mu.Lock()
	defer h.fetch.mu.Unlock()
	h.told.add(e, h.sent)
	if e.Kind == room.KindRoom {
		h.ring()
	}
}

// ring tells whoever waits for segments that the end may be known.
func (h *hub) ring() {
	for _, r := range h.reels {
		r.bell.ring()
	}
}

// sent is a frame that no seat was sent yet, nor any later one.
func (h *hub) sent() (head tape.Number) {
	if !h.seated.Load() {
		return 0
	}
	for _, r := range h.reels {
		head = max(head, r.ring.Head())
	}
	return head
}

// put keeps a frame, asks peers for what is missing before it, and gives up what has been missing for too long.
func (r *reel) put(f tape.Frame) {
	now, kept := r.ring.Put(f)
	if !kept {
		return
	}
	if !r.begun || now.Oldest == f.N && now.Newest == f.N+1 {
		// The first frame, or the first after so long that nothing of before is left.
		r.fetchBack(f.N)
	}
	if !r.begun {
		r.begun = true
		close(r.ready)
	}
	if now.Newest%tape.GroupFrames == 0 {
		r.bell.ring() // a part is whole; and what is not sealed is given after a while
	}
	if now.Head >= now.Newest {
		r.hole.open = false
		return
	}
	at := r.hub.now()
	switch {
	case !r.hole.open || r.hole.at != now.Head:
		r.hole = hole{at: now.Head, until: now.Newest, since: at, open: true}
		r.fetchHole(tape.Stretch{From: now.Head, To: now.Newest})
	case at-r.hole.since > r.patience():
		r.giveUp(r.hole.until)
		r.hole.open = false
	}
}

// patience is how long the hole may stay open.
func (r *reel) patience() time.Duration {
	if r.fetcher.refused(r.hole.at) {
		return min(r.hub.wait, lonelyWait)
	}
	return r.hub.wait
}

// giveUp lets the sound go on at frame to without what is missing before it.
func (r *reel) giveUp(to tape.Number) {
	r.hub.tally.lost.Add(uint64(r.ring.SkipTo(to)))
}

// reach is the frame up to which seats can be served, and whether the channel ends there.
func (r *reel) reach() (head tape.Number, over bool) {
	head = r.ring.Head()
	if end := r.hub.told.end.Load(); end != never && int64(head) >= end {
		return tape.Number(end), true
	}
	return head, r.hub.cut.Load()
}

// begins reports whether there is something to hear.
func (r *reel) begins() bool {
	select {
	case <-r.ready:
		return true
	default:
		return false
	}
}

// unsubscribe ends the hub's subscription, if it has one.
func (h *hub) unsubscribe() {
	if h.subscribe() == nil {
		h.stop()
	}
}

// finish gives up what is still missing: the room is over, and who waits for it would wait for ever.
func (h *hub) finish() {
	for _, r := range h.reels {
		r.giveUp(r.ring.Newest())
	}
	h.cut.Store(true)
	h.ring()
}
