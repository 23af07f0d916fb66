package hls

import (
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/tape"
)

// SegmentDuration is how long a whole segment is.
const SegmentDuration = tape.SegmentFrames * tape.FrameDuration

// Rendition is a variant as players of HLS get it. Another codec is another row of Renditions.
type Rendition struct {
	Variant tape.Variant
	Codecs  string // as RFC 6381 names it
	Peak    int    // bits per second that no segment exceeds, boxes included
	Average int    // bits per second that speech takes, boxes included
	Packets int    // of a whole segment
	Samples int    // of a packet, at 48 kHz
	Taped   bool   // a tape has it

	// Init is what stands before the first segment that a player gets. preSkip is the encoder's look-ahead in samples.
	Init func(preSkip uint16) []byte
	// Append appends segment k, which has these packets.
	Append func(dst []byte, k tape.Number, packets [][]byte) []byte
}

// Renditions lists what is served, in the order in which a player that cannot choose should take them.
var Renditions = []Rendition{
	opus(tape.Opus48, 72_000, 51_000),
	opus(tape.Opus24, 40_000, 28_000),
	opus(tape.Opus12, 24_000, 14_000),
}

func opus(v tape.Variant, peak, average int) Rendition {
	return Rendition{
		Variant: v, Codecs: "opus", Peak: peak, Average: average, Packets: tape.SegmentFrames, Samples: tape.FrameSamples, Taped: true,
		Init: fmp4.Init,
		Append: func(dst []byte, k tape.Number, packets [][]byte) []byte {
			return fmp4.AppendFragment(dst, k*tape.SegmentFrames, packets, nil)
		},
	}
}

// Of finds the rendition of a variant.
func Of(v tape.Variant) (Rendition, bool) {
	i := slices.IndexFunc(Renditions, func(r Rendition) bool { return r.Variant == v })
	if i < 0 {
		return Rendition{}, false
	}
	return Renditions[i], true
}

// Duration is how long the sound of so many packets is.
func (r Rendition) Duration(packets int) time.Duration {
	return time.Duration(packets) * time.Duration(r.Samples) * time.Second / tape.SampleRate
}

// Begin is the moment at which segment k begins, in a room whose frame 0 began at epoch.
func Begin(epoch time.Time, k tape.Number) time.Time {
	return epoch.Add((k * tape.SegmentFrames).Duration())
}
