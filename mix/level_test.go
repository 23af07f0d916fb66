package mix_test

import (
	"math"
	"testing"
	"time"
)

// spoken returns packets of the voice in the file at the loudness lufs, made loud as microphones do it: what is too high is bent.
func spoken(t testing.TB, file string, lufs float64) [][]byte {
	t.Helper()
	pcm := decode(t, load(t, file))
	gain := 0.0
	var out []float32
	for range 4 {
		out = scaled(pcm, gain)
		for i, v := range out {
			out[i] = float32(math.Tanh(float64(v)))
		}
		now, _ := measure(t, out)
		if math.Abs(now-lufs) < 0.2 {
			break
		}
		gain += lufs - now
	}
	return encode(t, out)
}

// gainSpeed follows a gain and keeps its greatest movement within a second.
type gainSpeed struct{ gains []float64 }

func (g *gainSpeed) add(db float64) { g.gains = append(g.gains, db) }

func (g *gainSpeed) fastest(fromTick int) float64 {
	var most float64
	for i := max(fromTick, 50); i < len(g.gains); i++ {
		most = max(most, math.Abs(g.gains[i]-g.gains[i-50]))
	}
	return most
}

// A voice at -30 and one at -12 LUFS leave within 3 LU of each other, each near -18: from the fifth second on, and not far from it from
// the second on. Once a voice is known its gain moves by less than 3 dB in a second.
func TestVoicesLeaveEquallyLoud(t *testing.T) {
	type result struct{ early, later float64 }
	var results []result
	for _, tt := range []struct {
		name, file string
		lufs       float64
	}{
		{"ada at -30", "ada.ogg", -30},
		{"ada at -12", "ada.ogg", -12},
		{"grace at -30", "grace.ogg", -30},
		{"grace at -12", "grace.ogg", -12},
		{"grace at -40", "grace.ogg", -40},
	}[:lesser(5, 2)] {
		packets := spoken(t, tt.file, tt.lufs)
		m := newMixer()
		v := open(t, m, "p1")
		var speed gainSpeed
		heard := run(m, time.Duration(len(packets))*tick, send(v, packets, tick, 0), func(time.Duration) { speed.add(v.Stats().GainDB) })
		var r result
		r.early, _ = measure(t, heard[1*rate:5*rate])
		r.later, _ = measure(t, heard[5*rate:])
		results = append(results, r)
		t.Logf("%s: %.1f LUFS in seconds 2 to 5, %.1f later; gain %.1f dB, at most %.2f dB/s", tt.name, r.early, r.later,
			v.Stats().GainDB, speed.fastest(5*50))
		if math.Abs(r.later+18) > 1.5 {
			t.Errorf("%s leaves at %.1f LUFS, want -18 +- 1.5", tt.name, r.later)
		}
		if fastest := speed.fastest(5 * 50); fastest > 3 {
			t.Errorf("%s: the gain moves by %.1f dB in a second, want 3 at most", tt.name, fastest)
		}
	}
	for i, a := range results {
		for j, b := range results[:i] {
			if math.Abs(a.later-b.later) > 3 {
				t.Errorf("voices %d and %d leave at %.1f and %.1f LUFS, want them within 3 LU", i, j, a.later, b.later)
			}
		}
	}
}

// Noise between the words is not speech: neither a long pause nor noise from the beginning moves the gain.
func TestNoiseDoesNotSwell(t *testing.T) {
	r := random(5)
	noise := func(pcm []float32, db float64) []float32 {
		amplitude := math.Pow(10, db/20) * math.Sqrt(3)
		for i := range pcm {
			pcm[i] += float32((2*r.Float64() - 1) * amplitude)
		}
		return pcm
	}
	speech := scaled(decode(t, load(t, "grace.ogg")), -5)
	pause := make([]float32, 20*rate)
	for _, tt := range []struct {
		name string
		pcm  []float32
		from time.Duration
	}{
		{"a pause after speech", noise(append(speech, pause...), -50), time.Duration(len(speech))*time.Second/rate + 500*time.Millisecond},
		{"noise from the beginning", noise(make([]float32, 20*rate), -50), 0},
		{"loud noise from the beginning", noise(make([]float32, 20*rate), -35), 0},
	} {
		m := newMixer()
		v := open(t, m, "p1")
		packets := encode(t, tt.pcm)
		least, most := math.Inf(1), math.Inf(-1)
		run(m, time.Duration(len(packets))*tick, send(v, packets, tick, 0), func(now time.Duration) {
			if now >= tt.from {
				least, most = min(least, v.Stats().GainDB), max(most, v.Stats().GainDB)
			}
		})
		t.Logf("%s: %.2f to %.2f dB", tt.name, least, most)
		if most-least > 0.5 {
			t.Errorf("%s: the gain moves from %.1f to %.1f dB, want it to stay", tt.name, least, most)
		}
	}
}

// A speaker who comes back has the level that he left with.
func TestLevelIsRememberedAcrossReconnects(t *testing.T) {
	packets := spoken(t, "grace.ogg", -32)
	m := newMixer()
	v := open(t, m, "grace")
	run(m, 10*time.Second, send(v, packets, tick, 0), nil)
	before := v.Stats().GainDB
	v.Close()
	run(m, tick, nil, nil)
	again, other := open(t, m, "grace"), open(t, m, "ada")
	run(m, tick, nil, nil)
	if got := again.Stats().GainDB; got != before || before < 10 {
		t.Errorf("the gain is %.1f dB before and %.1f after, want the same and 10 at least", before, got)
	}
	if got := other.Stats().GainDB; got != 0 {
		t.Errorf("another speaker begins with %.1f dB, want 0", got)
	}
}
