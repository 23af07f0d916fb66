package channel_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/channel"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// stretches is what the seals are about.
func (w *wire) stretches() (all []string) {
	for _, s := range w.seals {
		all = append(all, fmt.Sprintf("%d-%d/%d", s.From, s.To, s.Term))
	}
	return all
}

// fit checks that each seal is true of what an edge heard.
func (w *wire) fit(t *testing.T) {
	t.Helper()
	for _, s := range w.seals {
		sum, ok := s.SumOf(tape.Opus48)
		if !ok || sum != tape.SumOf(s.From, w.ring.AppendPackets(nil, s.From, s.To)) {
			t.Errorf("the seal of frames %d to %d does not fit them", s.From, s.To)
		}
	}
}

func TestEverySegmentIsSealed(t *testing.T) {
	r := newRig()
	m := r.maker()
	r.machine.at[5*time.Second] = func(m *machine) { m.mu.Lock(); m.mono += 2 * time.Second; m.mu.Unlock() }
	r.machine.at[9*time.Second] = func(*machine) { m.SetFacts(room.Facts{ID: "harbour", State: room.Ended}) }
	r.machine.stop = time.Hour
	m.Run(t.Context())
	last := r.wire.ring.Newest()
	if last <= 384 || last >= 480 {
		t.Fatalf("%d frames were made", last)
	}
	want := []string{"0-96/1", "96-192/1", "192-288/1", "288-384/1", fmt.Sprintf("384-%d/1", last)}
	if got := r.wire.stretches(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("sealed %v, want %v", got, want)
	}
	r.wire.fit(t)
	silent := 0
	for _, s := range r.wire.seals {
		if len(s.Sums) != 2 {
			t.Errorf("%d variants are sealed, want 2", len(s.Sums))
		}
		for _, g := range s.Gaps {
			for n := g.From; n < g.To; n++ {
				if !r.wire.silent[n] || n < s.From || n >= s.To {
					t.Errorf("frame %d is declared a gap", n)
				}
				silent++
			}
		}
	}
	if silent != r.silence() || silent == 0 {
		t.Errorf("%d frames are declared silent, %d are", silent, r.silence())
	}
}

// A successor in the middle of a segment seals all of it where it heard the beginning, and else says from where it knows.
func TestSealsAcrossATakeover(t *testing.T) {
	for _, row := range []struct {
		name  string
		heard tape.Number // the successor hears the bus from this frame on
		want  tape.Number // the stretch of the first seal begins here
	}{
		{"HeardAll", 470, 480},
		{"HeardFromTheSegmentOn", 480, 480},
		{"MissedOne", 481, 506},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig()
			r.run(t, 9*time.Second)
			r.wire.seals = nil
			successor := newRig()
			successor.lease, successor.wire = r.lease, r.wire
			m := channel.NewMaker(channel.Config{
				Room: "harbour", Channel: tape.Floor, Bus: r.wire, Mix: successor.stage, Time: successor.machine,
				Acquire: func(context.Context) (channel.Lease, error) {
					for n := r.wire.ring.Newest(); n <= 505; n++ {
						// What was said before it listened, it did not hear.
						to := r.wire.to
						if n < row.heard {
							r.wire.to = nil
						}
						for _, v := range []tape.Variant{tape.Opus48, tape.Opus12} {
							err := r.wire.PublishFrame("harbour", tape.Floor, v, 0, tape.Frame{N: n, Term: 1, Packet: fmt.Append(nil, v, n)})
							if err != nil {
								return nil, err
							}
						}
						r.wire.to = to
					}
					r.lease.term++
					return r.lease, nil
				},
				Encoders: map[tape.Variant]channel.Encoder{tape.Opus48: &counter{1000}, tape.Opus12: &counter{2000}},
				Log:      slog.New(slog.DiscardHandler), HoldAfter: time.Second,
			}, room.Facts{ID: "harbour", State: room.Live})
			successor.runMaker(t, m, 4*time.Second)
			want := fmt.Sprintf("[%d-576/2 576-672/2]", row.want)
			if got := fmt.Sprint(r.wire.stretches()); got != want {
				t.Errorf("sealed %v, want %v", got, want)
			}
			r.wire.fit(t)
		})
	}
}
