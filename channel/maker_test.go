package channel_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/epidaurus-live/epidaurus/channel"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var day = time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)

// machine is a given clock: sleeping moves it.
type machine struct {
	mu   sync.Mutex
	mono time.Duration
	wall time.Duration // away from day + mono
	stop time.Duration
	at   map[time.Duration]func(*machine) // what happens when mono gets there; called without the lock
}

func (m *machine) Mono() time.Duration { m.mu.Lock(); defer m.mu.Unlock(); return m.mono }
func (m *machine) Wall() time.Time     { m.mu.Lock(); defer m.mu.Unlock(); return day.Add(m.mono + m.wall) }
func (m *machine) Sleep(_ context.Context, d time.Duration) error {
	m.mu.Lock()
	before := m.mono
	m.mono += d
	now := m.mono
	var due []func(*machine)
	for t, fn := range m.at {
		if t > before && t <= now {
			due = append(due, fn)
		}
	}
	m.mu.Unlock()
	for _, fn := range due {
		fn(m)
	}
	if now >= m.stop {
		return context.Canceled
	}
	return nil
}

// wire keeps what was published, as one edge would.
type wire struct {
	mu     sync.Mutex
	ring   *tape.Ring
	log    *tape.EventLog
	events []tape.Event
	seals  []tape.Seal
	to     []tape.Receiver
	silent map[tape.Number]bool
}

func newWire() *wire {
	return &wire{ring: tape.NewRing(100000), log: tape.NewEventLog(100000), silent: map[tape.Number]bool{}}
}

func (w *wire) PublishFrame(_ room.ID, _ tape.Channel, v tape.Variant, first tape.Number, f tape.Frame) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	f.Packet = append([]byte(nil), f.Packet...)
	for _, r := range w.to {
		r.Takeover(tape.Takeover{Term: f.Term, First: first})
		r.Frame(v, f)
	}
	if v == tape.Opus48 {
		w.ring.Takeover(tape.Takeover{Term: f.Term, First: first})
		w.ring.Put(f)
		if len(f.Packet) == len(tape.SilencePacket) {
			w.silent[f.N] = true
		}
	}
	return nil
}

func (w *wire) PublishSeal(_ room.ID, _ tape.Channel, _ tape.Number, s tape.Seal) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seals = append(w.seals, s)
	return nil
}

func (w *wire) PublishEvent(_ room.ID, _ tape.Channel, first tape.Number, e tape.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log.Takeover(tape.Takeover{Term: e.Term, First: first})
	if w.log.Add(e) {
		w.events = append(w.events, e)
	}
	return nil
}

func (w *wire) Subscribe(_ room.ID, _ tape.Channel, to tape.Receiver) (func(), error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.to = append(w.to, to)
	return func() {}, nil
}

type lease struct {
	epoch    time.Time
	term     tape.Term
	first    tape.Number
	reserved tape.Number
	lost     bool
	refuse   error       // what Declare returns
	renewed  tape.Number // reserved by the last renewal
	released bool
}

type lostError struct{}

func (lostError) Error() string   { return "lost" }
func (lostError) LeaseLost() bool { return true }

func (l *lease) Before() (time.Time, tape.Number) { return l.epoch, l.reserved }
func (l *lease) Takeover() tape.Takeover          { return tape.Takeover{Term: l.term, First: l.first} }
func (l *lease) Declare(_ context.Context, epoch time.Time, first tape.Number) error {
	if l.refuse == nil {
		l.epoch, l.first = epoch, first
	}
	return l.refuse
}

func (l *lease) Renew(_ context.Context, reserved tape.Number) error {
	if l.lost {
		return lostError{}
	}
	l.reserved = max(l.reserved, reserved)
	l.renewed = reserved
	return nil
}

func (l *lease) Release(_ context.Context, next tape.Number) error {
	l.reserved, l.released = next, true
	return nil
}

type stage struct {
	mu     sync.Mutex
	levels []channel.Level
	hold   bool
	closed bool
	air    channel.Air
	delay  int64 // moments
	gone   int64 // the last moment that was dumped
	ticks  int
	slow   func() // called by each tick
}

func (s *stage) Tick([]float32, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ticks++
	s.air.In++
	s.air.Quiet += tape.FrameDuration
	next := s.air.In - s.delay
	s.air.Sounding = next > s.gone
	if s.air.Sounding {
		s.air.Out = next
	}
	if s.slow != nil {
		s.slow()
	}
}

// dump removes what is in the delay.
func (s *stage) dump() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.air.DumpFrom, s.air.DumpTo = s.air.Out+1, s.air.In
	s.gone = s.air.In
}

// setDelay holds back what comes for so many moments.
func (s *stage) setDelay(moments int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay, s.air.Delay = moments, tape.Number(moments).Duration()
}

// sound is a word that ends now.
func (s *stage) sound() { s.mu.Lock(); defer s.mu.Unlock(); s.air.Quiet = 0 }

func (s *stage) Curtain(closed bool)     { s.mu.Lock(); defer s.mu.Unlock(); s.closed = closed }
func (s *stage) Hold(on bool)            { s.mu.Lock(); defer s.mu.Unlock(); s.hold = on }
func (s *stage) Levels() []channel.Level { s.mu.Lock(); defer s.mu.Unlock(); return s.levels }
func (s *stage) Air() channel.Air        { s.mu.Lock(); defer s.mu.Unlock(); return s.air }
func (s *stage) holding() bool           { s.mu.Lock(); defer s.mu.Unlock(); return s.hold }
func (s *stage) say(l ...channel.Level)  { s.mu.Lock(); defer s.mu.Unlock(); s.levels = l }

// counter encodes the number of the packet, so that no two are equal.
type counter struct{ n uint64 }

func (c *counter) Encode(_ []float32, packet []byte) (int, error) {
	c.n++
	binary.BigEndian.PutUint64(packet, c.n)
	return 8, nil
}

type rig struct {
	machine *machine
	wire    *wire
	lease   *lease
	stage   *stage
	live    int
}

func newRig() *rig {
	return &rig{machine: &machine{at: map[time.Duration]func(*machine){}}, wire: newWire(), lease: &lease{}, stage: &stage{}}
}

// config is a maker's that watches for dead air.
func (r *rig) config(deadAir func(bool), apology func()) channel.Config {
	return channel.Config{
		Room: "harbour", Channel: tape.Floor, Bus: r.wire, Mix: r.stage, Time: r.machine,
		Acquire:  func(context.Context) (channel.Lease, error) { r.lease.term++; return r.lease, nil },
		Encoders: map[tape.Variant]channel.Encoder{tape.Opus48: &counter{}},
		Log:      slog.New(slog.DiscardHandler), HoldAfter: 30 * time.Second,
		OnDeadAir: deadAir, ApologyAfter: 15 * time.Second, OnApology: apology,
	}
}

func (r *rig) maker() *channel.Maker {
	return r.makerWith(func(context.Context) (channel.Lease, error) { r.lease.term++; return r.lease, nil })
}

func (r *rig) makerWith(acquire func(context.Context) (channel.Lease, error)) *channel.Maker {
	return channel.NewMaker(channel.Config{
		Room: "harbour", Channel: tape.Floor, Bus: r.wire, Mix: r.stage, Time: r.machine, Acquire: acquire,
		Encoders: map[tape.Variant]channel.Encoder{tape.Opus48: &counter{}, tape.Opus12: &counter{}},
		Log:      slog.New(slog.DiscardHandler), HoldAfter: 30 * time.Second,
		OnLive: func() { r.live++ },
	}, room.Facts{ID: "harbour", Title: "Harbour", State: room.Doors})
}

// run makes the channel until the given time.
func (r *rig) run(t *testing.T, until time.Duration) *channel.Maker {
	t.Helper()
	m := r.maker()
	r.runMaker(t, m, until)
	return m
}

func (r *rig) runMaker(t *testing.T, m *channel.Maker, until time.Duration) {
	t.Helper()
	r.machine.stop = until
	ctx, cancel := context.WithCancel(t.Context())
	r.machine.at[until] = func(*machine) { cancel() }
	m.Run(ctx)
}

// whole fails when a frame of [from, to) is not there.
func (r *rig) whole(t *testing.T, from, to tape.Number) {
	t.Helper()
	if n := r.wire.ring.Missing(from, to); n > 0 {
		t.Errorf("%d of the frames %d to %d were never made", n, from, to)
	}
}

func (r *rig) silence() (n int) { return len(r.wire.silent) }

func TestOneFrameEvery20ms(t *testing.T) {
	r := newRig()
	m := r.run(t, 10*time.Second)
	frames, gaps := m.Made()
	if frames < 498 || frames > 500 || gaps != 0 {
		t.Errorf("%d frames and %d gaps in 10 s", frames, gaps)
	}
	r.whole(t, 0, 498)
	if r.stage.ticks != int(frames) {
		t.Errorf("the mix was ticked %d times for %d frames", r.stage.ticks, frames)
	}
}

// A step of the wall clock while live moves nothing.
func TestWallClockStep(t *testing.T) {
	for _, step := range []time.Duration{-30 * time.Second, 30 * time.Second} {
		r := newRig()
		r.machine.at[5*time.Second] = func(m *machine) { m.mu.Lock(); m.wall += step; m.mu.Unlock() }
		m := r.run(t, 60*time.Second)
		frames, gaps := m.Made()
		if frames < 2998 || frames > 3001 || gaps != 0 {
			t.Errorf("step %v: %d frames and %d gaps in 60 s", step, frames, gaps)
		}
	}
}

// A machine that was stopped for two seconds declares what it missed.
func TestStalledMachineDeclaresAGap(t *testing.T) {
	r := newRig()
	r.machine.at[5*time.Second] = func(m *machine) { m.mu.Lock(); m.mono += 2 * time.Second; m.mu.Unlock() }
	m := r.run(t, 10*time.Second)
	if _, gaps := m.Made(); gaps < 99 || gaps > 101 {
		t.Errorf("%d frames of gap for a stall of 2 s", gaps)
	}
	r.whole(t, 0, 498)
}

// A slow moment is caught up: nothing of it is lost.
func TestShortStallIsCaughtUp(t *testing.T) {
	r := newRig()
	r.machine.at[5*time.Second] = func(m *machine) { m.mu.Lock(); m.mono += 300 * time.Millisecond; m.mu.Unlock() }
	m := r.run(t, 10*time.Second)
	if frames, gaps := m.Made(); frames < 498 || gaps != 0 {
		t.Errorf("%d frames, %d of gap", frames, gaps)
	}
}

func TestRestartGoesOnByTheClock(t *testing.T) {
	for _, row := range []struct {
		name  string
		down  time.Duration
		step  time.Duration // of the wall clock while down
		until tape.Number   // the timeline is whole from 0 to here
	}{
		{"Soon", 3 * time.Second, 0, 640},
		{"WallSetBack", 3 * time.Second, -30 * time.Second, 590},
		{"AnHourLater", time.Hour, 0, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig()
			r.run(t, 10*time.Second)
			before := r.lease.reserved
			r.machine.mono += row.down
			r.machine.wall = row.step
			r.run(t, r.machine.mono+2*time.Second)
			if r.lease.first < before && row.down < time.Minute {
				t.Errorf("frame %d was given twice: the first maker may have got to %d", r.lease.first, before)
			}
			r.whole(t, 0, row.until)
			if wall := tape.Number((10*time.Second + row.down + row.step + 2*time.Second) / tape.FrameDuration); row.step == 0 {
				if got := r.wire.ring.Newest(); got < wall-3 || got > wall+3 {
					t.Errorf("the newest frame is %d, by the clock it is %d", got, wall)
				}
			}
		})
	}
}

// A successor that heard the last frames on the bus goes on from there by monotonic time, whatever its wall clock says.
func TestSuccessorFollowsTheBus(t *testing.T) {
	r := newRig()
	r.run(t, 10*time.Second)
	successor := newRig()
	successor.lease = r.lease
	successor.wire = r.wire
	successor.machine.mono = 77 * time.Hour // another machine's
	successor.machine.wall = -80 * time.Hour
	m := channel.NewMaker(channel.Config{
		Room: "harbour", Channel: tape.Floor, Bus: successor.wire, Mix: successor.stage, Time: successor.machine,
		Acquire: func(context.Context) (channel.Lease, error) {
			// While it waits for the lease it hears the maker before.
			err := r.wire.PublishFrame("harbour", tape.Floor, tape.Opus48, 0, tape.Frame{N: 505, Term: 1, Packet: []byte("last")})
			successor.machine.mono += 3 * time.Second
			r.lease.term++
			return r.lease, err
		},
		Encoders: map[tape.Variant]channel.Encoder{tape.Opus48: &counter{1000}},
		Log:      slog.New(slog.DiscardHandler), HoldAfter: time.Second,
	}, room.Facts{ID: "harbour", State: room.Live})
	successor.runMaker(t, m, successor.machine.mono+4*time.Second)
	if r.lease.first != 506 {
		t.Errorf("the successor begins at frame %d, the last on the bus was 505", r.lease.first)
	}
	r.whole(t, 505, 700)
	if n := r.silence(); n < 149 || n > 151 {
		t.Errorf("%d frames of silence for the 3 s without a maker", n)
	}
}

// A stage that another node has taken live is live here, too: its pauses are silence.
func TestNoHoldSoundInALiveRoom(t *testing.T) {
	r := newRig()
	m := r.maker()
	m.SetFacts(room.Facts{ID: "harbour", State: room.Live})
	m.SetPeople([]room.Person{{ID: "p1", Name: "Ada", Role: room.Host}})
	held := false
	r.machine.at[2*time.Second] = func(*machine) { held = r.stage.holding() }
	r.runMaker(t, m, 3*time.Second)
	if held {
		t.Error("a pause in a live room is filled with the hold sound")
	}
}

// Whoever is muted was not heard.
func TestMutedDoesNotOpenTheRoom(t *testing.T) {
	r := newRig()
	m := r.maker()
	m.SetPeople([]room.Person{{ID: "p1", Name: "Ada", Role: room.Host, Muted: true}})
	r.stage.say(channel.Level{ID: "p1", Heard: true})
	r.runMaker(t, m, 3*time.Second)
	if r.live != 0 || !r.stage.holding() {
		t.Errorf("a muted microphone: live %d times, hold sound %v", r.live, r.stage.holding())
	}
}

func TestHoldSound(t *testing.T) {
	r := newRig()
	m := r.maker()
	host := []room.Person{{ID: "p1", Name: "Ada", Role: room.Host}}
	var seen []bool
	look := func(at time.Duration, do func()) {
		r.machine.at[at] = func(*machine) { seen = append(seen, r.stage.holding()); do() }
	}
	look(1*time.Second, func() { m.SetPeople(host) })
	look(2*time.Second, func() { r.stage.say(channel.Level{ID: "p1", Heard: true}) })
	look(3*time.Second, func() { r.stage.say() })     // a pause
	look(50*time.Second, func() { m.SetPeople(nil) }) // the stage is empty
	look(79*time.Second, func() {})
	look(81*time.Second, func() {})
	r.runMaker(t, m, 82*time.Second)
	want := []bool{true, true, false, false, false, true}
	for i := range want {
		if i >= len(seen) || seen[i] != want[i] {
			t.Fatalf("the hold sound was on: %v, want %v", seen, want)
		}
	}
	if r.live == 0 {
		t.Error("the first voice did not make the room live")
	}
}

func TestEvents(t *testing.T) {
	r := newRig()
	m := r.maker()
	m.SetPeople([]room.Person{{ID: "p1", Name: "Ada", Role: room.Host}})
	r.machine.at[time.Second] = func(*machine) { r.stage.say(channel.Level{ID: "p1", Heard: true, Speaking: true}) }
	r.machine.at[3*time.Second] = func(*machine) { m.SetListening(7) }
	r.machine.at[3500*time.Millisecond] = func(*machine) { m.SetListening(8) }
	r.machine.at[8*time.Second] = func(*machine) {
		m.SetFacts(room.Facts{ID: "harbour", Title: "Harbour", State: room.Ended})
	}
	r.machine.stop = time.Hour
	m.Run(t.Context())
	var got []string
	for _, e := range r.wire.events {
		var v struct {
			T     string   `json:"t"`
			IDs   []string `json:"ids"`
			N     int      `json:"n"`
			State string   `json:"state"`
		}
		if err := json.Unmarshal(e.Data, &v); err != nil {
			t.Fatal(err)
		}
		switch v.T {
		case "listening":
			got = append(got, "listening")
		case "room":
			got = append(got, v.State)
		case "speaking":
			if len(v.IDs) > 0 {
				got = append(got, "speaks")
			}
		}
	}
	want := []string{"doors", "speaks", "listening", "listening", "ended"}
	if len(got) != len(want) {
		t.Fatalf("events %v, want %v", got, want)
	}
	end := r.wire.events[len(r.wire.events)-1]
	if newest := r.wire.ring.Newest(); newest < end.At+12 {
		t.Errorf("the end at frame %d has only frames to %d behind it: it leaves no edge", end.At, newest)
	}
	if len(r.wire.events) > 8 {
		t.Errorf("%d events: repeats must have the frame at which they began", len(r.wire.events))
	}
}
