package mix_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/mix"
)

// renumber moves the sequence numbers and timestamps of events.
func renumber(events []event, seq uint16, ts uint32) []event {
	for i := range events {
		events[i].seq += seq
		events[i].ts += ts
	}
	return events
}

// heardAt reports whether the tone is heard in the 100 ms from the time on.
func heardAt(heard []float32, at time.Duration) bool {
	from := int(at * rate / time.Second)
	db := rms(heard[from : from+rate/10])
	return db > -19 && db < -14
}

// What senders and networks do to a stream of a steady tone: its sound is back at the stated moment, without a click.
func TestStreamSurvives(t *testing.T) {
	packets := tonePackets(50 * 12)
	for _, tt := range []struct {
		name    string
		shape   func(v *mix.Voice, e []event) []event
		silent  time.Duration // the tone has faded here; 0: never
		back    time.Duration // the tone is heard from here on
		depth   time.Duration // at most, at the end
		restart uint64
	}{
		{
			name: "another source with other numbers",
			shape: func(_ *mix.Voice, e []event) []event {
				renumber(e[150:], 20000, 1<<31)
				return e
			},
			back: 3200 * time.Millisecond, depth: 35 * time.Millisecond, restart: 1,
		},
		{
			name: "another source with the same sequence numbers",
			shape: func(_ *mix.Voice, e []event) []event {
				renumber(e[150:], 0, 9_000_000)
				return e
			},
			back: 3200 * time.Millisecond, depth: 35 * time.Millisecond, restart: 1,
		},
		{
			name: "a first packet of another source",
			shape: func(_ *mix.Voice, e []event) []event {
				renumber(e[:1], 30000, 77777)
				return e
			},
			back: 200 * time.Millisecond, depth: 30 * time.Millisecond, restart: 1,
		},
		{
			name: "single packets of another source between",
			shape: func(v *mix.Voice, e []event) []event {
				for i := range 50 {
					other := e[100+i*7]
					other.seq += uint16(12345 * (i + 1))
					other.ts += uint32(777777 * (i + 1))
					e = append(e, other)
				}
				return e
			},
			back: 200 * time.Millisecond, depth: 30 * time.Millisecond,
		},
		{
			name: "a network gone for 3 s",
			shape: func(_ *mix.Voice, e []event) []event {
				return append(e[:150:150], e[300:]...)
			},
			silent: 4 * time.Second, back: 6100 * time.Millisecond, depth: 30 * time.Millisecond,
		},
		{
			name: "a pause of 3 s in which the timestamps stand still",
			shape: func(_ *mix.Voice, e []event) []event {
				for i := range e[150:] {
					e[150+i].at += 3 * time.Second
				}
				return e
			},
			silent: 4 * time.Second, back: 6200 * time.Millisecond, depth: 80 * time.Millisecond, restart: 1,
		},
		{
			name: "a pause of 400 ms in the timestamps, as senders of comfort noise make",
			shape: func(_ *mix.Voice, e []event) []event {
				renumber(e[170:], ^uint16(0)-20+1, 0)
				return append(e[:150:150], e[170:]...)
			},
			silent: 3300 * time.Millisecond, back: 3450 * time.Millisecond, depth: 30 * time.Millisecond,
		},
		{
			name: "a stall of 2 s, and then everything at once",
			shape: func(_ *mix.Voice, e []event) []event {
				for i := range e[150:250] {
					e[150+i].at = 5 * time.Second
				}
				return e
			},
			silent: 4 * time.Second, back: 5200 * time.Millisecond, depth: 250 * time.Millisecond,
		},
		{
			name: "each packet twice",
			shape: func(_ *mix.Voice, e []event) []event {
				return append(e, e...)
			},
			back: 200 * time.Millisecond, depth: 30 * time.Millisecond,
		},
		{
			name: "neighbours in exchanged order",
			shape: func(_ *mix.Voice, e []event) []event {
				for i := 0; i+1 < len(e); i += 2 {
					e[i].at += tick + time.Millisecond
				}
				return e
			},
			back: 300 * time.Millisecond, depth: 60 * time.Millisecond,
		},
		{
			name: "a way that becomes 80 ms longer",
			shape: func(_ *mix.Voice, e []event) []event {
				for i := range e[150:] {
					e[150+i].at += 80 * time.Millisecond
				}
				return e
			},
			back: 3300 * time.Millisecond, depth: 130 * time.Millisecond,
		},
		{
			name: "a way that becomes 80 ms shorter",
			shape: func(_ *mix.Voice, e []event) []event {
				for i := range e[:150] {
					e[i].at += 80 * time.Millisecond
				}
				return e
			},
			back: 3300 * time.Millisecond, depth: 130 * time.Millisecond,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := toneMixer(300, 0.25)
			v := open(t, m, "p1")
			heard := run(m, 12*time.Second, tt.shape(v, send(v, packets, tick, 5*time.Millisecond)), nil)
			s := v.Stats()
			t.Logf("%+v", s)
			if tt.silent > 0 && rms(heard[tt.silent*rate/time.Second:][:rate/50]) > -199 {
				t.Errorf("there is sound at %v, want silence", tt.silent)
			}
			for at := tt.back; at < 11800*time.Millisecond; at += 100 * time.Millisecond {
				if !heardAt(heard, at) {
					t.Fatalf("the tone is not heard at %v", at)
				}
			}
			for ms, db := range highs(heard) {
				if db > -60 {
					t.Errorf("a click of %.1f dB at %d ms", db, ms)
					break
				}
			}
			if s.Buffer > tt.depth {
				t.Errorf("the delay is %v at the end, want %v at most", s.Buffer, tt.depth)
			}
			if s.Restarts != tt.restart {
				t.Errorf("%d restarts are counted, want %d", s.Restarts, tt.restart)
			}
		})
	}
}

// Packets of all durations are played without holes.
func TestPacketDurations(t *testing.T) {
	for _, tt := range []struct {
		name string
		dur  time.Duration
	}{
		{"2.5", 2500 * time.Microsecond}, {"10", 10 * time.Millisecond}, {"40", 40 * time.Millisecond},
		{"60", 60 * time.Millisecond}, {"120", 120 * time.Millisecond},
	} {
		packets := load(t, fmt.Sprintf("ada-%s.ogg", tt.name))
		m := newMixer()
		v := open(t, m, "p1")
		heard := run(m, 2900*time.Millisecond, send(v, packets, tt.dur, 3*time.Millisecond), nil)
		s := v.Stats()
		if s.Lost+s.Late+s.Concealed+s.Errors+s.Discarded > 0 || s.Buffer > 40*time.Millisecond {
			t.Errorf("%s ms: %+v, want nothing lost and 40 ms at most", tt.name, s)
		}
		if got, want := rms(heard[rate:2*rate]), rms(decode(t, packets)[rate:2*rate])+s.GainDB; got < want-4 || got > want+4 {
			t.Errorf("%s ms: heard at %.1f dB, want %.1f", tt.name, got, want)
		}
	}
}

// Losses are mended from the redundancy in 20, 40 and 60 ms packets.
func TestRedundancyIsUsed(t *testing.T) {
	for _, tt := range []struct {
		file string
		dur  time.Duration
	}{{"ada.ogg", tick}, {"ada-40.ogg", 2 * tick}, {"ada-60.ogg", 3 * tick}} {
		packets := load(t, tt.file)
		m := newMixer()
		v := open(t, m, "p1")
		events := send(v, packets, tt.dur, 3*time.Millisecond)
		var got []event
		for i, e := range events {
			if i%10 != 9 {
				got = append(got, e)
			}
		}
		run(m, time.Duration(len(packets)-2)*tt.dur, got, nil)
		s := v.Stats()
		t.Logf("%s: %+v", tt.file, s)
		if s.Recovered*2 < s.Lost {
			t.Errorf("%s: %d of %d lost packets are recovered, want half at least", tt.file, s.Recovered, s.Lost)
		}
	}
}

// Between the rare packets of a sender who says "silence from here on", the decoder's comfort noise is heard, and nothing is called lost.
func TestDiscontinuousTransmission(t *testing.T) {
	packets := load(t, "ada.ogg")
	m := newMixer()
	v := open(t, m, "p1")
	events := send(v, packets, tick, 3*time.Millisecond)
	var got []event
	for i, e := range events[:400] {
		if i >= 100 && i < 300 {
			if i%20 != 0 {
				renumber(events[i+1:], ^uint16(0), 0)
				continue
			}
			e.payload = e.payload[:1]
		}
		got = append(got, e)
	}
	run(m, 7900*time.Millisecond, got, nil)
	s := v.Stats()
	if s.Lost+s.Late+s.Concealed+s.Discarded+s.Errors+s.Restarts > 0 || s.Buffer > 40*time.Millisecond {
		t.Errorf("%+v, want nothing lost", s)
	}
}
