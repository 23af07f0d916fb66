//go:build !noaac

package codec_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/pack/adts"
	"github.com/epidaurus-live/epidaurus/tape"
)

// hardSounds are what costs an encoder most, of some seconds each.
func hardSounds(t testing.TB) map[string][]float32 {
	const seconds = 8
	rnd := rand.New(rand.NewPCG(1, 1))
	noise := func(loud float32) []float32 {
		pcm := make([]float32, seconds*codec.SampleRate)
		for i := range pcm {
			pcm[i] = loud * (2*rnd.Float32() - 1)
		}
		return pcm
	}
	each := func(f func(i int) float64) []float32 {
		pcm := make([]float32, seconds*codec.SampleRate)
		for i := range pcm {
			pcm[i] = float32(f(i))
		}
		return pcm
	}
	bursts := noise(0.8) // of 50 ms, four times a second
	for i := range bursts {
		if i%(codec.SampleRate/4) > codec.SampleRate/20 {
			bursts[i] *= 0.001
		}
	}
	steps := noise(1) // louder and softer every unit
	for i := range steps {
		steps[i] *= float32(i / codec.UnitSamples % 3)
	}
	return map[string][]float32{
		"speech": speechOf(t), "tones": tones(seconds, 440, 660), "chord": tones(seconds, 110, 220, 331, 440, 553, 660, 880, 1320, 2640, 5280),
		"noise": noise(1), "soft noise": noise(0.01), "bursts": bursts, "steps": steps,
		"knocks": each(func(i int) float64 {
			if i%1777 == 0 {
				return 1
			}
			return 0
		}),
		"square": each(func(i int) float64 { return math.Copysign(0.9, math.Sin(2*math.Pi*313*float64(i)/codec.SampleRate)) }),
		"sweep": each(func(i int) float64 {
			at := float64(i) / codec.SampleRate
			return 0.9 * math.Sin(2*math.Pi*(50*at+1200*at*at))
		}),
		"silence": each(func(int) float64 { return 0 }),
	}
}

// Whatever is encoded, the units of a group of ICY fit into its bytes, wherever it begins: nothing is silenced.
func TestGroupsFit(t *testing.T) {
	const units = 45
	for name, pcm := range hardSounds(t) {
		var sizes []int
		all := unitsOf(t, pcm[:len(pcm)/codec.UnitSamples*codec.UnitSamples])
		for at := 0; at+units <= len(all); at++ {
			size := 0
			for _, u := range all[at : at+units] {
				size += len(adts.AppendUnit(nil, u))
			}
			sizes = append(sizes, size)
		}
		slices.Sort(sizes)
		most := sizes[len(sizes)-1]
		t.Logf("%-10s the least %d, half of them up to %d, the most %d bytes (%.1f kbit/s)", name, sizes[0], sizes[len(sizes)/2], most, float64(most)*8/960)
		if most > adts.GroupBytes {
			t.Errorf("%s: a group of %d bytes", name, most)
		}
	}
}

// Filled up to the length of groups the units sound the same, sample for sample.
func TestFilledUnitsSoundTheSame(t *testing.T) {
	for name, pcm := range map[string][]float32{"speech": speechOf(t)[:400*codec.UnitSamples], "silence": make([]float32, 100*codec.UnitSamples)} {
		units := unitsOf(t, pcm)
		var packets [][]byte
		for n := tape.Number(0); len(units) > 0; n++ {
			p := tape.NoUnit
			if _, ok := n.Unit(); ok {
				p, units = units[0], units[1:]
			}
			packets = append(packets, p)
		}
		var filled, plain []byte
		for from := tape.Number(0); int(from)+adts.GroupFrames <= len(packets); from += adts.GroupFrames {
			group := packets[from : from+adts.GroupFrames]
			filled, _ = adts.AppendGroup(filled, from, group, adts.GroupBytes)
			plain = adts.AppendFrames(plain, from, group)
		}
		if got, want := sound(t, filled), sound(t, plain); len(filled) <= len(plain) || len(want) == 0 || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes of sound from %d, %d from %d that are not filled up", name, len(got), len(filled), len(want), len(plain))
		}
	}
}

// sound is what ffmpeg makes of a stream.
func sound(t testing.TB, stream []byte) []byte {
	t.Helper()
	return filter(t, stream, "ffmpeg", "-v", "error", "-xerror", "-f", "aac", "-i", "-", "-f", "f32le", "-")
}
