package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// LeaseTTL is how long a lease holds without being renewed, by the clock of whoever waits for it.
const LeaseTTL = 3 * time.Second

// ErrLeaseLost says that another node makes the channel now.
var ErrLeaseLost error = leaseLost{}

type leaseLost struct{}

func (leaseLost) Error() string   { return "another node has taken the lease" }
func (leaseLost) LeaseLost() bool { return true }

// record is what the store says about a channel's maker.
type record struct {
	Node     string      `json:"node"`
	Term     tape.Term   `json:"term"`
	First    tape.Number `json:"first"`    // frames of this term begin here
	Epoch    time.Time   `json:"epoch"`    // when frame 0 began, by the wall clock; zero before the first frame ever
	Reserved tape.Number `json:"reserved"` // no frame from here on has been made
}

// Lease is the right to make a channel. It is owned by one goroutine.
type Lease struct {
	bus      *Bus
	key      string
	revision uint64
	before   record
	now      record
}

// Before is what the store said before this lease: the channel's epoch, and the frame from which on none was made. The epoch is zero
// for a channel that was never made.
func (l *Lease) Before() (epoch time.Time, reserved tape.Number) {
	return l.before.Epoch, l.before.Reserved
}

// Epoch is when frame 0 of a channel began; zero for a channel that was never made.
func (b *Bus) Epoch(ctx context.Context, id room.ID, ch tape.Channel) (time.Time, error) {
	key := string(id) + "." + string(ch)
	entry, err := b.leases.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return time.Time{}, nil
	}
	var r record
	if err == nil {
		err = json.Unmarshal(entry.Value(), &r)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read the epoch of %s: %w", key, err)
	}
	return r.Epoch, nil
}

// Acquire waits until this node may make the channel. A node that finds its own name in the store takes the lease at once: it is its
// own successor.
func (b *Bus) Acquire(ctx context.Context, id room.ID, ch tape.Channel) (*Lease, error) {
	l := &Lease{bus: b, key: string(id) + "." + string(ch)}
	poll := time.NewTicker(b.leaseTTL / 6)
	defer poll.Stop()
	var seen uint64
	since := time.Now()
	for {
		entry, err := b.leases.Get(ctx, l.key)
		if err != nil && !errors.Is(err, jetstream.ErrKeyNotFound) {
			return nil, fmt.Errorf("read the lease of %s: %w", l.key, err)
		}
		var free bool
		switch {
		case entry == nil:
			free = true
		case entry.Revision() != seen:
			seen, since = entry.Revision(), time.Now()
			l.before = record{}
			err = json.Unmarshal(entry.Value(), &l.before)
			if err != nil {
				return nil, fmt.Errorf("the lease of %s is unreadable: %w", l.key, err)
			}
			free = l.before.Node == b.node || l.before.Node == ""
		default:
			free = time.Since(since) > b.leaseTTL
		}
		if free {
			l.revision = seen
			l.now = record{Node: b.node, Term: l.before.Term + 1, First: l.before.First, Epoch: l.before.Epoch, Reserved: l.before.Reserved}
			err = l.write(ctx)
			if !errors.Is(err, ErrLeaseLost) {
				return l, err
			}
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Takeover is what receivers have to know of this lease.
func (l *Lease) Takeover() tape.Takeover { return tape.Takeover{Term: l.now.Term, First: l.now.First} }

// Declare records where this term begins. No frame may be published before it has returned.
func (l *Lease) Declare(ctx context.Context, epoch time.Time, first tape.Number) error {
	l.now.Epoch, l.now.First = epoch, first
	l.now.Reserved = max(l.now.Reserved, first)
	return l.write(ctx)
}

// Renew keeps the lease and records that frames below reserved may have been made. ErrLeaseLost means: stop now.
func (l *Lease) Renew(ctx context.Context, reserved tape.Number) error {
	l.now.Reserved = max(l.now.Reserved, reserved)
	return l.write(ctx)
}

// Release lets another node take the lease without waiting.
func (l *Lease) Release(ctx context.Context, next tape.Number) error {
	l.now.Node, l.now.Reserved = "", next
	return l.write(ctx)
}

func (l *Lease) write(ctx context.Context) error {
	value, err := json.Marshal(l.now)
	if err != nil {
		return fmt.Errorf("write the lease of %s: %w", l.key, err)
	}
	// Revision 0 creates: both forms fail when somebody wrote in between.
	revision, err := l.bus.leases.Update(ctx, l.key, value, l.revision)
	if errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
		var ours bool
		ours, l.revision, err = l.stored(ctx)
		if err == nil && !ours {
			return ErrLeaseLost
		}
		if err == nil {
			// An earlier write of ours failed to be answered, but was done.
			revision, err = l.bus.leases.Update(ctx, l.key, value, l.revision)
		}
	}
	if err != nil {
		return fmt.Errorf("write the lease of %s: %w", l.key, err)
	}
	l.revision = revision
	return nil
}

// stored says whether the store's record is of this lease.
func (l *Lease) stored(ctx context.Context) (ours bool, revision uint64, err error) {
	entry, err := l.bus.leases.Get(ctx, l.key)
	if err != nil {
		return false, 0, err
	}
	var r record
	err = json.Unmarshal(entry.Value(), &r)
	return r.Term == l.now.Term && r.Node == l.bus.node, entry.Revision(), err
}
