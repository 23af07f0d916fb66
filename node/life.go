package node

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// lifeClock makes rooms take the steps whose time has come: it opens doors, begins, and ends. Every node with a stage has one; of several
// that take the same step at once one does, and the others find it done. A room that is open is ended by the node that makes its sound, which
// knows what of it has not gone out; by the others only when that is overdue.
type lifeClock struct {
	// immutable
	facts func(room.ID) (room.Facts, bool)
	take  func(ctx context.Context, id room.ID, m room.Move) error // room.ErrStep and room.ErrTooSoon: it is done already, or off
	makes func(room.ID) bool                                       // whether this node makes the room's sound now
	now   func() time.Time
	log   *slog.Logger
	wake  chan struct{} // holds one token: a time has changed

	mu  sync.Mutex
	due map[room.ID]time.Time // guarded by mu; rooms with a step to come
}

const (
	// lifeLook is how often the wall clock is looked at: it may be set while somebody waits for it.
	lifeLook = time.Second
	// lifeRetry is the time between two attempts at a step that failed.
	lifeRetry = 250 * time.Millisecond
	// lifeOverdue is how long an end waits for the node that makes the room.
	lifeOverdue = 2 * time.Second
)

func newLifeClock(facts func(room.ID) (room.Facts, bool), take func(context.Context, room.ID, room.Move) error, makes func(room.ID) bool,
	now func() time.Time, log *slog.Logger) *lifeClock {
	return &lifeClock{facts: facts, take: take, makes: makes, now: now, log: log, wake: make(chan struct{}, 1), due: map[room.ID]time.Time{}}
}

// follow takes note of when a room's next step is due. It asks for the latest facts itself: calls may overtake each other.
func (l *lifeClock) follow(id room.ID) {
	l.mu.Lock()
	f, _ := l.facts(id)
	next := f.NextDue()
	if next.IsZero() {
		delete(l.due, id)
	} else {
		l.due[id] = next
	}
	l.mu.Unlock()
	l.poke()
}

// poke makes it look at the time again.
func (l *lifeClock) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run takes steps until ctx is done.
func (l *lifeClock) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		case <-timer.C:
		}
		timer.Reset(l.step(ctx))
	}
}

// step takes what is due, and returns how long to wait.
func (l *lifeClock) step(ctx context.Context) time.Duration {
	wait := lifeLook
	for id, at := range l.listed() {
		until := at.Sub(l.now())
		if until > 0 {
			wait = min(wait, until)
			continue
		}
		wait = 0 // one step may be followed by another at once
		err := l.move(ctx, id)
		if err != nil {
			l.log.Error("a room did not take its step in time; trying again", "room", id, "error", err)
			wait = lifeRetry
		}
	}
	return wait
}

func (l *lifeClock) move(ctx context.Context, id room.ID) error {
	f, _ := l.facts(id)
	now := l.now()
	m := f.Due(now)
	if m == "" {
		l.follow(id)
		return nil
	}
	overdue := f.NextDue().Add(lifeOverdue)
	if m == room.MoveEnd && f.State.Open() && now.Before(overdue) && !l.makes(id) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.due[id] = overdue
		return nil
	}
	try, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	err := l.take(try, id, m)
	switch {
	case errors.Is(err, room.ErrStep) || errors.Is(err, room.ErrTooSoon):
		err = nil
	case err == nil:
		l.log.Info("the time has come", "room", id, "step", m, "late", now.Sub(f.NextDue()))
	}
	if err == nil {
		l.follow(id)
	}
	return err
}

func (l *lifeClock) listed() map[room.ID]time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make(map[room.ID]time.Time, len(l.due))
	for id, at := range l.due {
		all[id] = at
	}
	return all
}

// ChangeLife changes where a room is in its life or what is planned of it, on all nodes; of changes at once none undoes another. It is done
// even when it cannot be stored. The error is change's, or room.ErrNotFound.
func (r *rooms) ChangeLife(ctx context.Context, id room.ID, change func(*room.Facts) error) (room.Facts, error) {
	changed, tried, err := r.changeLife(ctx, id, change)
	if err == nil {
		r.ledger.await(tried)
	}
	return changed, err
}

// changeLife does so, and waits for no database: the next room has its time, too. Tried is closed when the database was told.
func (r *rooms) changeLife(ctx context.Context, id room.ID, change func(*room.Facts) error) (_ room.Facts, tried <-chan struct{}, _ error) {
	var changed, before room.Facts
	over := false
	err := r.bus.ChangeFacts(ctx, id, func(f *room.Facts) error {
		before = *f
		err := change(f)
		over = err == nil && f.State == room.Ended && before.State != room.Ended
		if over {
			f.DelayMS = max(f.DelayMS, r.inDelay(id)) // for so long edges wait for the last word
		}
		changed = *f
		return err
	})
	if err != nil {
		return room.Facts{}, nil, err
	}
	if over {
		r.stage.EndRoom(id)
	}
	r.settle(before, changed)
	return changed, r.owe(id), nil
}

// inDelay is how much of a room's sound has not gone out, in milliseconds.
func (r *rooms) inDelay(id room.ID) int {
	running := r.running(id)
	if running == nil {
		return 0
	}
	return int(running.mixer.Air().Delay.Milliseconds())
}

// take moves a room by the clock.
func (r *rooms) take(ctx context.Context, id room.ID, m room.Move) error {
	if m == room.MoveAway {
		r.lead(ctx, id) // first: who follows is asked who he is there
	}
	_, _, err := r.changeLife(ctx, id, func(f *room.Facts) error {
		err := f.Take(m, room.ByClock, r.now().UTC())
		if err == nil && m == room.MoveAway {
			err = r.sign(f)
		}
		return err
	})
	return err
}

// beside does something that the caller cannot wait for. After close nothing is begun.
func (r *rooms) beside(do func(context.Context)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.makers.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
		defer cancel()
		do(ctx)
	})
}

// spoken notes when the first word left the mixer. It is called from the tick.
func (r *rooms) spoken(id room.ID) {
	at := r.now().UTC()
	r.beside(func(ctx context.Context) {
		f, err := r.ChangeLife(ctx, id, func(f *room.Facts) error {
			if f.Life.FirstWord.IsZero() {
				f.Life.FirstWord = at
				f.Life.Revision++
			}
			return nil
		})
		if err != nil {
			r.log.Error("when the room began could not be kept", "room", id, "error", err)
			return
		}
		if late, ok := f.StartDelay(); ok {
			r.log.Info("the first word", "room", id, "after_the_start", late)
		}
	})
}

// posted notes that a room which has ended can be heard again, where hears says so. The recorder that calls it may hold its lock: what asks it
// is done beside.
func (r *rooms) posted(id room.ID, hears func(room.ID) bool) {
	f, ok := r.bus.Facts(id)
	if !ok || f.State != room.Ended || f.Tape != room.TapeOn || !f.Life.Posted.IsZero() || f.Life.HoldReplay || !f.Life.Withdrawn.IsZero() {
		return
	}
	r.beside(func(ctx context.Context) {
		if !hears(id) {
			return
		}
		_, err := r.ChangeLife(ctx, id, func(f *room.Facts) error { return f.Take(room.MoveReplay, room.ByClock, r.now().UTC()) })
		if err != nil && !errors.Is(err, room.ErrStep) && !errors.Is(err, room.ErrTooSoon) {
			r.log.Error("that the tape can be heard could not be kept", "room", id, "error", err)
		}
	})
}
