//go:build linux

package edge

import (
	"hash/fnv"
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
	key   hubKey
	reels []*reel // in the order of tape.Variants
	told  *told
	now   func() time.Duration
	wait  time.Duration // Config.LossWait
	tally *tally

	subscribe func() error // subscribes at the first call; later ones wait for it and return what it returned
	stop      func()       // ends the subscription; set by subscribe

	seats atomic.Int64 // seats, and requests on their way to one; raised under Edge.mu only
	cut   atomic.Bool  // the room is over, and what has not come by now will not come

	open bool // guarded by Edge.mu; subscribed for the room's sake: its doors are open

	// owned by the keeper
	idleSince time.Duration // when it first saw no seat; negative: not idle
	overSince time.Duration // when it first knew the end; negative: not over
}

// reel is one variant of a hub.
type reel struct {
	// immutable
	hub     *hub
	index   int // in tape.Variants
	variant tape.Variant
	ring    *tape.Ring
	presses [containers]*press
	ready   chan struct{} // closed when the first frame came

	// owned by the feed's goroutine
	begun bool
	hole  hole
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
		key: key, told: newTold(), now: now, wait: c.LossWait, tally: t,
		idleSince: -1, overSince: -1,
	}
	packers := []packer{newMP4Packer(c.PreSkip), newOggPacker(key, c.PreSkip)}
	for i, v := range tape.Variants {
		r := &reel{hub: h, index: i, variant: v, ring: tape.NewRing(keptFrames), ready: make(chan struct{})}
		for i, pack := range packers {
			r.presses[i] = &press{ring: r.ring, told: h.told, policies: p, pack: pack, container: container(i), now: c.Now}
		}
		h.reels = append(h.reels, r)
	}
	h.subscribe = sync.OnceValue(func() error {
		stop, err := c.Feed.Subscribe(key.room, key.channel, h)
		if err == nil {
			h.stop = stop
		}
		return err
	})
	return h
}

// newOggPacker makes the packer of a channel. The stream's serial number is a function of its name: the same on every edge, and in all
// variants, since a seat's variant may change within its answer.
func newOggPacker(key hubKey, preSkip uint16) oggPacker {
	sum := fnv.New32a()
	for _, part := range []string{string(key.room), string(key.channel)} {
		sum.Write([]byte(part))
		sum.Write([]byte{0})
	}
	return oggPacker{serial: sum.Sum32(), head: ogg.Head{PreSkip: preSkip, Vendor: "epidaurus"}}
}

// Takeover implements tape.Receiver.
func (h *hub) Takeover(t tape.Takeover) {
	h.told.takeover(t)
	for _, r := range h.reels {
		r.ring.Takeover(t)
		for _, p := range r.presses {
			p.forget()
		}
	}
}

// Frame implements tape.Receiver.
func (h *hub) Frame(v tape.Variant, f tape.Frame) {
	i := slices.Index(tape.Variants, v)
	if i < 0 {
		return // a variant that this version does not serve
	}
	h.reels[i].put(f)
}

// Event implements tape.Receiver.
func (h *hub) Event(e tape.Event) {
	var head tape.Number
	for _, r := range h.reels {
		head = max(head, r.ring.Head())
	}
	h.told.add(e, head)
}

// put keeps a frame, and gives up what has been missing for too long.
func (r *reel) put(f tape.Frame) {
	if !r.ring.Put(f) {
		return
	}
	if !r.begun {
		r.begun = true
		close(r.ready)
	}
	head, newest := r.ring.Head(), r.ring.Newest()
	if head >= newest {
		r.hole.open = false
		return
	}
	now := r.hub.now()
	switch {
	case !r.hole.open || r.hole.at != head:
		r.hole = hole{at: head, until: newest, since: now, open: true}
	case now-r.hole.since > r.hub.wait:
		r.giveUp(r.hole.until)
		r.hole.open = false
	}
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
}
