package wav_test

import (
	"math"
	"testing"

	"github.com/epidaurus-live/epidaurus/internal/wav"
)

func TestResampleKeepsTones(t *testing.T) {
	cases := []struct {
		rate int
		hz   float64
	}{
		{44100, 100}, {44100, 1000}, {44100, 10_000}, {44100, 19_000},
		{8000, 3000}, {16000, 7000}, {22050, 9000}, {96000, 19_000}, {192000, 1000}, {47999, 1000}, {47999, 12_000}, {12345, 2000},
	}
	for _, c := range cases {
		out := wav.Resample(tone(c.hz, c.rate, c.rate), c.rate)
		if len(out) != wav.Rate {
			t.Errorf("%d Hz: %d samples, want %d", c.rate, len(out), wav.Rate)
		}
		// Also proves that there is no delay.
		if d := distance(out, tone(c.hz, wav.Rate, len(out))); d > -75 {
			t.Errorf("%g Hz of %d: differs by %.1f dB", c.hz, c.rate, d)
		}
	}
}

func TestResampleRejectsAliases(t *testing.T) {
	out := wav.Resample(tone(30_000, 96000, 96000), 96000)
	loudest := 0.0
	for _, v := range out[500 : len(out)-500] {
		loudest = max(loudest, math.Abs(float64(v)))
	}
	if db := 20 * math.Log10(loudest/0.5); db > -85 {
		t.Errorf("30 kHz folds back at %.1f dB", db)
	}
}

func TestResampleShortSound(t *testing.T) {
	for _, rate := range []int{1000, 44100, 192000} {
		for n := range 5 {
			want := int(math.Ceil(float64(n) * wav.Rate / float64(rate)))
			if got := len(wav.Resample(make([]float32, n), rate)); got != want {
				t.Errorf("%d samples at %d Hz give %d, want %d", n, rate, got, want)
			}
		}
	}
}

func BenchmarkResample44100(b *testing.B) {
	pcm := tone(1000, 44100, 44100)
	b.SetBytes(44100 * 4)
	for b.Loop() {
		wav.Resample(pcm, 44100)
	}
}
