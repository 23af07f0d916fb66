package channel

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Bus is where a channel goes.
type Bus interface {
	PublishFrame(id room.ID, ch tape.Channel, v tape.Variant, first tape.Number, f tape.Frame) error
	PublishEvent(id room.ID, ch tape.Channel, first tape.Number, e tape.Event) error
	PublishSeal(id room.ID, ch tape.Channel, first tape.Number, s tape.Seal) error
	Subscribe(id room.ID, ch tape.Channel, to tape.Receiver) (stop func(), err error)
}

// Lease is the right to make the channel. Its methods are called by one goroutine at a time.
type Lease interface {
	Before() (epoch time.Time, reserved tape.Number)
	Takeover() tape.Takeover
	Declare(ctx context.Context, epoch time.Time, first tape.Number) error
	Renew(ctx context.Context, reserved tape.Number) error
	Release(ctx context.Context, next tape.Number) error
}

// Mix is the sound of the stage. Tick fills out with 960 samples of 48 kHz mono. Levels are those on stage; listeners hear it as Air says.
type Mix interface {
	Tick(out []float32, now time.Duration)
	Hold(on bool)
	Curtain(closed bool) // while closed, nothing of the voices goes out
	Levels() []Level
	Air() Air
}

// Air is how the way from the stage to the listeners stands. Moments are ticks of the stage's sound, counted from 1.
type Air struct {
	In, Out  int64 // the moments that came in and went out last; Out is 0 before the first
	Sounding bool  // the last tick let the stage out; otherwise it is held back, and other sound or silence is heard in its place

	Quiet   time.Duration // for which nothing but pauses came in, carts included
	Delay   time.Duration // what a dump removes now
	Wanted  time.Duration // what Delay is led to
	Filling time.Duration // for which the stage is still held back after a dump

	DumpFrom, DumpTo int64 // the first and the last moment that the last dump removed, those included that it lets nobody hear when they come; 0: there was none

	Cart     string        // that plays on stage; empty: none
	CartLeft time.Duration // how long it goes on
}

// Level is how loud a voice is after levelling, in dBFS.
type Level struct {
	ID       room.PersonID
	DB       float64
	Speaking bool
	Heard    bool
}

// Encoder makes a packet of 960 samples of 48 kHz mono.
type Encoder interface {
	Encode(pcm []float32, packet []byte) (int, error)
}

// Time is the two clocks of a machine. Mono never steps; Wall may.
type Time interface {
	Mono() time.Duration
	Wall() time.Time
	Sleep(ctx context.Context, d time.Duration) error
}

// Config is what a maker needs. All fields are required but those that say otherwise.
type Config struct {
	Room     room.ID
	Channel  tape.Channel
	Bus      Bus
	Acquire  func(context.Context) (Lease, error)
	Mix      Mix
	Encoders map[tape.Variant]Encoder
	Time     Time
	Log      *slog.Logger

	// Wants calls to, from any goroutine, each time that somebody says that he needs a variant that is made on demand, until stop is called.
	// NewUnits makes the encoder of AAC64. Without both it is never made.
	Wants    func(to func(tape.Variant)) (stop func(), err error)
	NewUnits func() (UnitEncoder, error)

	// NewTrackEncoder makes the encoder of one speaker's track. Without it, and without Wants, and where Mix is no TrackMix, there are none.
	NewTrackEncoder func() (TrackEncoder, error)

	HoldAfter time.Duration // how long the stage has to be empty before the hold sound returns
	OnLive    func()        // optional: a voice was heard, and the facts say doors yet: at once, then every second; called from the tick, must not block
	OnWord    func()        // optional: the first word since the room went live goes out; called from the tick, must not block
	OnLevels  func([]Level) // optional: five times a second; called from the tick, must not block
	OnAir     func(Air)     // optional: likewise

	// OnDeadAir is told when the stage has been silent for DeadAir while live, and when that is over. Optional; called from the tick, must not
	// block.
	OnDeadAir func(on bool)
	// ApologyAfter is how long the stage has to be empty and silent while live before OnApology is called, once. 0: never. OnApology is called
	// from the tick, and must not block.
	ApologyAfter time.Duration
	OnApology    func()
}

// DeadAir is how long a live stage may be silent before somebody is told.
const DeadAir = 8 * time.Second

const (
	maxCatchUp   = 25   // frames: a maker that is later than half a second declares a gap
	maxGap       = 3000 // frames: no ring remembers more than a minute, so a longer gap is not filled
	observeEvery = tape.FramesPerSec
	levelsEvery  = tape.FramesPerSec / 5
	lastFrames   = 2 * tape.PageFrames // after the end, so that the last word and the end itself leave every edge
	maxPacket    = 1500

	retryAfter = time.Second // when the lease could not be had or declared
)

// Maker makes one channel of one room. Run does the work; the setters may be called from any goroutine.
type Maker struct {
	cfg    Config
	events *events

	// Owned by Run.
	lease    Lease
	keeper   *keeper
	term     tape.Takeover
	clock    *tape.Clock
	next     tape.Number
	seals    *sealer
	units    *units
	tracks   *tracks
	observed tape.Number // when the wall clock was looked at last, and the lease renewed
	empty    tape.Number // the stage has been empty since this frame
	live     bool        // a voice went out, or the facts that went out say so
	asked    bool        // OnLive was called
	ended    bool        // the end went out
	spoken   bool        // a word went out while live
	silence  silence
	pcm      []float32
	packet   []byte

	making atomic.Bool
	begun  atomic.Int64 // the frame being made
	frames atomic.Int64 // made, silence included
	gaps   atomic.Int64 // frames declared as gaps
}

// NewMaker makes a maker; Run starts it.
func NewMaker(cfg Config, facts room.Facts) *Maker {
	m := &Maker{
		cfg: cfg, events: newEvents(facts), seals: newSealer(cfg.Encoders),
		pcm: make([]float32, tape.FrameSamples), packet: make([]byte, maxPacket),
	}
	m.units = &units{log: cfg.Log, room: cfg.Room, publish: m.publishUnit}
	if cfg.Wants != nil {
		m.units.make = cfg.NewUnits
	}
	m.tracks = newTracks(&m.cfg)
	return m
}

// SetFacts says what the room is called and where in its life it is. An ended room ends the channel: Run returns after the last frames.
func (m *Maker) SetFacts(f room.Facts) { m.events.setFacts(f) }

// SetPeople says who is on stage.
func (m *Maker) SetPeople(people []room.Person) { m.events.setPeople(people) }

// Caption takes a line of what is said. At and until are the frames at which listeners hear its first word and its last. What they have heard goes
// out at once; else, and without until, it is taken for what was said on stage by now, goes out when listeners have heard that, and is dumped with it. The
// errors are room.ErrDumped, until Taken.Held is over, room.ErrManyLanguages and room.ErrManyCaptions.
func (m *Maker) Caption(c room.Caption, at, until *int64) (Taken, error) {
	return m.events.captions.add(c, at, until, m.cfg.Mix.Air())
}

// SetListening says how many seats are taken.
func (m *Maker) SetListening(n int) { m.events.setListening(n) }

// People is how many are on stage.
func (m *Maker) People() int {
	people, _ := m.events.stage()
	return len(people)
}

// Made is how many frames were made, and how many of them were gaps.
func (m *Maker) Made() (frames, gaps int64) { return m.frames.Load(), m.gaps.Load() }

// LostTracks is how many frames of speakers' tracks were left out, because the machine was too busy.
func (m *Maker) LostTracks() int64 { return m.tracks.dropped.Load() }

// Making reports whether this maker holds the lease: what is done to another one's mix reaches nobody.
func (m *Maker) Making() bool { return m.making.Load() }

// Now is the frame being made.
func (m *Maker) Now() tape.Number { return tape.Number(m.begun.Load()) }

// Run waits for the lease, makes the channel until the room has ended or ctx is done, and gives the lease back. When the lease is lost it
// waits for it again; when the bus fails it tries again, since a slow moment of a store must not silence a room.
func (m *Maker) Run(ctx context.Context) {
	defer m.hearWants()()
	for {
		err := m.hold(ctx)
		switch {
		case err == nil || ctx.Err() != nil:
			return
		case isLost(err):
			m.cfg.Log.Warn("another node makes the channel now", "room", m.cfg.Room, "channel", m.cfg.Channel)
		default:
			m.cfg.Log.Error("the channel cannot be made; trying again", "room", m.cfg.Room, "channel", m.cfg.Channel, "error", err)
			err = m.cfg.Time.Sleep(ctx, retryAfter)
			if err != nil {
				return
			}
		}
	}
}

// hearWants takes note of who needs what is made on demand, also while another node makes the channel: so a successor knows. Stop ends that.
func (m *Maker) hearWants() (stop func()) {
	if m.units.make == nil && m.tracks.from == nil {
		return func() {}
	}
	stop, err := m.cfg.Wants(func(v tape.Variant) {
		switch v {
		case tape.AAC64:
			m.units.want(m.cfg.Time.Mono())
		case tape.WantTracks:
			m.tracks.want(m.cfg.Time.Mono())
		}
	})
	if err != nil {
		m.cfg.Log.Error("nobody is heard who needs what is made on demand", "room", m.cfg.Room, "error", err)
		return func() {}
	}
	return stop
}

// hold makes the channel for as long as one lease lasts.
func (m *Maker) hold(ctx context.Context) error {
	follow := newFollower(m.cfg.Time, m.cfg.Encoders)
	stop, err := m.cfg.Bus.Subscribe(m.cfg.Room, m.cfg.Channel, follow)
	if err != nil {
		return err
	}
	m.lease, err = m.cfg.Acquire(ctx)
	stop()
	if err != nil {
		return err
	}
	if m.over() {
		// Whoever held the lease before has said so; a second end, of another term, would only confuse.
		_, reserved := m.lease.Before()
		return m.lease.Release(ctx, reserved)
	}
	first, running, err := m.begin(ctx, follow)
	if err != nil {
		return err
	}
	m.next, m.empty, m.observed = first, running, running-observeEvery
	m.keeper = keep(m.lease, m.cfg.Log)
	m.events.restart(running)
	m.seals.begin(first, follow.past)
	m.say()
	m.units.running = false
	if follow.madeUnits() || m.units.isWanted(m.cfg.Time.Mono()) {
		m.units.want(m.cfg.Time.Mono())
		m.units.start(first, running)
	}
	m.tracks.begin(m.term, m.cfg.Time.Mono())
	m.gap(running)
	_, facts := m.events.stage()
	m.cfg.Mix.Curtain(facts.Curtained())
	m.making.Store(true)
	err = m.run(ctx)
	m.making.Store(false)
	m.tracks.end()
	m.rest(err)
	if m.cfg.OnAir != nil {
		m.cfg.OnAir(Air{}) // nothing of this mix can be dumped any more
	}
	// The lease is given back even when ctx is done: the next maker need not wait.
	m.keeper.close(context.WithoutCancel(ctx), m.next)
	return err
}

// rest publishes what is late of the frames that were made, unless they are another one's now.
func (m *Maker) rest(err error) {
	if !isLost(err) {
		m.units.stop(m.next)
		m.tellSeals(true)
	}
}

func (m *Maker) over() bool {
	_, facts := m.events.stage()
	return facts.State == room.Ended
}

// begin anchors the clock and declares where this term's frames begin. Running is the frame that runs now: those from first to there are
// a gap.
func (m *Maker) begin(ctx context.Context, follow *follower) (first, running tape.Number, err error) {
	mono, wall := m.cfg.Time.Mono(), m.cfg.Time.Wall()
	epoch, reserved := m.lease.Before()
	last, ago := follow.last(mono)
	switch {
	case epoch.IsZero():
		// Never heard: the one time that the wall clock decides.
		epoch = wall
	case last > 0:
		first = last
		running = first + tape.Number(ago/tape.FrameDuration)
	default:
		// Nobody is left who heard it. The wall clock may have been set back meanwhile; frame numbers are never used twice.
		first = reserved
		running = max(first, tape.Number(wall.Sub(epoch)/tape.FrameDuration))
	}
	if running-first > maxGap {
		first = running
	}
	m.clock = tape.NewClock(epoch, running, mono)
	err = m.lease.Declare(ctx, epoch, first)
	m.term = m.lease.Takeover()
	return first, running, err
}

func (m *Maker) run(ctx context.Context) error {
	for left := lastFrames; ; {
		mono := m.cfg.Time.Mono()
		if wait := m.clock.Until(m.next, mono); wait > 0 {
			err := m.cfg.Time.Sleep(ctx, wait)
			if err != nil {
				return err
			}
			mono = m.cfg.Time.Mono()
		}
		if m.keeper.lost() {
			return errLost
		}
		if begun := m.clock.Begun(mono); begun-m.next > maxCatchUp {
			m.gap(begun)
			continue
		}
		m.tick(mono)
		if m.ended {
			left--
		}
		if left == 0 {
			m.units.stop(m.next)
			m.seal() // of a segment that the room's end cut short
			return nil
		}
	}
}

// tick makes one frame.
func (m *Maker) tick(mono time.Duration) {
	m.cfg.Mix.Tick(m.pcm, mono)
	levels, air := m.cfg.Mix.Levels(), m.cfg.Mix.Air()
	m.events.captions.pass(air, m.next)
	now, out := m.events.pass(levels, air)
	m.attend(now, out)
	m.tracks.follow(m.next, mono, now)
	m.watch(air)
	m.say()
	for variant, encoder := range m.cfg.Encoders {
		n, err := encoder.Encode(m.pcm, m.packet)
		packet := m.packet[:n]
		if err != nil {
			// Never seen; a listener must not lose the timeline for it.
			m.cfg.Log.Error("a frame could not be encoded", "room", m.cfg.Room, "variant", variant, "frame", m.next, "error", err)
			packet = tape.SilencePacket
		}
		m.publish(variant, packet)
	}
	m.units.follow(m.next, m.term.First, m.units.isWanted(mono), m.pcm)
	m.frames.Add(1)
	m.advance()
	m.tellSeals(false)
	m.begun.Store(int64(m.next))
	if m.next%levelsEvery == 0 {
		m.tell(levels, air)
	}
	if m.next-m.observed >= observeEvery {
		m.observed = m.next
		m.clock.Observe(mono, m.cfg.Time.Wall())
		m.keeper.renew(m.next)
	}
}

// attend switches the hold sound by what listeners hear: off when a voice arrives, on again when the stage has been empty for long. A room
// goes live by what is said, before the delay.
func (m *Maker) attend(now, out moment) {
	if now.heard && now.facts.State == room.Doors && (!m.asked || m.next%tape.FramesPerSec == 0) && m.cfg.OnLive != nil {
		m.asked = true
		m.cfg.OnLive()
	}
	m.cfg.Mix.Curtain(now.facts.Curtained())
	m.listen(out)
	m.ended = out.facts.State == room.Ended
	m.live = m.live || out.facts.State == room.Live // perhaps by another node's stage
	switch {
	case out.heard:
		m.live, m.empty = true, m.next
		m.cfg.Mix.Hold(false)
	case m.ended || out.cart:
		m.cfg.Mix.Hold(false)
	case len(out.people) > 0:
		m.empty = m.next
		m.cfg.Mix.Hold(!m.live)
	case !m.live || (m.next-m.empty).Duration() >= m.cfg.HoldAfter:
		m.cfg.Mix.Hold(true)
	}
}

// listen waits for the first word that goes out live. A room that had it under another maker is not told of it again.
func (m *Maker) listen(out moment) {
	if m.spoken || out.facts.State != room.Live || len(out.speaking) == 0 {
		return
	}
	m.spoken = true
	if m.cfg.OnWord != nil && out.facts.Life.FirstWord.IsZero() {
		m.cfg.OnWord()
	}
}

// tell says how loud everybody is, and how the way to the listeners stands.
func (m *Maker) tell(levels []Level, air Air) {
	if m.cfg.OnLevels != nil {
		m.cfg.OnLevels(levels)
	}
	if m.cfg.OnAir != nil {
		m.cfg.OnAir(air)
	}
}

// say publishes the events that begin with the frame about to be made, before that frame; and from time to time all of them again.
func (m *Maker) say() {
	for _, e := range m.events.at(m.next, m.term.Term) {
		err := m.cfg.Bus.PublishEvent(m.cfg.Room, m.cfg.Channel, m.term.First, e)
		if err != nil {
			m.cfg.Log.Error("an event was not published", "room", m.cfg.Room, "kind", e.Kind, "error", err)
		}
	}
}

// gap declares the frames up to to as silence. The numbers of a gap that no edge could keep are left out.
func (m *Maker) gap(to tape.Number) {
	missed := to - m.next
	if missed <= 0 {
		return
	}
	m.cfg.Log.Warn("declared a gap", "room", m.cfg.Room, "from", m.next, "frames", missed)
	m.frames.Add(int64(missed))
	m.gaps.Add(int64(missed))
	m.units.gap(m.next, to, missed > maxGap)
	if missed > maxGap {
		m.next = to
		m.seals.restart(to)
	}
	for m.next < to {
		for variant := range m.cfg.Encoders {
			m.publish(variant, tape.SilencePacket)
		}
		m.seals.silent(m.next)
		m.advance()
	}
}

// advance goes on to the next frame, and seals the segment that the last one ended.
func (m *Maker) advance() {
	m.next++
	if m.next%tape.SegmentFrames == 0 {
		m.seal()
	}
}

func (m *Maker) seal() {
	m.seals.seal(m.next, m.term.Term)
	m.tellSeals(false)
}

// tellSeals publishes the seals of which nothing more comes, or all.
func (m *Maker) tellSeals(all bool) {
	for _, seal := range m.seals.told(all) {
		err := m.cfg.Bus.PublishSeal(m.cfg.Room, m.cfg.Channel, m.term.First, seal)
		if err != nil {
			m.cfg.Log.Error("a seal was not published", "room", m.cfg.Room, "from", seal.From, "error", err)
		}
	}
}

func (m *Maker) publish(v tape.Variant, packet []byte) {
	m.seals.add(v, packet)
	m.send(v, m.next, packet)
}

func (m *Maker) publishUnit(n tape.Number, packet []byte) {
	m.seals.addLate(n, packet)
	m.send(tape.AAC64, n, packet)
}

func (m *Maker) send(v tape.Variant, n tape.Number, packet []byte) {
	err := m.cfg.Bus.PublishFrame(m.cfg.Room, m.cfg.Channel, v, m.term.First, tape.Frame{N: n, Term: m.term.Term, Packet: packet})
	if err != nil {
		m.cfg.Log.Error("a frame was not published", "room", m.cfg.Room, "variant", v, "frame", n, "error", err)
	}
}
