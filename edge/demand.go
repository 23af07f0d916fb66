//go:build linux

package edge

import (
	"context"
	"time"

	"github.com/epidaurus-live/epidaurus/tape"
)

// Variants on demand are made while somebody needs them: an edge says so when a listener comes and as long as one has a seat, and whoever makes
// the channel goes on for about a minute after it was said last.

const (
	// wantEvery is how often that is said at most: some of it may be lost.
	wantEvery = 5 * time.Second

	// staleFrames is how far a variant on demand may stay behind the others before it counts as not being made. It begins anew behind such a
	// hole, since nobody is to hear what was left over from when it was made last.
	staleFrames = 2 * tape.FramesPerSec
)

// want says that somebody needs the reel, unless that was said a moment ago.
func (e *Edge) want(r *reel) {
	now := int64(e.now()) + 1
	said := r.wanted.Load()
	if said > 0 && time.Duration(now-said) < wantEvery || !r.wanted.CompareAndSwap(said, now) {
		return
	}
	err := e.config.Want(r.hub.key.room, r.hub.key.channel, r.variant)
	if err != nil {
		e.config.Log.Warn("nobody hears that a variant is needed", "room", r.hub.key.room, "variant", r.variant, "error", err)
	}
}

// flows reports whether the reel is being made, as far as it is made on demand.
func (r *reel) flows() bool {
	return !r.onDemand || r.ring.Newest()+staleFrames > r.hub.reels[0].ring.Newest()
}

// waitFlow returns true when the reel flows, and false when ctx is done before.
func (r *reel) waitFlow(ctx context.Context) bool {
	if r.flows() {
		return true
	}
	look := time.NewTicker(tick)
	defer look.Stop()
	for !r.flows() {
		select {
		case <-look.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
