package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/bus"
	"github.com/epidaurus-live/epidaurus/cast"
	"github.com/epidaurus-live/epidaurus/channel"
	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/internal/beacon"
	"github.com/epidaurus-live/epidaurus/internal/clock"
	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/mix"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/stage"
	"github.com/epidaurus-live/epidaurus/store"
	"github.com/epidaurus-live/epidaurus/tape"
	"github.com/epidaurus-live/epidaurus/tape/disk"
)

// rooms runs the mix and the maker of every room that is open on this node.
type rooms struct {
	// immutable
	bus        *bus.Bus
	log        *slog.Logger
	hold       []float32
	holdAfter  time.Duration
	complexity int
	store      *store.Store
	ledger     *ledger
	carts      map[room.Cart]*mix.Cart // built in
	alarms     *alarms

	apologyAfter time.Duration
	leadRules    room.LeadRules
	stageURL     string // for those who come by a raised hand

	now func() time.Time // the time of day

	key      room.ClusterKey // signs what listeners are told of other places, and the links of a run-through
	joinRate func() int      // of all edges together

	// owned by the node: set before the first room opens
	stage *stage.Stage
	tapes *disk.Recorder // nil: nothing is taped here

	publisher *cast.Publisher // nil: nothing is published from here

	makers sync.WaitGroup

	mu     sync.Mutex
	closed bool                     // guarded by mu
	open   map[room.ID]*runningRoom // guarded by mu

	before produced // guarded by mu; of makers that have ended
}

// runningRoom is a room whose channel is being made.
type runningRoom struct {
	mixer  *mix.Mixer
	maker  *channel.Maker
	carts  *cartBox
	cancel context.CancelFunc
	over   bool // guarded by rooms.mu; the people on stage are told of the end

	lead    room.LeadState // owned by rooms.count; as it was told to the log
	deadAir atomic.Bool
	heard   atomic.Int64 // how many on stage were heard within the last second
}

// storeTimeout bounds what waits for the database.
const storeTimeout = 5 * time.Second

// follow starts a room's maker when the room is there, and tells it what has changed. Calls may overtake each other, so it asks for the
// latest facts itself.
func (r *rooms) follow(id room.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, ok := r.bus.Facts(id)
	if !ok {
		return
	}
	if running := r.open[f.ID]; running != nil {
		running.maker.SetFacts(f)
		if f.State.Open() {
			running.mixer.SetDelay(f.Delay())
		} else if !running.over && !r.closed {
			running.over = true
			r.makers.Go(func() { r.stage.EndRoom(f.ID) }) // perhaps another node's clock ended it
		}
		r.stage.Refresh(f.ID)
		return
	}
	r.stage.Refresh(f.ID) // somebody may wait for the doors
	if !f.State.Open() || r.closed {
		return
	}
	running, err := r.newRoom(f)
	if err != nil {
		r.log.Error("the room cannot be heard", "room", f.ID, "error", err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	running.cancel = cancel
	r.open[f.ID] = running
	r.makers.Go(func() { r.run(ctx, f.ID, running) })
	r.makers.Go(func() { r.loadCarts(f.ID, running.carts) })
}

func (r *rooms) run(ctx context.Context, id room.ID, running *runningRoom) {
	defer running.cancel()
	running.maker.Run(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, id)
	r.before.add(running.maker)
}

func (r *rooms) newRoom(f room.Facts) (*runningRoom, error) {
	mixer := mix.New(mix.Config{NewDecoder: func() (mix.Decoder, error) { return codec.NewOpusDecoder() }})
	mixer.SetHold(r.hold)
	mixer.SetDelay(f.Delay())
	mixer.Curtain(f.Curtained())
	encoders := map[tape.Variant]channel.Encoder{}
	for _, v := range tape.Variants {
		cfg := codec.ForVariant(v)
		cfg.Complexity = r.complexity
		encoder, err := codec.NewOpusEncoder(cfg)
		if err != nil {
			return nil, fmt.Errorf("make the encoder of %s: %w", v, err)
		}
		encoders[v] = encoder
	}
	running := &runningRoom{mixer: mixer, carts: newCartBox(r.carts)}
	cfg := channel.Config{
		Room: f.ID, Channel: tape.Floor, Bus: r.bus,
		Acquire: func(ctx context.Context) (channel.Lease, error) {
			return r.bus.Acquire(ctx, f.ID, tape.Floor)
		},
		Mix: &mixLevels{Mixer: mixer}, Encoders: encoders, Time: clock.Machine{}, Log: r.log, HoldAfter: r.holdAfter,
		OnLive: func() { r.goLive(f.ID) },
		OnWord: func() { r.spoken(f.ID) },
		OnLevels: func(levels []channel.Level) {
			running.heard.Store(int64(heard(levels)))
			r.stage.SetLevels(f.ID, stageLevels(levels))
		},
	}
	if codec.HasAAC {
		cfg.Wants = func(to func(tape.Variant)) (func(), error) { return r.bus.Wants(f.ID, tape.Floor, to) }
		cfg.NewUnits = func() (channel.UnitEncoder, error) { return codec.NewAACEncoder(codec.AACBitrate) }
	}
	if cfg.Wants == nil {
		cfg.Wants = func(to func(tape.Variant)) (func(), error) { return r.bus.Wants(f.ID, tape.Floor, to) }
	}
	cfg.NewTrackEncoder = func() (channel.TrackEncoder, error) {
		encoding := codec.ForVariant(tape.Voice)
		encoding.Complexity = min(encoding.Complexity, r.complexity)
		return codec.NewOpusEncoder(encoding)
	}
	r.watchAir(&cfg, f.ID, running)
	running.maker = channel.NewMaker(cfg, f)
	return running, nil
}

// goLive is called from the tick, when somebody speaks: what it changes is told and stored elsewhere.
func (r *rooms) goLive(id room.ID) {
	r.beside(func(ctx context.Context) {
		_, err := r.ChangeLife(ctx, id, func(f *room.Facts) error { return f.Take(room.MoveLive, room.ByVoice, r.now().UTC()) })
		if err != nil && !errors.Is(err, room.ErrStep) && !errors.Is(err, room.ErrCause) {
			r.log.Error("the room is live, but that could not be told", "room", id, "error", err)
		}
	})
}

// Create tells all nodes of a room that the store has; where its doors are open its channel is made from now on.
func (r *rooms) Create(ctx context.Context, f room.Facts) error { return r.bus.PutFacts(ctx, f) }

// End ends a room: for the people on stage at once, for listeners after the last word. To have ended already is no error.
func (r *rooms) End(ctx context.Context, id room.ID) error {
	_, err := r.ChangeLife(ctx, id, func(f *room.Facts) error {
		if f.State == room.Ended {
			return nil
		}
		return f.Take(room.MoveEnd, room.By(room.Host), r.now().UTC())
	})
	return err
}

// DeleteTape ends the taping of a room, and deletes its tape on all nodes: here before it returns.
func (r *rooms) DeleteTape(ctx context.Context, id room.ID) error {
	err := r.bus.ChangeFacts(ctx, id, func(f *room.Facts) error {
		f.Tape = room.TapeDeleted
		return nil
	})
	if errors.Is(err, room.ErrNotFound) {
		err = nil // no other node knows it either
	}
	if r.tapes != nil {
		err = errors.Join(err, r.tapes.Delete(id))
	}
	if r.publisher != nil {
		ctx, cancel := context.WithTimeout(ctx, unpublishTimeout)
		defer cancel()
		err = errors.Join(err, r.publisher.Delete(ctx, id))
	}
	return err
}

// Facts is what is known about a room.
func (r *rooms) Facts(id room.ID) (room.Facts, bool) { return r.bus.Facts(id) }

// remove makes a person's token void. It is done even when it cannot be stored.
func (r *rooms) remove(id room.ID, p room.PersonID) error {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	err := r.bus.ChangeFacts(ctx, id, func(f *room.Facts) error {
		if f.Roles[p] == room.Host { // was handed the room meanwhile, which would have no host
			return room.Denial{Role: room.CoHost, Action: room.ActRemove, Target: room.Host}
		}
		if !f.IsRemoved(p) {
			f.Removed = append(f.Removed, p)
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.write(id)
	return nil
}

// write has what became of a room written down, and waits a moment for it.
func (r *rooms) write(id room.ID) { r.ledger.await(r.owe(id)) }

// owe has it written down.
func (r *rooms) owe(id room.ID) (tried <-chan struct{}) {
	return r.ledger.owe(id, "facts", func(ctx context.Context) error { return r.catchUp(ctx, id) })
}

// running is the room as it is made here, or nil.
func (r *rooms) running(id room.ID) *runningRoom {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open[id]
}

// making is the room where its sound is made here now, or nil.
func (r *rooms) making(id room.ID) *runningRoom {
	running := r.running(id)
	if running == nil || !running.maker.Making() {
		return nil
	}
	return running
}

// frame is the number of the frame that the room's channel makes now.
func (r *rooms) frame(id room.ID) tape.Number {
	if running := r.running(id); running != nil {
		return running.maker.Now()
	}
	return 0
}

// ids are the rooms whose channels are made here.
func (r *rooms) ids() []room.ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.open))
}

// produced is what makers came to.
type produced struct {
	frames, gaps int64
	lostTracks   int64 // frames of speakers' own tracks that were left out
}

func (p *produced) add(m *channel.Maker) {
	frames, gaps := m.Made()
	p.frames, p.gaps, p.lostTracks = p.frames+frames, p.gaps+gaps, p.lostTracks+m.LostTracks()
}

// made sums what the makers of this node have made since it began.
func (r *rooms) made() (open int, all produced) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all = r.before
	for _, running := range r.open {
		all.add(running.maker)
	}
	return len(r.open), all
}

// count tells the makers how many seats their rooms have, once a second.
func (r *rooms) count(behind func(room.ID) *beacon.Estimate) {
	for _, id := range r.ids() {
		if running := r.running(id); running != nil {
			n := r.bus.Seats(id)
			running.maker.SetListening(n)
			r.stage.SetListening(id, n, behind(id))
			r.watchLead(id, running)
		}
	}
}

// close ends all makers and waits for them. Their leases are given back, so the next start need not wait.
func (r *rooms) close() {
	r.mu.Lock()
	r.closed = true
	for _, running := range r.open {
		running.cancel()
	}
	r.mu.Unlock()
	r.makers.Wait()
}

// Open begins a voice: it is the stage's way into the mix.
func (r *rooms) Open(id room.ID, p room.PersonID) (stage.Voice, error) {
	running := r.running(id)
	if f, _ := r.bus.Facts(id); running == nil && (f.State == room.Draft || f.State == room.Announced) {
		return nil, problem.New(problem.RoomNotOpen, "The stage opens with the doors. Whoever runs the desk can open them now.")
	}
	if running == nil {
		return nil, room.ErrNotFound
	}
	return running.mixer.Open(string(p))
}

// people tells a room's listeners who is on stage.
func (r *rooms) people(id room.ID, people []room.Person) {
	if running := r.running(id); running != nil {
		running.maker.SetPeople(people)
	}
}

// mixLevels gives a maker the levels of the mix under its own names.
type mixLevels struct {
	*mix.Mixer
	mixed []mix.Level
	apart []mix.Track
}

// Tracks implements channel.TrackMix.
func (m *mixLevels) Tracks(dst []channel.Track) []channel.Track {
	dst = dst[:0]
	m.apart = m.Mixer.Tracks(m.apart)
	for _, t := range m.apart {
		dst = append(dst, channel.Track{ID: room.PersonID(t.ID), PCM: t.PCM})
	}
	return dst
}

// Levels is called by the tick alone. The slice is new each time: others keep it.
func (m *mixLevels) Levels() []channel.Level {
	m.mixed = m.Mixer.Levels(m.mixed[:0])
	if len(m.mixed) == 0 {
		return nil
	}
	levels := make([]channel.Level, len(m.mixed))
	for i, l := range m.mixed {
		levels[i] = channel.Level{ID: room.PersonID(l.ID), DB: l.DB, Speaking: l.Speaking, Heard: l.Heard}
	}
	return levels
}

func heard(levels []channel.Level) (n int) {
	for _, l := range levels {
		if l.Heard {
			n++
		}
	}
	return n
}

func stageLevels(levels []channel.Level) []stage.Level {
	out := make([]stage.Level, len(levels))
	for i, l := range levels {
		out[i] = stage.Level{ID: l.ID, DB: l.DB, Heard: l.Heard}
	}
	return out
}
