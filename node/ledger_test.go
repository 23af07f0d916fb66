package node

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/store"
)

// book is what a ledger writes into: it takes what it is given, or fails before or after that.
type book struct {
	mu            sync.Mutex
	kept          []string  // guarded by mu
	before, after error     // guarded by mu
	rooms         []room.ID // guarded by mu; of which it was told
}

// heal lets it take everything, and forgets what it was given.
func (b *book) heal() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept, b.before, b.after = nil, nil, nil
}

func (b *book) told(id room.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rooms = append(b.rooms, id)
}

// has is how much was written, and how often it was told.
func (b *book) has() (kept, told int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.kept), len(b.rooms)
}

func (b *book) write(what string) func(context.Context) error {
	return func(context.Context) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.before != nil {
			return b.before
		}
		b.kept = append(b.kept, what)
		return b.after
	}
}

var errFull = &store.Error{Code: store.CodeFull, Err: errors.New("the disk is full")}

// runLedger runs a ledger in a bubble of its own time, and returns what ends it.
func runLedger(told func(room.ID)) (*ledger, func()) {
	l := newLedger(slog.New(slog.DiscardHandler), told)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); l.run(ctx) }()
	return l, func() { cancel(); <-done }
}

// Whether a failed write was done or not, it is written in the end, and the desk is told meanwhile.
func TestLedgerWritesLater(t *testing.T) {
	for name, b := range map[string]*book{"not done": {before: errFull}, "done": {after: errFull}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, end := runLedger(b.told)
				began := time.Now()
				l.await(l.owe("harbour", "facts", b.write("first")))
				synctest.Wait()
				if _, told := b.has(); !l.unwritten("harbour") || l.unwritten("quay") || told != 1 {
					t.Errorf("unwritten: %v, told %d times", l.unwritten("harbour"), told)
				}
				l.await(l.owe("harbour", "facts", b.write("second"))) // in the place of the first
				l.await(l.add("harbour", "cart", b.write("cart")))
				l.await(l.add("harbour", "cart", b.write("cart"))) // beside the other
				if took := time.Since(began); took != 0 {
					t.Errorf("%v were waited for a database that is known to take nothing", took)
				}
				b.heal()
				time.Sleep(2 * ledgerAgain)
				synctest.Wait()
				if kept, told := b.has(); kept != 3 || l.owes() != 0 || l.unwritten("harbour") || told != 2 {
					t.Errorf("%d written, %d owed, told %d times", kept, l.owes(), told)
				}
				end()
			})
		})
	}
}

// A write that hangs holds up those who decide no longer than a moment.
func TestLedgerHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, end := runLedger(func(room.ID) {})
		locked := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		began := time.Now()
		l.await(l.owe("harbour", "facts", locked))
		if took := time.Since(began); took != ledgerWait {
			t.Errorf("waited %v", took)
		}
		end()
		if l.owes() != 1 {
			t.Error("what was not written is forgotten")
		}
	})
}

// What can never be written stands in the way of nothing, and what fails each time, for whatever reason, goes behind the others.
func TestLedgerPassesOverWhatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		l, end := runLedger(b.told)
		l.owe("gone", "facts", func(context.Context) error { return &store.Error{Code: store.CodeNotFound, Err: room.ErrNotFound} })
		l.await(l.owe("harbour", "facts", b.write("facts")))
		synctest.Wait()
		if kept, told := b.has(); kept != 1 || told != 0 || l.owes() != 0 {
			t.Errorf("%d written, %d owed, told %d times of what no later attempt mends", kept, l.owes(), told)
		}
		l.await(l.owe("broken", "facts", func(context.Context) error { return errFull }))
		l.owe("harbour", "cart", b.write("cart"))
		time.Sleep(3 * ledgerAgain)
		synctest.Wait()
		if kept, _ := b.has(); kept != 2 || l.owes() != 1 {
			t.Errorf("%d written, %d owed", kept, l.owes())
		}
		end()
	})
}

// The last attempt is at the end.
func TestLedgerWritesAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{before: errFull}
		l, end := runLedger(b.told)
		l.await(l.owe("harbour", "facts", b.write("facts")))
		synctest.Wait()
		b.heal()
		end()
		if kept, _ := b.has(); kept != 1 {
			t.Errorf("%d written", kept)
		}
	})
}
