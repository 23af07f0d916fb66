package mix_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/mix"
)

// Clicks are sought as 1 ms of energy above 6 kHz that exceeds what Opus's own concealment leaves of the same packets near the same
// moment of speech; or, where packets carry redundancy, what was really said, because that is then heard again. What is below
// clickFloor is not heard beside a voice at -18 LUFS.
const (
	clickBlock  = rate / 1000
	clickExcess = 12.0 // dB
	clickFloor  = -65.0
	clickNear   = 20 // ms
	limiterMS   = 4
)

// highs returns the energy above 6 kHz of each millisecond of pcm, in dBFS: behind a Butterworth filter of the eighth order.
func highs(pcm []float32) []float64 {
	x := make([]float64, len(pcm))
	for i, v := range pcm {
		x[i] = float64(v)
	}
	w := 2 * math.Pi * 6000 / rate
	for _, q := range []float64{0.5098, 0.6013, 0.9000, 2.5629} {
		alpha, c := math.Sin(w)/(2*q), math.Cos(w)
		a0 := 1 + alpha
		b0, b1, a1, a2 := (1+c)/2/a0, -(1+c)/a0, -2*c/a0, (1-alpha)/a0
		var z1, z2 float64
		for i, v := range x {
			y := b0*v + z1
			z1 = b1*v - a1*y + z2
			z2 = b0*v - a2*y
			x[i] = y
		}
	}
	db := make([]float64, len(x)/clickBlock)
	for b := range db {
		var sum float64
		for _, v := range x[b*clickBlock : (b+1)*clickBlock] {
			sum += v * v
		}
		db[b] = 10 * math.Log10(sum/clickBlock+1e-12)
	}
	return db
}

// plain decodes packets as a decoder does by itself: what is missing is concealed.
func plain(t testing.TB, packets [][]byte, missing []bool) []float32 {
	t.Helper()
	dec := opus(t)
	var pcm []float32
	buf := make([]float32, 5760)
	for i, p := range packets {
		if missing[i] {
			if err := dec.Conceal(buf[:frame]); err != nil {
				t.Fatal(err)
			}
			pcm = append(pcm, buf[:frame]...)
			continue
		}
		n, err := dec.Decode(p, buf)
		if err != nil {
			t.Fatal(err)
		}
		pcm = append(pcm, buf[:n]...)
	}
	return pcm
}

// trace is a sender and the way of his packets.
type trace struct {
	packets  [][]byte
	restores bool // the packets carry redundancy
	shape    func([]event, *rand.Rand) []event
	mutes    bool // the decoder leaves holes instead of concealing
}

func (tr trace) decoder(t testing.TB) mix.Decoder {
	if tr.mutes {
		return holes{opus(t)}
	}
	return opus(t)
}

// holes is a decoder that does not conceal.
type holes struct{ *codec.OpusDecoder }

func (holes) Conceal(pcm []float32) error {
	clear(pcm)
	return nil
}

func (h holes) Recover(_ []byte, pcm []float32) error { return h.Conceal(pcm) }

// worstClick plays the trace and returns by how many dB its worst click stands above what may be there.
func (tr trace) worstClick(t testing.TB, seed uint64) float64 {
	t.Helper()
	const start = 7 * time.Millisecond
	m := mix.New(mix.Config{NewDecoder: func() (mix.Decoder, error) { return tr.decoder(t), nil }})
	v := open(t, m, "ada")
	events := tr.shape(send(v, tr.packets, tick, start), random(seed))
	missing := slices.Repeat([]bool{true}, len(tr.packets))
	fastest := time.Duration(math.MaxInt64)
	for _, e := range events {
		missing[int(e.sent/tick)] = false
		fastest = min(fastest, e.at-e.sent)
	}
	var gains, delays []float64
	heard := run(m, time.Duration(len(tr.packets))*tick, events, func(time.Duration) {
		s := v.Stats()
		gains = append(gains, s.GainDB)
		delays = append(delays, (start+fastest+s.Buffer).Seconds()*1000+limiterMS)
	})
	may := highs(plain(t, tr.packets, missing))
	if tr.restores {
		for i, db := range highs(decode(t, tr.packets)) {
			may[i] = max(may[i], db)
		}
	}
	worst, at := math.Inf(-1), 0
	for ms, db := range highs(heard) {
		place := ms - int(delays[ms/20])
		near := clickFloor
		for o := max(0, place-clickNear); o <= min(place+clickNear, len(may)-1); o++ {
			near = max(near, may[o])
		}
		if excess := db - gains[ms/20] - near; excess > worst {
			worst, at = excess, ms
		}
	}
	t.Logf("seed %d: %.1f dB at %d ms; %+v", seed, worst, at, v.Stats())
	return worst
}

func lossy(e []event, r *rand.Rand) []event {
	return delay(lose(e, 0.05, r), 40*time.Millisecond, time.Millisecond, r)
}

func TestClickMeterHearsHoles(t *testing.T) {
	tr := trace{packets: encode(t, decode(t, load(t, "ada.ogg"))), shape: lossy, mutes: true}
	if worst := tr.worstClick(t, 1); worst < clickExcess+6 {
		t.Errorf("holes instead of concealment measure %.1f dB, want a click well above %v", worst, clickExcess)
	}
}

func TestLossAndJitterLeaveNoClick(t *testing.T) {
	redundant := load(t, "ada.ogg")
	bare := encode(t, decode(t, redundant))
	jittery := func(e []event, r *rand.Rand) []event {
		return delay(e, 40*time.Millisecond, 100*time.Millisecond, r)
	}
	both := func(e []event, r *rand.Rand) []event {
		return delay(lose(e, 0.05, r), 40*time.Millisecond, 100*time.Millisecond, r)
	}
	stalls := func(e []event, r *rand.Rand) []event {
		e = delay(e, 40*time.Millisecond, time.Millisecond, r)
		for i := range e { // each fifth second the way is closed for 150 ms
			if into := e[i].at % (5 * time.Second); into < 150*time.Millisecond && e[i].at > time.Second {
				e[i].at += 150*time.Millisecond - into
			}
		}
		return e
	}
	for _, tt := range []struct {
		name string
		trace
	}{
		{"5 % loss", trace{packets: bare, restores: false, shape: lossy}},
		{"5 % loss, redundancy", trace{packets: redundant, restores: true, shape: lossy}},
		{"100 ms of jitter", trace{packets: bare, restores: false, shape: jittery}},
		{"100 ms of jitter, redundancy", trace{packets: redundant, restores: true, shape: jittery}},
		{"5 % loss and 100 ms of jitter", trace{packets: bare, restores: false, shape: both}},
		{"5 % loss and 100 ms of jitter, redundancy", trace{packets: redundant, restores: true, shape: both}},
		{"stalls of 150 ms", trace{packets: redundant, restores: true, shape: stalls}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(lesser(3, 1)) {
				if worst := tt.worstClick(t, seed); worst > clickExcess {
					t.Errorf("seed %d: a click stands %.1f dB above what may be there, want %v at most", seed, worst, clickExcess)
				}
			}
		})
	}
}
