package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/epidaurus-live/epidaurus/room"
)

// PutFacts tells every node about a room, whatever was known of it before.
func (b *Bus) PutFacts(ctx context.Context, f room.Facts) error {
	return b.tell(f, func(key string, value []byte) (uint64, error) { return b.facts.Put(ctx, key, value) })
}

// ChangeFacts changes what every node knows about a room. Of changes at the same moment, on whatever nodes, none undoes another: change is
// called again with what the other one left. It gets a copy of its own, and its error ends the attempt. The error is room.ErrNotFound when
// no such room is known.
func (b *Bus) ChangeFacts(ctx context.Context, id room.ID, change func(*room.Facts) error) error {
	for {
		b.mu.RLock()
		f, revision := b.rooms[id], b.revisions[id]
		b.mu.RUnlock()
		if revision == 0 {
			return room.ErrNotFound
		}
		f.Removed = slices.Clone(f.Removed)
		err := change(&f)
		if err != nil {
			return err
		}
		err = b.tell(f, func(key string, value []byte) (uint64, error) { return b.facts.Update(ctx, key, value, revision) })
		if !errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
			return err
		}
		entry, err := b.facts.Get(ctx, string(id))
		if err != nil {
			return fmt.Errorf("read the facts of room %s: %w", id, err)
		}
		err = b.read(entry)
		if err != nil {
			return err
		}
	}
}

func (b *Bus) tell(f room.Facts, write func(key string, value []byte) (revision uint64, err error)) error {
	value, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("write the facts of room %s: %w", f.ID, err)
	}
	revision, err := write(string(f.ID), value)
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
			err := b.read(entry)
			if err != nil {
				b.log.Warn("dropped a message of the bus", "error", err)
			}
		}
	})
	select {
	case <-known:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("read the facts of rooms: %w", ctx.Err())
	}
}

// read learns what the store says about a room.
func (b *Bus) read(entry jetstream.KeyValueEntry) error {
	var f room.Facts
	err := json.Unmarshal(entry.Value(), &f)
	if err != nil {
		return fmt.Errorf("the facts of room %s are unreadable: %w", entry.Key(), err)
	}
	b.learn(f, entry.Revision())
	return nil
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
