package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/epidaurus-live/epidaurus/room"
)

// PutFacts tells every node about a room.
func (b *Bus) PutFacts(ctx context.Context, f room.Facts) error {
	value, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("write the facts of room %s: %w", f.ID, err)
	}
	revision, err := b.facts.Put(ctx, string(f.ID), value)
	if err != nil {
		return fmt.Errorf("tell the nodes about room %s: %w", f.ID, err)
	}
	b.learn(f, revision) // who wrote it must not wait for the echo to know it
	return nil
}

// Facts is what this node knows about a room. It asks nobody.
func (b *Bus) Facts(id room.ID) (room.Facts, bool) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	f, ok := b.rooms[id]
	return f, ok
}

// WatchFacts calls fn with the facts of every room known, then with each change, until stop is called. Calls may come from
// several goroutines, repeat what is known, and overtake each other: Facts has the latest.
func (b *Bus) WatchFacts(fn func(room.Facts)) (stop func()) {
	b.mu.Lock()
	id := b.nextID
	b.nextID++
	b.watching[id] = fn
	known := slices.Collect(maps.Values(b.rooms))
	b.mu.Unlock()
	for _, f := range known {
		fn(f)
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watching, id)
	}
}

// watchFacts returns when what is stored is known, and goes on learning until the watcher is stopped.
func (b *Bus) watchFacts(ctx context.Context) (err error) {
	b.watcher, err = b.facts.WatchAll(context.WithoutCancel(ctx), jetstream.IgnoreDeletes())
	if err != nil {
		return fmt.Errorf("watch the facts of rooms: %w", err)
	}
	known := make(chan struct{})
	b.watched.Go(func() {
		for entry := range b.watcher.Updates() {
			if entry == nil {
				close(known)
				continue
			}
			var f room.Facts
			err := json.Unmarshal(entry.Value(), &f)
			if err != nil {
				b.log.Warn("the facts of a room are unreadable", "room", entry.Key(), "error", err)
				continue
			}
			b.learn(f, entry.Revision())
		}
	})
	select {
	case <-known:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("read the facts of rooms: %w", ctx.Err())
	}
}

// learn takes facts unless newer ones are known: the echo of a change comes late, when the next one may be known already.
func (b *Bus) learn(f room.Facts, revision uint64) {
	b.mu.Lock()
	if revision <= b.revisions[f.ID] {
		b.mu.Unlock()
		return
	}
	b.rooms[f.ID], b.revisions[f.ID] = f, revision
	watching := slices.Collect(maps.Values(b.watching))
	b.mu.Unlock()
	for _, fn := range watching {
		fn(f)
	}
}
