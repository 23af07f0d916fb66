//go:build linux

package edge

import (
	"maps"
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

const (
	// keepEvery is how often the keeper looks after the hubs.
	keepEvery = time.Second

	// endWait is how long the last frames of a room that has ended may take to arrive, since its end is told on another path. The room's delay
	// comes on top.
	endWait = 2 * time.Second
)

// keep looks after the hubs until the edge closes.
func (e *Edge) keep() {
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			e.govern()
			e.watchMemory()
			e.tidy()
			e.noteSecond()
		case <-e.closing.Done():
			return
		}
	}
}

// tidy ends the hubs of rooms that are over, and lets go of those that nobody has needed for Config.Linger. It is called by the keeper only.
func (e *Edge) tidy() {
	e.mu.Lock()
	hubs := slices.Collect(maps.Values(e.hubs))
	e.mu.Unlock()
	now := e.now()
	for _, h := range hubs {
		facts, ok := e.config.Rooms.Facts(h.key.room)
		over := !ok || facts.State == room.Ended || h.told.end.Load() != never
		switch {
		case over && h.overSince < 0:
			h.overSince = now
		case over && now-h.overSince >= endWait+facts.Delay():
			h.finish()
		}
		for _, r := range h.reels {
			if r.onDemand && r.seats.Load() > 0 {
				e.want(r)
			}
		}
		if e.dropIdle(h, now) {
			h.unsubscribe()
		}
	}
}

// dropIdle takes a hub out that nobody has needed for long enough, and reports whether it did.
func (e *Edge) dropIdle(h *hub, now time.Duration) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case h.seats.Load() > 0 || h.open && !h.cut.Load():
		h.idleSince = -1
	case h.idleSince < 0:
		h.idleSince = now
	case now-h.idleSince >= e.config.Linger && e.hubs[h.key] == h:
		delete(e.hubs, h.key)
		return true
	}
	return false
}
