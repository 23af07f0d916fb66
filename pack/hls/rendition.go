package hls

import (
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/tape"
)

const (
	// SegmentDuration is how long a whole segment is.
	SegmentDuration = tape.SegmentFrames * tape.FrameDuration

	// PartFrames is how many frames a part has, the shortest time that is whole for all codecs; a segment has SegmentParts.
	PartFrames   = tape.GroupFrames
	PartDuration = PartFrames * tape.FrameDuration
	SegmentParts = tape.SegmentFrames / PartFrames
)

// Rendition is a variant as players of HLS get it. Another codec is another row of Renditions.
type Rendition struct {
	Variant tape.Variant
	Source  tape.Variant // whose frames it is made of: its own, or those of another
	Before  int          // how many frames before a segment are needed besides to make it
	Codecs  string       // as RFC 6381 names it
	Peak    int          // bits per second that no segment exceeds, boxes included
	Packets int          // of a whole segment
	Tail    int          // packets behind those of the last frame where the sound ends in a segment
	Samples int          // of a packet, at 48 kHz
	Lead    int          // packets by which its segments begin before those of the others

	// Init is what stands before the first segment that a player gets. preSkip is the encoder's look-ahead in samples.
	Init func(preSkip uint16) []byte
	// Append appends packets of segment k, of which the first is packet first of it.
	Append func(dst []byte, k tape.Number, first int, packets [][]byte) []byte
}

// Renditions lists what is served, in the order in which a player that cannot choose should take them. AAC is the last: it is made of Opus
// while somebody asks for it, and who plays no Opus passes over the others by their codec.
var Renditions = []Rendition{
	opus(tape.Opus48, 72_000),
	opus(tape.Opus24, 40_000),
	opus(tape.Opus12, 24_000),
	{
		Variant: tape.AAC64, Source: tape.Opus48, Before: aacBefore, Codecs: "mp4a.40.2", Peak: 70_000,
		Packets: tape.SegmentUnits, Tail: aacLead, Samples: tape.UnitSamples, Lead: aacLead,
		Init: func(uint16) []byte { return fmp4.InitAAC() },
		Append: func(dst []byte, k tape.Number, first int, units [][]byte) []byte {
			return fmp4.AppendUnits(dst, tape.Unit(k*tape.SegmentUnits)-aacLead+tape.Unit(first), units)
		},
	},
}

// What the encoder of segments of AAC needs; a test of node compares it with codec.
const (
	aacBefore = 48
	aacLead   = 2
)

func opus(v tape.Variant, peak int) Rendition {
	return Rendition{
		Variant: v, Source: v, Codecs: "opus", Peak: peak, Packets: tape.SegmentFrames, Samples: tape.FrameSamples,
		Init: fmp4.Init,
		Append: func(dst []byte, k tape.Number, first int, packets [][]byte) []byte {
			return fmp4.AppendFragment(dst, k*tape.SegmentFrames+tape.Number(first), packets, nil)
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

// AsTaped are the renditions that are frames as they are, of a tape or of an edge's memory.
func AsTaped() []Rendition { return slices.DeleteFunc(slices.Clone(Renditions), Rendition.Made) }

// Made reports whether a rendition is made of the frames of another variant.
func (r Rendition) Made() bool { return r.Source != r.Variant }

// Duration is how long the sound of so many packets is.
func (r Rendition) Duration(packets int) time.Duration {
	return time.Duration(packets) * time.Duration(r.Samples) * time.Second / tape.SampleRate
}

// Count is how many packets a segment has whose sound has so many frames: fewer than a whole one only where the channel ends in it.
func (r Rendition) Count(frames int) int {
	if frames >= tape.SegmentFrames {
		return r.Packets
	}
	return (frames*r.Packets+tape.SegmentFrames-1)/tape.SegmentFrames + r.Tail
}

// PartPackets is how many packets a part has.
func (r Rendition) PartPackets() int { return r.Packets / SegmentParts }

// Parts are how long the parts of a segment of so many packets are.
func (r Rendition) Parts(packets int) (parts []time.Duration) {
	for ; packets > 0; packets -= r.PartPackets() {
		parts = append(parts, r.Duration(min(packets, r.PartPackets())))
	}
	return parts
}

// Begin is the moment at which segment k begins, in a room whose frame 0 began at epoch.
func (r Rendition) Begin(epoch time.Time, k tape.Number) time.Time {
	return epoch.Add((k * tape.SegmentFrames).Duration() - r.Duration(r.Lead))
}
