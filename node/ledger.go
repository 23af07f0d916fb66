package node

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/store"
)

// ledger writes down what was done. A room goes on by what the bus knows; the database is told after it, and whoever decided something waits for
// that no longer than a moment: a file that is locked, or a disk that is full, holds up no show. What could not be written is tried again until it
// is, and the people at the desk are told meanwhile. What is not written when the process ends, the next start writes (reconcile).
type ledger struct {
	// immutable
	log  *slog.Logger
	told func(room.ID) // a room has something unwritten from now on, or no more
	wake chan struct{} // holds one token

	mu     sync.Mutex
	owed   []*entry         // guarded by mu; in the order in which they were asked for
	failed bool             // guarded by mu; the last attempt failed
	said   map[room.ID]bool // guarded by mu; the rooms of which something was not written when it was tried
}

// entry is one thing that the database does not have.
type entry struct {
	// immutable
	room  room.ID
	what  string
	write func(context.Context) error
	tried chan struct{} // closed after its first attempt
}

const (
	// ledgerWait is how long a request waits for what it changed to be written down, where the database is well.
	ledgerWait = 250 * time.Millisecond
	// ledgerAgain is the time between two attempts at a database that takes nothing.
	ledgerAgain = 2 * time.Second
)

func newLedger(log *slog.Logger, told func(room.ID)) *ledger {
	return &ledger{log: log, told: told, wake: make(chan struct{}, 1), said: map[room.ID]bool{}}
}

// add has something written down. The write may be done again after it was done.
func (l *ledger) add(id room.ID, what string, write func(context.Context) error) (tried <-chan struct{}) {
	return l.note(&entry{id, what, write, make(chan struct{})}, false)
}

// owe has something written down in the place of what was owed under the same name.
func (l *ledger) owe(id room.ID, what string, write func(context.Context) error) (tried <-chan struct{}) {
	return l.note(&entry{id, what, write, make(chan struct{})}, true)
}

func (l *ledger) note(e *entry, instead bool) (tried <-chan struct{}) {
	l.mu.Lock()
	l.owed = append(slices.DeleteFunc(l.owed, func(o *entry) bool {
		same := instead && o.room == e.room && o.what == e.what
		if same {
			o.tell()
		}
		return same
	}), e)
	if l.failed {
		e.tell() // nobody waits for a database that is known to be away
	}
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return e.tried
}

// await waits a moment for the first attempt.
func (l *ledger) await(tried <-chan struct{}) {
	timer := time.NewTimer(ledgerWait)
	defer timer.Stop()
	select {
	case <-tried:
	case <-timer.C:
	}
}

// tell lets those go on who wait for the first attempt. It is called with the ledger's mu.
func (e *entry) tell() {
	select {
	case <-e.tried:
	default:
		close(e.tried)
	}
}

// unwritten reports whether the database lacks something of a room, and did not take it when it was tried.
func (l *ledger) unwritten(id room.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said[id]
}

// owes counts what is not written down.
func (l *ledger) owes() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.owed)
}

// run writes until ctx is done, and then tries once more.
func (l *ledger) run(ctx context.Context) {
	again := time.NewTimer(ledgerAgain)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			l.attempt()
			if n := l.owes(); n > 0 {
				l.log.Error("the database lacks some of what was done; the next start writes it", "changes", n)
			}
			return
		case <-l.wake:
			if l.waits() {
				continue // until it is time to try again
			}
		case <-again.C:
		}
		l.attempt()
		again.Reset(ledgerAgain)
	}
}

func (l *ledger) waits() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// attempt writes what is owed, in order, up to the first failure: where one write does not go, the next would only wait as long.
func (l *ledger) attempt() {
	for {
		l.mu.Lock()
		if len(l.owed) == 0 {
			l.settleLocked(nil)
			return
		}
		e := l.owed[0]
		l.mu.Unlock()
		err := e.try()
		l.mu.Lock()
		if err != nil && passes(err) {
			if n := len(l.owed); n > 1 && l.owed[0] == e {
				l.owed = append(slices.Clone(l.owed[1:]), e) // what never goes stands in nobody's way
			}
			l.settleLocked(err)
			return
		}
		if err != nil {
			l.log.Error("the database does not keep this", "what", e.what, "room", e.room, "error", err)
		}
		e.tell()
		l.owed = slices.DeleteFunc(l.owed, func(o *entry) bool { return o == e }) // a later one of its name may have come
		l.mu.Unlock()
	}
}

func (e *entry) try() error {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	return e.write(ctx)
}

// passes reports whether a write may succeed later: the files are in trouble, and nothing is wrong with what was to be written.
func passes(err error) bool {
	switch store.CodeOf(err) {
	case store.CodeNotFound, store.CodeExists, store.CodeEnded, store.CodeManyInvites, store.CodeManyCoHosts, store.CodeStep:
		return false
	}
	return true
}

// settleLocked ends an attempt: it says what has changed for whom. It releases mu.
func (l *ledger) settleLocked(err error) {
	before := l.failed
	l.failed = err != nil
	lacking := map[room.ID]bool{}
	for _, e := range l.owed {
		e.tell()
		lacking[e.room] = true
	}
	var changed []room.ID
	for id := range lacking {
		if !l.said[id] {
			changed = append(changed, id)
		}
	}
	for id := range l.said {
		if !lacking[id] {
			changed = append(changed, id)
		}
	}
	l.said = lacking
	n := len(l.owed)
	l.mu.Unlock()
	switch {
	case err != nil && !before:
		l.log.Error("the database takes nothing; the show goes on, and what it lacks is tried again", "changes", n, "error", err)
	case err == nil && before:
		l.log.Info("the database has all that was done")
	}
	for _, id := range changed {
		l.told(id)
	}
}
