package mix_test

import (
	"math"
	"testing"
	"time"
)

func rms(x []float32) float64 {
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return 10 * math.Log10(sum/float64(len(x))+1e-20)
}

// steps returns the greatest step between two samples.
func steps(x []float32) float64 {
	var most float64
	for i := 1; i < len(x); i++ {
		most = max(most, math.Abs(float64(x[i]-x[i-1])))
	}
	return most
}

func TestHoldFadesInAndMakesRoomForTheFirstWord(t *testing.T) {
	m := newMixer()
	m.SetHold(tone(220, 0.9, 3*time.Second)) // the seam joins whole periods, of equal power: a tone is 3 dB louder there
	m.Hold(true)
	in := run(m, 8*time.Second, nil, nil)
	m.Hold(false)
	out := run(m, 2*time.Second, nil, nil)

	lufs, _ := measure(t, in[2*rate:])
	if math.Abs(lufs+24) > 0.5 {
		t.Errorf("the hold sound is at %.1f LUFS, want -24", lufs)
	}
	full := rms(in[4*rate : 5*rate])
	for _, tt := range []struct {
		name  string
		part  []float32
		least float64
		most  float64
	}{
		{"at once when it begins", in[:rate/50], -200, full - 20},
		{"after a second", in[rate+rate/50 : 2*rate], full - 0.5, full + 0.5},
		{"over the seam", in[3*rate-rate/10 : 3*rate+rate/10], full - 0.5, full + 3.1},
		{"200 ms after its end", out[rate/5 : rate/4], full - 18, full - 10},
		{"500 ms after its end", out[rate/2 : rate/2+rate/20], full - 40, full - 25},
		{"1.1 s after its end", out[rate+rate/10:], -201, -199},
	} {
		if got := rms(tt.part); got < tt.least || got > tt.most {
			t.Errorf("%s: %.1f dB, want %.1f to %.1f", tt.name, got, tt.least, tt.most)
		}
	}
	if got, want := steps(append(in, out...)), steps(in[4*rate:5*rate]); got > want*1.45 {
		t.Errorf("the greatest step is %.4f, want that of the tone at the seam, 1.45 times %.4f", got, want)
	}
}

func TestHoldIsReplacedWithoutAClick(t *testing.T) {
	m := newMixer()
	m.SetHold(tone(220, 0.5, time.Second))
	m.Hold(true)
	heard := run(m, 3*time.Second+10*time.Millisecond, nil, nil)
	m.SetHold(tone(330, 0.5, time.Second))
	heard = append(heard, run(m, 3*time.Second, nil, nil)...)
	m.SetHold(nil)
	heard = append(heard, run(m, time.Second, nil, nil)...)
	for ms, db := range highs(heard) {
		if db > -75 {
			t.Fatalf("a click of %.1f dB at %d ms", db, ms)
		}
	}
	if got := rms(heard[6*rate+rate/10:]); got > -199 {
		t.Errorf("no hold sound is at %.1f dB, want silence", got)
	}
}

// A loop whose end does not fit its beginning, and one of unusable samples, do no harm.
func TestHoldTakesAnyLoop(t *testing.T) {
	for _, pcm := range [][]float32{{}, {0}, {1}, {float32(math.NaN()), float32(math.Inf(1)), 4}, tone(441.3, 0.5, 777*time.Millisecond)} {
		m := newMixer()
		m.SetHold(pcm)
		m.Hold(true)
		heard := run(m, 2*time.Second, nil, nil)
		if s := steps(heard); !(s <= 0.2) {
			t.Errorf("a loop of %d samples leaves steps of %v", len(pcm), s)
		}
	}
}
