package mix_test

import (
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/mix"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
)

const (
	rate  = 48000
	frame = mix.FrameSamples
	tick  = 20 * time.Millisecond
)

// load returns the packets of a file in testdata.
func load(t testing.TB, name string) [][]byte {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := ogg.NewReader(f)
	var packets [][]byte
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return packets
		}
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, slices.Clone(p.Data))
	}
}

// decode decodes packets in order, without losses.
func decode(t testing.TB, packets [][]byte) []float32 {
	t.Helper()
	dec := opus(t)
	var pcm []float32
	buf := make([]float32, 5760)
	for _, p := range packets {
		n, err := dec.Decode(p, buf)
		if err != nil {
			t.Fatal(err)
		}
		pcm = append(pcm, buf[:n]...)
	}
	return pcm
}

// encode encodes pcm as 20 ms packets of good quality.
func encode(t testing.TB, pcm []float32) [][]byte {
	t.Helper()
	enc, err := codec.NewOpusEncoder(codec.OpusConfig{Bitrate: 64000, Complexity: 5, Application: codec.Audio})
	if err != nil {
		t.Fatal(err)
	}
	var packets [][]byte
	buf := make([]byte, codec.MaxPacketBytes)
	for ; len(pcm) >= frame; pcm = pcm[frame:] {
		n, err := enc.Encode(pcm[:frame], buf)
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, slices.Clone(buf[:n]))
	}
	return packets
}

func opus(t testing.TB) *codec.OpusDecoder {
	t.Helper()
	dec, err := codec.NewOpusDecoder()
	if err != nil {
		t.Fatal(err)
	}
	return dec
}

func newMixer() *mix.Mixer {
	return mix.New(mix.Config{NewDecoder: func() (mix.Decoder, error) { return codec.NewOpusDecoder() }})
}

func open(t testing.TB, m *mix.Mixer, id string) *mix.Voice {
	t.Helper()
	v, err := m.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// event is a packet on its way to a mixer.
type event struct {
	voice   *mix.Voice
	seq     uint16
	ts      uint32
	payload []byte
	sent    time.Duration
	at      time.Duration
}

// send returns the packets as a sender makes them, each dur long, beginning at start, arriving at once. The numbers begin near their
// ends, so that every test sees them wrap.
func send(v *mix.Voice, packets [][]byte, dur, start time.Duration) []event {
	events := make([]event, len(packets))
	for i, p := range packets {
		at := start + time.Duration(i)*dur
		events[i] = event{v, uint16(65500 + i), uint32(math.MaxUint32-48000) + uint32(i)*uint32(dur*rate/time.Second), p, at, at}
	}
	return events
}

// lose drops each event with probability p.
func lose(events []event, p float64, r *rand.Rand) []event {
	return slices.DeleteFunc(slices.Clone(events), func(event) bool { return r.Float64() < p })
}

// delay delays each event by base and up to jitter more, evenly spread.
func delay(events []event, base, jitter time.Duration, r *rand.Rand) []event {
	events = slices.Clone(events)
	for i := range events {
		events[i].at += base
		if jitter > 0 {
			events[i].at += time.Duration(r.Int64N(int64(jitter)))
		}
	}
	return events
}

// run ticks m for d, pushing the events as they arrive, and returns what is heard. each, if not nil, is called after every tick.
func run(m *mix.Mixer, d time.Duration, events []event, each func(now time.Duration)) []float32 {
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b event) int { return int(a.at - b.at) })
	var heard []float32
	var out [frame]float32
	for now := time.Duration(0); now < d; now += tick {
		for len(events) > 0 && events[0].at <= now {
			e := &events[0]
			e.voice.Push(e.seq, e.ts, e.payload, e.at)
			events = events[1:]
		}
		m.Tick(out[:], now)
		heard = append(heard, out[:]...)
		if each != nil {
			each(now)
		}
	}
	return heard
}

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

// tone returns a steady tone.
func tone(hz, amplitude float64, d time.Duration) []float32 {
	pcm := make([]float32, int(d.Seconds()*rate))
	for i := range pcm {
		pcm[i] = float32(amplitude * math.Sin(2*math.Pi*hz*float64(i)/rate))
	}
	return pcm
}

func scaled(pcm []float32, db float64) []float32 {
	g := float32(math.Pow(10, db/20))
	out := make([]float32, len(pcm))
	for i, v := range pcm {
		out[i] = v * g
	}
	return out
}

// lesser returns n, or less where tests are to be short.
func lesser[T int | time.Duration](n, less T) T {
	if slow || testing.Short() {
		return less
	}
	return n
}
