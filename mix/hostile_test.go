package mix_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/epidaurus-live/epidaurus/mix"
)

// sane reports what must hold of every frame and every voice, whatever arrives.
func sane(t interface{ Fatalf(string, ...any) }, out []float32, v *mix.Voice) {
	for i, x := range out {
		if !(x >= -1 && x <= 1) {
			t.Fatalf("sample %d is %v", i, x)
		}
	}
	s := v.Stats()
	if s.Buffer > 300*time.Millisecond || s.Target > 200*time.Millisecond {
		t.Fatalf("the delay is not bounded: %+v", s)
	}
	if math.Abs(s.DriftPPM) > 1000 || s.GainDB < -20 || s.GainDB > 24 {
		t.Fatalf("the state is out of bounds: %+v", s)
	}
}

// Any order, loss, doubling and lateness: no panic, finite sound, bounded delay; and when the network is good again, so is the sound.
func TestAnyNetwork(t *testing.T) {
	packets, newMixer := load(t, "ada.ogg")[:250], newMixer
	if slow {
		packets, newMixer = tonePackets(250), func() *mix.Mixer { return toneMixer(300, 0.25) }
	}
	rapid.Check(t, func(t *rapid.T) {
		m := newMixer()
		v, err := m.Open("p1")
		if err != nil {
			t.Fatal(err)
		}
		loss := rapid.Float64Range(0, 0.6).Draw(t, "loss")
		doubled := rapid.Float64Range(0, 0.6).Draw(t, "doubled")
		jitter := time.Duration(rapid.IntRange(1, 400).Draw(t, "jitter ms")) * time.Millisecond
		stall := time.Duration(rapid.IntRange(0, 1500).Draw(t, "stall ms")) * time.Millisecond
		r := random(rapid.Uint64().Draw(t, "seed"))
		var events []event
		for i, e := range send(v, packets, tick, 0) {
			bad := i < 150
			switch {
			case bad && r.Float64() < loss:
				continue
			case bad:
				e.at += time.Duration(r.Int64N(int64(jitter)))
				if e.at > time.Second && e.at < time.Second+stall {
					e.at = time.Second + stall
				}
			}
			events = append(events, e)
			if bad && r.Float64() < doubled {
				e.at += time.Duration(r.Int64N(int64(jitter)))
				events = append(events, e)
			}
		}
		var before mix.VoiceStats
		now := time.Duration(0)
		for ; now < 5*time.Second; now += tick {
			var due []event
			for _, e := range events {
				if e.at <= now && e.at > now-tick {
					due = append(due, e)
				}
			}
			for _, e := range due {
				v.Push(e.seq, e.ts, e.payload, e.at)
			}
			var out [frame]float32
			m.Tick(out[:], now)
			sane(t, out[:], v)
			if now == 4*time.Second {
				before = v.Stats()
			}
		}
		after := v.Stats()
		if after.Concealed+after.Lost != before.Concealed+before.Lost {
			t.Fatalf("the network is good for a second, and yet: %+v, then %+v", before, after)
		}
	})
}

// A sender who means harm: any numbers, any bytes, in any quantity, at any time.
func FuzzPush(f *testing.F) {
	speech := load(f, "ada.ogg")
	var calm []byte
	for i := range 20 {
		calm = append(calm, record(uint16(i), uint32(i*frame), 20, byte(i))...)
	}
	f.Add(calm)
	r := rand.New(rand.NewPCG(1, 2))
	var wild []byte
	for range 100 {
		wild = append(wild, record(uint16(r.Uint32()), r.Uint32(), byte(r.Uint32()), byte(r.Uint32()))...)
	}
	f.Add(wild)
	f.Fuzz(func(t *testing.T, script []byte) {
		m := newMixer()
		v := open(t, m, "p1")
		var out [frame]float32
		now, at := time.Duration(0), time.Duration(0)
		for ; len(script) >= recordSize; script = script[recordSize:] {
			seq, ts := binary.BigEndian.Uint16(script), binary.BigEndian.Uint32(script[2:])
			at += time.Duration(script[6]) * time.Millisecond
			payload := speech[int(script[7])%len(speech)]
			if script[7] >= 200 { // not Opus, or not quite
				payload = script[:min(len(script), int(script[7]))]
			}
			v.Push(seq, ts, payload, at)
			for ; now < at; now += tick {
				m.Tick(out[:], now)
				sane(t, out[:], v)
			}
		}
	})
}

const recordSize = 8

func record(seq uint16, ts uint32, wait, kind byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, seq)
	b = binary.BigEndian.AppendUint32(b, ts)
	return append(b, wait, kind)
}
