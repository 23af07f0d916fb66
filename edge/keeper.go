//go:build linux

package edge

import (
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

const (
	// keepEvery is how often the keeper looks after the hubs.
	keepEvery = time.Second

	// endWait is how long the last frames of a room that has ended may take to arrive, since its end is told on another path.
	endWait = 2 * time.Second
)

// keep looks after the hubs until the edge closes.
func (e *Edge) keep() {
	ticker := time.NewTicker(keepEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			e.tidy()
		case <-e.closing.Done():
			return
		}
	}
}

// tidy ends the hubs of rooms that are over, and lets go of those that nobody has needed for Config.Linger.
func (e *Edge) tidy() {
	now := e.now()
	for _, h := range e.unneeded(now) {
		h.unsubscribe()
	}
}

// unneeded takes the hubs out that nobody needs.
func (e *Edge) unneeded(now time.Duration) (gone []*hub) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for key, h := range e.hubs {
		facts, ok := e.config.Rooms.Facts(key.room)
		over := !ok || facts.State == room.Ended || h.end.Load() != never
		switch {
		case over && h.overSince < 0:
			h.overSince = now
		case over && now-h.overSince >= endWait:
			h.finish()
			h.open = false
		}
		switch {
		case h.seats.Load() > 0 || h.open:
			h.idleSince = -1
		case h.idleSince < 0:
			h.idleSince = now
		case now-h.idleSince >= e.config.Linger:
			delete(e.hubs, key)
			gone = append(gone, h)
		}
	}
	return gone
}
