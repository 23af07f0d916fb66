//go:build !noaac

package codec_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/pack/adts"
	"github.com/epidaurus-live/epidaurus/tape"
)

// unitsOf encodes whole blocks of pcm and returns the units of its blocks, and the one of the silence before them.
func unitsOf(t testing.TB, pcm []float32) (units [][]byte) {
	t.Helper()
	e, err := codec.NewAACEncoder(codec.AACBitrate)
	if err != nil {
		t.Fatal(err)
	}
	unit := make([]byte, codec.MaxUnitBytes)
	for at := 0; at+codec.UnitSamples <= len(pcm)+codec.AACDelay*codec.UnitSamples; at += codec.UnitSamples {
		block := make([]float32, codec.UnitSamples)
		if at < len(pcm) {
			copy(block, pcm[at:])
		}
		n, err := e.Encode(block, unit)
		if err != nil {
			t.Fatal(err)
		}
		if (n == 0) != (at == 0) {
			t.Fatalf("the call at sample %d gave %d bytes", at, n)
		}
		if n > 0 {
			units = append(units, bytes.Clone(unit[:n]))
		}
	}
	return units
}

// heard is what ffmpeg hears.
func heard(t testing.TB, units [][]byte) (pcm []float32) {
	t.Helper()
	var stream []byte
	for _, u := range units {
		stream = adts.AppendUnit(stream, u)
	}
	// Its messages are failures: -xerror, and filter looks at the exit.
	out := filter(t, stream, "ffmpeg", "-v", "error", "-xerror", "-f", "aac", "-i", "-", "-f", "f32le", "-")
	for i := 0; i+4 <= len(out); i += 4 {
		pcm = append(pcm, math.Float32frombits(binary.LittleEndian.Uint32(out[i:])))
	}
	return pcm
}

// What ffmpeg makes of a unit is the block that the unit is of, to the sample: the sound sits on the timeline.
func TestAACSitsOnTheTimeline(t *testing.T) {
	pcm := speechOf(t)[:200*codec.UnitSamples]
	got := heard(t, unitsOf(t, pcm))
	if len(got) != len(pcm)+codec.UnitSamples {
		t.Fatalf("%d samples came of %d and a unit before them", len(got), len(pcm))
	}
	if l := level(got[:codec.UnitSamples]); l > -55 {
		t.Errorf("the silence before the sound is at %.1f dBFS", l)
	}
	got = got[codec.UnitSamples:]
	best, at := 0.0, 0
	for shift := -1200; shift <= 1200; shift++ {
		sum := 0.0
		for i := 2000; i < len(pcm)-2000; i++ {
			sum += float64(pcm[i]) * float64(got[i+shift])
		}
		if sum > best {
			best, at = sum, shift
		}
	}
	if at != 0 {
		t.Errorf("the sound is %d samples late", at)
	}
	if d := difference(got, pcm) - level(pcm); d > -12 {
		t.Errorf("the sound differs by %.1f dB", d)
	}
}

// Two pure tones come out pure, at the rate that was asked for.
func TestAACPurityAndRate(t *testing.T) {
	units := unitsOf(t, tones(6, 440, 660))
	got := heard(t, units)
	window := got[2*codec.SampleRate : 3*codec.SampleRate]
	rest, line := restBeside(window, 440, 660), strongestLine(got[2*codec.SampleRate:], 440, 660)
	speech := unitsOf(t, speechOf(t)[:700*codec.UnitSamples])
	rate := func(units [][]byte) float64 {
		n := 0
		for _, u := range units {
			n += len(u)
		}
		return float64(n) * 8 / 1000 / (float64(len(units)) * codec.UnitSamples / codec.SampleRate)
	}
	t.Logf("rest %.1f dB, strongest line %.1f dB; tones %.1f kbit/s, speech %.1f kbit/s", rest, line, rate(units), rate(speech))
	if rest > -33 || line > -46 {
		t.Errorf("beside the tones there are %.1f dB, the strongest line of it at %.1f dB", rest, line)
	}
	if r := rate(speech); r < 40 || r > 68 {
		t.Errorf("speech takes %.1f kbit/s", r)
	}
}

// A declared gap is valid AAC and silent, wherever it lies in the sound, and the sound goes on after it.
func TestSilentUnitIsSilence(t *testing.T) {
	sound := unitsOf(t, tones(2, 440, 660))
	var gap [][]byte
	for range 20 {
		gap = append(gap, tape.SilentUnit)
	}
	got := heard(t, slices.Concat(sound[:40], gap, sound[40:80]))
	if len(got) != 100*codec.UnitSamples {
		t.Fatalf("%d samples came of 100 units", len(got))
	}
	// The last unit before a gap ends in its first block.
	if l := level(got[41*codec.UnitSamples : 60*codec.UnitSamples]); l > -120 {
		t.Errorf("a gap sounds at %.1f dBFS", l)
	}
	if before, after := level(got[30*codec.UnitSamples:40*codec.UnitSamples]), level(got[70*codec.UnitSamples:80*codec.UnitSamples]); math.Abs(before-after) > 1 {
		t.Errorf("before the gap there are %.1f dBFS, behind it %.1f", before, after)
	}
}

// After a Reset the units are those of a new encoder: two makers that begin at one frame make the same bytes.
func TestAACReset(t *testing.T) {
	pcm := speechOf(t)[:50*codec.UnitSamples]
	e, err := codec.NewAACEncoder(codec.AACBitrate)
	if err != nil {
		t.Fatal(err)
	}
	unit := make([]byte, codec.MaxUnitBytes)
	encode := func() (all []byte) {
		for at := 0; at < len(pcm); at += codec.UnitSamples {
			n, err := e.Encode(pcm[at:at+codec.UnitSamples], unit)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, unit[:n]...)
		}
		return all
	}
	first := encode()
	err = e.Reset()
	if err != nil || !bytes.Equal(first, encode()) {
		t.Errorf("the units differ after Reset (%v)", err)
	}
}

// What a broken mix gives the encoder may sound bad, but must not stop it.
func TestAACWildSound(t *testing.T) {
	e, err := codec.NewAACEncoder(codec.AACBitrate)
	if err != nil {
		t.Fatal(err)
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	rnd := rand.New(rand.NewPCG(1, 1))
	block, unit := make([]float32, codec.UnitSamples), make([]byte, codec.MaxUnitBytes)
	var units [][]byte
	for i, wild := range []float32{0, 1, 100, 1e30, -inf, inf, nan, 1e-42, 0, 1, 0, 0} {
		for k := range block {
			block[k] = wild * (rnd.Float32() - 0.5)
		}
		n, err := e.Encode(block, unit)
		if err != nil {
			t.Fatalf("block %d: %v", i, err)
		}
		if n > 0 {
			units = append(units, bytes.Clone(unit[:n]))
		}
	}
	if got := heard(t, units); len(got) != 11*codec.UnitSamples {
		t.Errorf("%d samples came of 11 units", len(got))
	}
	if _, err := e.Encode(block[1:], unit); !errors.Is(err, codec.ErrFrameSize) {
		t.Errorf("1023 samples: %v", err)
	}
	if _, err := e.Encode(block, unit[1:]); !errors.Is(err, codec.ErrShortPacketBuffer) {
		t.Errorf("short buffer: %v", err)
	}
	if _, err := codec.NewAACEncoder(-1); err == nil {
		t.Error("a negative rate is taken")
	}
}

func BenchmarkAAC(b *testing.B) {
	pcm := speechOf(b)
	e, err := codec.NewAACEncoder(codec.AACBitrate)
	if err != nil {
		b.Fatal(err)
	}
	unit := make([]byte, codec.MaxUnitBytes)
	b.ReportAllocs()
	at := 0
	for b.Loop() {
		if _, err := e.Encode(pcm[at:at+codec.UnitSamples], unit); err != nil {
			b.Fatal(err)
		}
		at = (at + codec.UnitSamples) % (len(pcm) / codec.UnitSamples * codec.UnitSamples)
	}
}
