//go:build linux

package edge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Edge gives seats to listeners and writes to them what their channels carry. All its methods may be called from any goroutine.
type Edge struct {
	// immutable
	config   Config
	start    time.Time
	sections []*section
	handler  http.Handler
	closing  context.Context // done when the edge no longer gives seats
	shut     context.CancelCauseFunc

	taken    atomic.Int64 // seats, and requests on their way to one
	offered  atomic.Uint64
	refused  [len(refusals)]atomic.Uint64
	turned   sync.Map      // room.ID to *atomic.Uint64: who found no seat there
	turn     atomic.Uint64 // the section of the next newcomer
	tally    tally         // of hubs
	meter    meter
	policies policies
	drain    atomic.Pointer[drain] // nil: seats are given; stored under mu

	governing sync.Mutex // held while the policy is changed
	governor  governor   // guarded by governing
	sampler   sampler    // owned by the keeper
	shortage  shortage   // owned by the keeper
	short     atomic.Bool

	crowd     *crowd // seats by origin
	turnstile turnstile
	door      *door
	seconds   seconds

	mu     sync.Mutex
	hubs   map[hubKey]*hub // guarded by mu
	closed bool            // guarded by mu

	joining  sync.WaitGroup // handlers between take and post; raised under mu while not closed
	keeping  sync.WaitGroup
	finished chan struct{} // closed when Close has nothing more to wait for
}

// errClosing is why the edge gives no seat while it closes.
var errClosing = errors.New("the edge is closing")

// New makes an edge and starts its sections. Close ends it.
func New(c Config) (*Edge, error) {
	e, err := newEdge(c, true)
	if err != nil {
		return nil, err
	}
	e.keeping.Go(e.keep)
	return e, nil
}

// newEdge makes an edge without a keeper, whose sections tick by the clock if paced, and else when told to.
func newEdge(c Config, paced bool) (*Edge, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Edge{config: c, start: c.Now(), hubs: make(map[hubKey]*hub), finished: make(chan struct{})}
	shortest, _ := stepOf(c.Cadence)
	longest, _ := stepOf(c.Longest)
	e.governor = newGovernor(shortest, longest)
	e.policies.now.Store(&policy{version: 1, step: shortest, wish: shortest})
	e.crowd, e.door = newCrowd(c.PerAddress), newDoor(c.MaxWaiting, c.Random, e.now)
	e.door.spare = e.spare
	e.turnstile.per = perJoin(c.JoinRate)
	e.seconds.begin(e.now(), e.Stats())
	e.handler = e.routes()
	e.closing, e.shut = context.WithCancelCause(context.Background())
	for range c.Sections {
		poll, err := newPoller()
		if err != nil {
			for _, s := range e.sections {
				s.poll.close()
			}
			return nil, fmt.Errorf("edge: %w", err)
		}
		e.sections = append(e.sections, &section{
			poll: poll, now: e.now, paced: paced, policies: &e.policies, maxBehind: frames(c.MaxBehind), maxStuck: c.MaxStuck,
			refill: c.burstsPerTick(), taken: &e.taken, write: send, crowd: e.crowd, drain: &e.drain, done: make(chan struct{}),
		})
	}
	for _, s := range e.sections {
		go s.run() // Close waits for s.done
	}
	return e, nil
}

// spare is how many descriptors that are kept for seats others may have: half of those that are free, since seats come faster than others go.
func (e *Edge) spare() int { return max(0, e.config.MaxSeats-int(e.taken.Load())) / spareOfFree }

// now is the monotonic time since the edge began.
func (e *Edge) now() time.Duration { return e.config.Now().Sub(e.start) }

// Seats is how many seats each room has here, on all its channels; rooms without any are left out. A seat is an open response, not a person.
func (e *Edge) Seats() map[room.ID]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	seats := make(map[room.ID]int)
	for key, h := range e.hubs {
		if n := h.seats.Load(); n > 0 {
			seats[key.room] += int(n)
		}
	}
	return seats
}

// Open subscribes to a room's sound because its doors are open, so that the first listener finds a burst ready. It stays subscribed
// until the room has ended.
func (e *Edge) Open(id room.ID) error {
	_, ok := e.config.Rooms.Facts(id)
	if !ok {
		return fmt.Errorf("open room %s: there is no such room", id)
	}
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return fmt.Errorf("open room %s: %w", id, errClosing)
	}
	h := e.hubLocked(hubKey{id, tape.Floor})
	h.open = true
	e.joining.Add(1)
	e.mu.Unlock()
	defer e.joining.Done()
	err := h.subscribe()
	if err != nil {
		e.forget(h)
		return fmt.Errorf("open room %s: %w", id, err)
	}
	return nil
}

// hubLocked finds or makes a hub. The caller holds mu.
func (e *Edge) hubLocked(key hubKey) *hub {
	h := e.hubs[key]
	if h == nil {
		h = newHub(key, &e.config, e.now, &e.policies, &e.tally)
		e.hubs[key] = h
	}
	return h
}

// forget takes a hub that could not subscribe out of the way of the next try.
func (e *Edge) forget(h *hub) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.hubs[h.key] == h {
		delete(e.hubs, h.key)
	}
}

// Close stops giving seats, cuts those that exist without a last chunk, so that their players resume at another edge, and waits for all
// that the edge started, or for ctx.
func (e *Edge) Close(ctx context.Context) error {
	e.mu.Lock()
	first := !e.closed
	e.closed = true
	e.mu.Unlock()
	if first {
		e.shut(errClosing)
		go e.finish() // whoever closes waits for finished
	}
	select {
	case <-e.finished:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close the edge: %w", context.Cause(ctx))
	}
}

func (e *Edge) finish() {
	defer close(e.finished)
	e.joining.Wait()
	for _, s := range e.sections {
		s.shut()
	}
	for _, s := range e.sections {
		<-s.done
	}
	e.keeping.Wait()
	e.mu.Lock()
	hubs := slices.Collect(maps.Values(e.hubs))
	clear(e.hubs)
	e.mu.Unlock()
	for _, h := range hubs {
		h.unsubscribe()
	}
}
