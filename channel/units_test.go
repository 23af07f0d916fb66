package channel_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/channel"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// ruler is a mix whose every sample is its place since the first tick.
type ruler struct {
	*stage
	at int
}

func (r *ruler) Tick(out []float32, now time.Duration) {
	r.stage.Tick(out, now)
	for i := range out {
		out[i] = float32(r.at + i)
	}
	r.at += len(out)
}

// surveyor encodes where a block begins, two calls late, as an AAC encoder does.
type surveyor struct {
	calls  int
	before [2]uint64
}

const blank = 1<<56 - 1 // the place of the silence before

func (s *surveyor) Encode(block []float32, unit []byte) (int, error) {
	begins := uint64(blank)
	if block[0] != 0 || block[1] == 1 { // flushed with zeros it is not a place
		begins = uint64(block[0])
	}
	due := s.before[0]
	s.before = [2]uint64{s.before[1], begins}
	if s.calls == 0 {
		s.before[0] = blank
		s.calls++
		return 0, nil
	}
	s.calls++
	binary.BigEndian.PutUint64(unit, due)
	return 8, nil
}

func (s *surveyor) Reset() error { *s = surveyor{}; return nil }

// listenedWire keeps the units too.
type listenedWire struct {
	*wire
	t      *testing.T
	units  *tape.Ring
	first  tape.Number
	last   tape.Number
	opus   tape.Number
	wanted func(tape.Variant)
}

func (w *listenedWire) PublishFrame(id room.ID, ch tape.Channel, v tape.Variant, first tape.Number, f tape.Frame) error {
	switch v {
	case tape.AAC64:
		w.units.Takeover(tape.Takeover{Term: f.Term, First: first})
		f.Packet = append([]byte(nil), f.Packet...)
		if _, kept := w.units.Put(f); !kept {
			w.t.Errorf("unit frame %d came twice, or is another maker's", f.N)
		}
		if w.first == 0 {
			w.first = f.N
		}
		w.last = f.N
	case tape.Opus48:
		w.opus = f.N
	}
	return w.wire.PublishFrame(id, ch, v, first, f)
}

func (w *listenedWire) want() { w.wanted(tape.AAC64) }

func newUnitRig(t *testing.T) (*rig, *listenedWire, *ruler, channel.Config) {
	r := newRig()
	w, mix := &listenedWire{wire: r.wire, t: t, units: tape.NewRing(100000)}, &ruler{stage: r.stage}
	return r, w, mix, channel.Config{
		Room: "harbour", Channel: tape.Floor, Bus: w, Mix: mix, Time: r.machine,
		Acquire:  func(context.Context) (channel.Lease, error) { r.lease.term++; return r.lease, nil },
		Encoders: map[tape.Variant]channel.Encoder{tape.Opus48: &counter{}},
		Log:      slog.New(slog.DiscardHandler), HoldAfter: 30 * time.Second,
		Wants:    func(to func(tape.Variant)) (func(), error) { w.wanted = to; return func() { w.wanted = nil }, nil },
		NewUnits: func() (channel.UnitEncoder, error) { return &surveyor{}, nil },
	}
}

// unit says what the frame carries: "-" no unit, "silence", or the sample at which its block began.
func (w *listenedWire) unit(n tape.Number) string {
	p := w.units.AppendPackets(nil, n, n+1)[0]
	switch {
	case string(p) == string(tape.NoUnit):
		return "-"
	case string(p) == string(tape.SilentUnit), binary.BigEndian.Uint64(p) == blank:
		return "silence"
	}
	return fmt.Sprint(binary.BigEndian.Uint64(p))
}

// sounds checks that frames from (inclusive) to to (exclusive) carry the blocks of the timeline, which began by ticks frames later than the mix.
func (w *listenedWire) sounds(from, to, late tape.Number) {
	w.t.Helper()
	for n := from; n < to; n++ {
		want := "-"
		if u, ok := n.Unit(); ok {
			want = fmt.Sprint(int64(u)*tape.UnitSamples - late.Samples())
		}
		if got := w.unit(n); got != want {
			w.t.Fatalf("frame %d carries %s, want %s", n, got, want)
		}
	}
}

// AAC is made from the first segment after somebody says that he needs it until a minute after he last said so; each unit is of the sound
// of its own place on the timeline, no frame is left out, and segments that are made whole are sealed with it.
func TestUnitsAreMadeWhileSomebodyNeedsThem(t *testing.T) {
	r, w, _, cfg := newUnitRig(t)
	m := channel.NewMaker(cfg, room.Facts{ID: "harbour", State: room.Doors})
	r.machine.at[5*time.Second] = func(*machine) { w.want() }
	r.machine.at[20*time.Second] = func(*machine) { w.want() }
	r.runMaker(t, m, 100*time.Second)
	const begins, ends = 288, 4032 // the segments after 5 s and after 80 s
	if w.first != begins-2 || w.last != ends-1 || w.units.Missing(begins-2, ends) != 0 {
		t.Fatalf("frames %d to %d are there, %d missing", w.first, w.last, w.units.Missing(begins-2, ends))
	}
	if w.unit(begins-2) != "silence" || w.unit(begins-1) != "-" {
		t.Errorf("the sound begins behind %s, %s", w.unit(begins-2), w.unit(begins-1))
	}
	w.sounds(begins, ends, 0)
	sealed := 0
	for _, s := range r.wire.seals {
		sum, ok := s.SumOf(tape.AAC64)
		if whole := s.From >= begins && s.To <= ends; ok != whole {
			t.Errorf("the seal of %d to %d has a sum of aac: %v", s.From, s.To, ok)
		}
		if ok {
			sealed++
			if sum != tape.SumOf(s.From, w.units.AppendPackets(nil, s.From, s.To)) {
				t.Errorf("the seal of %d to %d does not fit", s.From, s.To)
			}
		}
	}
	if sealed != (ends-begins)/tape.SegmentFrames || len(r.wire.seals) != 5000/tape.SegmentFrames+0 {
		t.Errorf("%d segments are sealed, %d with aac", len(r.wire.seals), sealed)
	}
	r.wire.fit(t)
}

// A machine that stood still, and a successor, declare valid silence, and go on where the grids meet.
func TestUnitsThroughGapAndTakeover(t *testing.T) {
	r, w, mix, cfg := newUnitRig(t)
	m := channel.NewMaker(cfg, room.Facts{ID: "harbour", State: room.Doors})
	r.machine.at[time.Second] = func(*machine) { w.want() }
	r.machine.at[5*time.Second] = func(m *machine) { m.mu.Lock(); m.mono += 2 * time.Second; m.mu.Unlock() }
	r.runMaker(t, m, 10*time.Second)
	stood := tape.Number(0) // where the gap begins
	for n := range w.opus {
		if r.wire.silent[n] && stood == 0 {
			stood = n
		}
	}
	gap := tape.Number(len(r.wire.silent))
	back := (stood + gap + 15) / 16 * 16
	w.sounds(96, stood-2, 0)
	for n := stood + 1; n < back; n++ {
		if got := w.unit(n); got != "silence" && got != "-" {
			t.Fatalf("frame %d of the gap %d to %d carries %s", n, stood, back, got)
		}
	}
	left := w.opus + 1 // the maker gave its lease back here, and published all that it had
	w.sounds(back, left-2, gap)
	if w.last != left-1 {
		t.Fatalf("frames up to %d of %d were published at the end", w.last, left-1)
	}

	// Nobody has to say again that he needs it: the successor heard it.
	first := mix.at
	r.machine.at = map[time.Duration]func(*machine){}
	r.machine.mono += time.Second
	follow := w.wire.to
	cfg.Acquire = func(context.Context) (channel.Lease, error) {
		for _, to := range w.wire.to[len(follow):] {
			to.Takeover(tape.Takeover{Term: 1})
			to.Frame(tape.Opus48, tape.Frame{N: left - 1, Term: 1, Packet: []byte("x")})
			to.Frame(tape.AAC64, tape.Frame{N: left - 4, Term: 1, Packet: tape.SilentUnit})
		}
		r.machine.mono += 500 * time.Millisecond
		r.lease.term++
		return r.lease, nil
	}
	r.runMaker(t, channel.NewMaker(cfg, room.Facts{ID: "harbour", State: room.Doors}), 20*time.Second)
	if r.lease.term != 2 || w.units.Missing(96, w.opus) != 0 {
		t.Fatalf("%d frames are missing up to %d in term %d", w.units.Missing(96, w.opus), w.opus, r.lease.term)
	}
	again := left // the first frame behind the gap that sounds
	for w.unit(again) == "silence" || w.unit(again) == "-" {
		again++
	}
	if again%16 != 0 || again-left > 60 {
		t.Errorf("the successor's sound begins with frame %d, %d after the lease came", again, again-left)
	}
	ticks := tape.Number(first / tape.FrameSamples)
	begun := w.opus + 1 - (tape.Number(mix.at)/tape.FrameSamples - ticks) // the first frame that it ticked
	w.sounds(again, w.opus-4, begun-ticks)
}
