package node

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/store"
)

// book is what a ledger writes into: it takes what it is given, or fails before or after that.
type book struct {
	kept          []string
	before, after error
}

func (b *book) write(what string) func(context.Context) error {
	return func(context.Context) error {
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
				var told []room.ID
				l, end := runLedger(func(id room.ID) { told = append(told, id) })
				began := time.Now()
				l.await(l.owe("harbour", "facts", b.write("first")))
				if !l.unwritten("harbour") || l.unwritten("quay") || len(told) != 1 {
					t.Errorf("unwritten: %v, told: %v", l.unwritten("harbour"), told)
				}
				l.await(l.owe("harbour", "facts", b.write("second"))) // in the place of the first
				l.await(l.owe("harbour", "cart", b.write("cart")))
				if took := time.Since(began); took != 0 {
					t.Errorf("%v were waited for a database that is known to take nothing", took)
				}
				b.before, b.after, b.kept = nil, nil, nil
				time.Sleep(2 * ledgerAgain)
				synctest.Wait()
				if len(b.kept) != 2 || l.owes() != 0 || l.unwritten("harbour") || len(told) != 2 {
					t.Errorf("written %v, owed %d, told %v", b.kept, l.owes(), told)
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

// What can never be written stands in the way of nothing.
func TestLedgerPassesOverWhatIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		l, end := runLedger(func(room.ID) { t.Error("the desk is told of what no later attempt mends") })
		l.owe("gone", "facts", func(context.Context) error { return &store.Error{Code: store.CodeNotFound, Err: room.ErrNotFound} })
		l.await(l.owe("harbour", "facts", b.write("facts")))
		if len(b.kept) != 1 || l.owes() != 0 {
			t.Errorf("written %v, owed %d", b.kept, l.owes())
		}
		// One that fails each time, for whatever reason, goes behind the others.
		l.told = func(room.ID) {}
		l.await(l.owe("broken", "facts", func(context.Context) error { return errFull }))
		l.owe("harbour", "cart", b.write("cart"))
		time.Sleep(3 * ledgerAgain)
		synctest.Wait()
		if len(b.kept) != 2 || l.owes() != 1 {
			t.Errorf("written %v, owed %d", b.kept, l.owes())
		}
		end()
	})
}

// The last attempt is at the end.
func TestLedgerWritesAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{before: errFull}
		l, end := runLedger(func(room.ID) {})
		l.await(l.owe("harbour", "facts", b.write("facts")))
		b.before = nil
		end()
		if len(b.kept) != 1 {
			t.Errorf("written %v", b.kept)
		}
	})
}
