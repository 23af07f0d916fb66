//go:build !noaac

package codec_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/tape"
)

// opusOf encodes whole frames of pcm as opus-48, the variant that AAC is made of.
func opusOf(t testing.TB, pcm []float32) (packets [][]byte) {
	t.Helper()
	e := encoder(t, codec.ForVariant(tape.Opus48))
	packet := make([]byte, codec.MaxPacketBytes)
	for at := 0; at+tape.FrameSamples <= len(pcm); at += tape.FrameSamples {
		n, err := e.Encode(pcm[at:at+tape.FrameSamples], packet)
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, bytes.Clone(packet[:n]))
	}
	return packets
}

// decoded is what one decoder hears of packets.
func decoded(t testing.TB, packets [][]byte) (pcm []float32) {
	t.Helper()
	d, err := codec.NewOpusDecoder()
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]float32, codec.MaxFrameSamples)
	for _, p := range packets {
		n, err := d.Decode(p, frame)
		if err != nil {
			t.Fatal(err)
		}
		pcm = append(pcm, frame[:n]...)
	}
	return pcm
}

// segmentsOf makes the units of the whole segments of packets from the second on, each by an encoder of its own.
func segmentsOf(t testing.TB, packets [][]byte) (units [][]byte) {
	t.Helper()
	for from := tape.SegmentFrames; from+tape.SegmentFrames <= len(packets); from += tape.SegmentFrames {
		units = append(units, segmentOf(t, packets[from-codec.SegmentBefore:from], packets[from:from+tape.SegmentFrames])...)
	}
	return units
}

func segmentOf(t testing.TB, before, packets [][]byte) [][]byte {
	t.Helper()
	e, err := codec.NewSegmentEncoder()
	if err == nil {
		err = e.Begin(before)
	}
	if err != nil {
		t.Fatal(err)
	}
	units, err := e.Append(nil, packets)
	if err != nil {
		t.Fatal(err)
	}
	return units
}

// knocks are short noises at random in silence and in a tone: what makes an encoder change its windows.
func knocks(seconds int) []float32 {
	pcm := make([]float32, seconds*codec.SampleRate)
	rnd := rand.New(rand.NewPCG(7, 7))
	for i := range pcm {
		if i/codec.SampleRate%2 == 1 {
			pcm[i] = float32(0.1 * math.Sin(2*math.Pi*330*float64(i)/codec.SampleRate))
		}
	}
	for at := 0; at < len(pcm)-3000; at += 2000 + rnd.IntN(9000) {
		for i := range 2000 {
			pcm[at+i] += float32(0.7 * math.Exp(-float64(i)/300) * (2*rnd.Float64() - 1))
		}
	}
	return pcm
}

// window is the sequence of windows that a unit of one channel says it has, behind the element's kind (3 bits), its tag (4), the gain (8) and a
// reserved bit.
func window(unit []byte) int { return int(unit[2] >> 6) }

// may says which sequence may follow which (ISO/IEC 14496-3, 4.6.11): long, start, short, stop.
var may = [4][4]bool{{0: true, 1: true}, {2: true}, {2: true, 3: true}, {0: true, 1: true}}

// added is by how many dB the noise of got is above that of want, both against the source, from one sample to another.
func added(got, want, source []float32, from, to int) float64 {
	return difference(got[from:to], source[from:to]) - difference(want[from:to], source[from:to])
}

// Segments that are made each for itself join as if they were of one encoder: windows follow one another as they may, what is heard at a seam
// is as near to the source as what one encoder makes there, and the level goes on. Made without what was before them, they do not.
func TestSegmentsJoin(t *testing.T) {
	const (
		seconds = 12
		lead    = 2                     // units that a segment begins early
		beside  = 3 * codec.UnitSamples // on either side of a seam
	)
	for name, pcm := range map[string][]float32{
		"Tones": tones(seconds, 440, 660), "Speech": speechOf(t)[:seconds*codec.SampleRate], "Knocks": knocks(seconds),
	} {
		t.Run(name, func(t *testing.T) {
			packets := opusOf(t, pcm)
			units := segmentsOf(t, packets)
			seams := len(units)/tape.SegmentUnits - 1
			if len(units)%tape.SegmentUnits != 0 || seams < 4 {
				t.Fatalf("%d units", len(units))
			}
			for i := 1; i < len(units); i++ {
				before, after := window(units[i-1]), window(units[i])
				if !may[before][after] {
					t.Errorf("unit %d has windows of sequence %d behind %d; of a seam: %v", i, after, before, i%tape.SegmentUnits == 0)
				}
			}
			begin := (tape.SegmentUnits - lead) * codec.UnitSamples
			source := decoded(t, packets)
			got, want := heard(t, units), heard(t, unitsOf(t, source))[codec.UnitSamples+begin:] // that is one decoder, and one encoder
			source = source[begin:]
			var apart []float32
			if name == "Speech" {
				apart = heard(t, apartOf(t, packets))
			}
			sum, worst, jump, control := 0.0, math.Inf(-1), 0.0, 0.0
			for seam := 1; seam <= seams; seam++ {
				at := seam * tape.SegmentUnits * codec.UnitSamples
				noise := added(got, want, source, at-beside, at+beside)
				sum, worst = sum+noise, max(worst, noise)
				if apart != nil {
					control += added(apart, want, source, at-beside, at+beside)
				}
				for from := at - beside; from < at+beside; from += codec.UnitSamples {
					to := from + codec.UnitSamples
					if l := level(want[from:to]); l > -50 {
						jump = max(jump, math.Abs(level(got[from:to])-l))
					}
				}
			}
			mean, all := sum/float64(seams), added(got, want, source, tape.SegmentUnits*codec.UnitSamples, len(got))
			t.Logf("%d seams: %+.1f dB of noise against one encoder's, %+.1f dB at most, levels within %.2f dB; all of it %+.2f dB",
				seams, mean, worst, jump, all)
			if mean > 1 || worst > 6 || jump > 1 || math.Abs(all) > 0.5 {
				t.Error("segments do not join as well as they did")
			}
			if control /= float64(seams); apart != nil && control < 6 {
				t.Errorf("segments that begin out of silence add %.1f dB at their seams, which would not be noticed", control)
			}
		})
	}
}

// apartOf are segments that begin out of silence.
func apartOf(t testing.TB, packets [][]byte) (units [][]byte) {
	t.Helper()
	silence := slices.Repeat([][]byte{tape.SilencePacket}, codec.SegmentBefore)
	for from := tape.SegmentFrames; from+tape.SegmentFrames <= len(packets); from += tape.SegmentFrames {
		units = append(units, segmentOf(t, silence, packets[from:from+tape.SegmentFrames])...)
	}
	return units
}

// A segment is a function of its packets: made in parts, by an encoder that made others before, also one that was left in the middle, it is
// the same. Where the sound ends in it, it ends with the sound.
func TestSegmentsAreFunctions(t *testing.T) {
	packets := opusOf(t, speechOf(t)[:8*codec.SampleRate])
	before, inside := packets[96-codec.SegmentBefore:96], packets[96:192]
	want := segmentOf(t, before, inside)
	e, err := codec.NewSegmentEncoder()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err = e.Begin(before)
		if err != nil {
			t.Fatal(err)
		}
		var got [][]byte
		for part := range slices.Chunk(inside, tape.GroupFrames) {
			known := len(got)
			got, err = e.Append(got, part)
			if err != nil || len(got)-known != tape.GroupUnits {
				t.Fatalf("a part of 16 frames gave %d units (%v)", len(got)-known, err)
			}
		}
		if !slices.EqualFunc(got, want, bytes.Equal) {
			t.Fatal("in parts it is another segment")
		}
		err = e.Begin(packets[200-codec.SegmentBefore : 200])
		if err == nil {
			_, err = e.Append(nil, append(packets[200:270:270], nil, []byte{0xff}, packets[0]))
		}
		if err != nil {
			t.Fatalf("with packets that are none: %v", err)
		}
	}
	for _, frames := range []int{1, 16, 50, 95} {
		err = e.Begin(before)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Append(nil, inside[:frames])
		if err == nil {
			got, err = e.End(got)
		}
		if whole := frames * 15 / 16; err != nil || len(got) != (frames*15+15)/16+2 || !slices.EqualFunc(got[:whole], want[:whole], bytes.Equal) {
			t.Errorf("the end at frame %d gives %d units (%v)", frames, len(got), err)
		}
	}
	err = e.Begin(before[1:])
	if !errors.Is(err, codec.ErrFrameSize) {
		t.Errorf("too few packets before: %v", err)
	}
	err = e.Begin(before)
	if err == nil {
		_, err = e.Append(nil, packets[:97])
	}
	if !errors.Is(err, codec.ErrFrameSize) {
		t.Errorf("more than a segment: %v", err)
	}
}

func BenchmarkSegment(b *testing.B) {
	packets := opusOf(b, speechOf(b)[:4*codec.SampleRate])
	e, err := codec.NewSegmentEncoder()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		err = e.Begin(packets[tape.SegmentFrames-codec.SegmentBefore : tape.SegmentFrames])
		if err == nil {
			_, err = e.Append(nil, packets[tape.SegmentFrames:2*tape.SegmentFrames])
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
