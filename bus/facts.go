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
	_, err = b.facts.Put(ctx, string(f.ID), value)
	if err != nil {
		return fmt.Errorf("tell the nodes about room %s: %w", f.ID, err)
	}
	b.learn(f) // who wrote it must not wait for the echo to know it
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
// several goroutines and may repeat what is known.
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
			b.learn(f)
		}
	})
	select {
	case <-known:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("read the facts of rooms: %w", ctx.Err())
	}
}

func (b *Bus) learn(f room.Facts) {
	b.mu.Lock()
	b.rooms[f.ID] = f
	watching := slices.Collect(maps.Values(b.watching))
	b.mu.Unlock()
	for _, fn := range watching {
		fn(f)
	}
}
