package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/epidaurus-live/epidaurus/room"
)

// PutFacts tells every node about a room, whatever was known of it before.
func (b *Bus) PutFacts(ctx context.Context, f room.Facts) error {
	b.mu.RLock()
	rest := b.rests[f.ID]
	b.mu.RUnlock()
	return b.tell(f, rest, func(key string, value []byte) (uint64, error) { return b.facts.Put(ctx, key, value) })
}

// ChangeFacts changes what every node knows about a room. Of changes at the same moment, on whatever nodes, none undoes another: change is
// called again with what the other one left. It gets a copy of its own, and its error ends the attempt. What a newer node says of the room that
// this version does not know stays. The error is room.ErrNotFound when no such room is known.
func (b *Bus) ChangeFacts(ctx context.Context, id room.ID, change func(*room.Facts) error) error {
	for {
		b.mu.RLock()
		f, revision, rest := b.rooms[id], b.revisions[id], b.rests[id]
		b.mu.RUnlock()
		if revision == 0 {
			return room.ErrNotFound
		}
		f.Removed = slices.Clone(f.Removed)
		err := change(&f)
		if err != nil {
			return err
		}
		err = b.tell(f, rest, func(key string, value []byte) (uint64, error) { return b.facts.Update(ctx, key, value, revision) })
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

func (b *Bus) tell(f room.Facts, rest rest, write func(key string, value []byte) (revision uint64, err error)) error {
	value, err := rest.encode(f)
	if err != nil {
		return fmt.Errorf("write the facts of room %s: %w", f.ID, err)
	}
	revision, err := write(string(f.ID), value)
	if err != nil {
		return fmt.Errorf("tell the nodes about room %s: %w", f.ID, err)
	}
	b.learn(f, rest, revision) // who wrote it must not wait for the echo to know it
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

const factsBucket = "rooms"

// watchFacts returns when what is stored is known, and goes on learning until Close.
func (b *Bus) watchFacts(ctx context.Context, js jetstream.JetStream) error {
	var watching context.Context
	watching, b.unwatch = context.WithCancel(context.WithoutCancel(ctx))
	w, err := b.openWatch(watching)
	if err != nil {
		return err
	}
	known := make(chan struct{})
	b.watched.Go(func() {
		all := sync.OnceFunc(func() { close(known) })
		for w != nil {
			b.follow(watching, w, all)
			w = b.watchAgain(watching, js)
		}
	})
	select {
	case <-known:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("read the facts of rooms: %w", ctx.Err())
	}
}

// openWatch begins to watch the store from its beginning. It is called by the watcher only, as are those below.
func (b *Bus) openWatch(ctx context.Context) (jetstream.KeyWatcher, error) {
	status, err := b.facts.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("reach the facts of rooms: %w", err)
	}
	if of, ok := status.(*jetstream.KeyValueBucketStatus); ok {
		b.compare(of.StreamInfo().Created)
	}
	w, err := b.facts.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, fmt.Errorf("watch the facts of rooms: %w", err)
	}
	return w, nil
}

// compare finds out whether the store is another one than before: its revisions begin anew, and those of the old one say nothing.
func (b *Bus) compare(made time.Time) {
	if !b.made.IsZero() && !b.made.Equal(made) {
		b.log.Warn("the bus has a new store: the rooms that are known are written into it again")
		b.mu.Lock()
		clear(b.revisions)
		b.mu.Unlock()
	}
	b.made = made
}

// follow learns until the bus is closed, or there is a new connection: a server that was away may have forgotten who watches.
func (b *Bus) follow(ctx context.Context, w jetstream.KeyWatcher, known func()) {
	defer func() {
		_ = w.Stop() // fails only without a connection, and then there is nothing to stop
		for range w.Updates() {
			// What was on the way comes again.
		}
	}()
	for {
		select {
		case entry, ok := <-w.Updates():
			switch {
			case !ok:
				return
			case entry == nil:
				known()
				b.restore(ctx)
				continue
			}
			err := b.read(entry)
			if err != nil {
				b.log.Warn("dropped a message of the bus", "error", err)
			}
		case <-b.reconnect:
			return
		case <-ctx.Done():
			return
		}
	}
}

// watchAgain opens the watch anew, however long that takes. It is nil when the bus is closed.
func (b *Bus) watchAgain(ctx context.Context, js jetstream.JetStream) jetstream.KeyWatcher {
	for attempt := 0; ctx.Err() == nil; attempt++ {
		try, cancel := context.WithTimeout(ctx, startTimeout)
		_, err := openBucket(try, js, jetstream.KeyValueConfig{Bucket: factsBucket})
		cancel()
		if err == nil {
			w, err := b.openWatch(ctx)
			if err == nil {
				return w
			}
		}
		select {
		case <-time.After(retryDelay(attempt)):
		case <-ctx.Done():
		}
	}
	return nil
}

// restore writes rooms that this node knows into a store that has lost them. Of several nodes the first one does it.
func (b *Bus) restore(ctx context.Context) {
	b.mu.RLock()
	lost := slices.DeleteFunc(slices.Collect(maps.Values(b.rooms)), func(f room.Facts) bool { return b.revisions[f.ID] != 0 })
	rests := maps.Clone(b.rests)
	b.mu.RUnlock()
	for _, f := range lost {
		err := b.tell(f, rests[f.ID], func(key string, value []byte) (uint64, error) { return b.facts.Create(ctx, key, value) })
		if err != nil && !errors.Is(err, jetstream.ErrKeyExists) {
			b.log.Warn("a room is not in the bus's new store", "room", f.ID, "error", err)
		}
	}
}

// read learns what the store says about a room.
func (b *Bus) read(entry jetstream.KeyValueEntry) error {
	var f room.Facts
	err := json.Unmarshal(entry.Value(), &f)
	if err != nil {
		return fmt.Errorf("the facts of room %s are unreadable: %w", entry.Key(), err)
	}
	rest, err := restOf(entry.Value())
	if err != nil {
		return fmt.Errorf("the facts of room %s are unreadable: %w", entry.Key(), err)
	}
	b.learn(f, rest, entry.Revision())
	return nil
}

// learn takes facts unless newer ones are known: the echo of a change comes late, when the next one may be known already.
func (b *Bus) learn(f room.Facts, rest rest, revision uint64) {
	b.mu.Lock()
	if revision <= b.revisions[f.ID] {
		b.mu.Unlock()
		return
	}
	b.rooms[f.ID], b.rests[f.ID], b.revisions[f.ID] = f, rest, revision
	watching := slices.Collect(maps.Values(b.watching))
	b.mu.Unlock()
	for _, fn := range watching {
		fn(f)
	}
}
