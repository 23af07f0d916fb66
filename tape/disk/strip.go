package disk

import (
	"fmt"

	"github.com/epidaurus-live/epidaurus/tape"
)

// Transcoder makes the access units of one segment of AAC after the other, each of its packets and of those before it, and of nothing else.
type Transcoder interface {
	// Begin begins a segment behind the packets of the unitsBefore frames before it.
	Begin(before [][]byte) error
	// Append takes the packets of its next frames, and appends the units that come of them: 15 of 16.
	Append(units, packets [][]byte) ([][]byte, error)
	// End appends the units that are left where the sound ends in the segment.
	End(units [][]byte) ([][]byte, error)
}

const (
	// unitsBefore is how many frames before a segment a Transcoder takes; a test of node compares it with codec.
	unitsBefore = 48

	// unitsLead is how many units a segment begins before its frames.
	unitsLead = 2

	// unitsSource is what AAC is made of.
	unitsSource = tape.Opus48
)

// strip is the sound that AAC is made of: the frames of spans as one sequence without holes, of which those from one (inclusive) to another
// (exclusive) are heard. The others are silence. Before frame 0 a decoder is given lead, and behind the last frame next, because what an encoder of
// Opus holds back comes with it. Its segments are counted from frame 0.
type strip struct {
	read     func(from, to tape.Number) ([][]byte, error)
	spans    []tape.Stretch
	from, to int
	lead     [][]byte
	next     []byte
}

// frames is how many frames spans have.
func frames(spans []tape.Stretch) (n int) {
	for _, s := range spans {
		n += s.Len()
	}
	return n
}

// place is how many frames of spans lie before a frame.
func place(spans []tape.Stretch, at tape.Number) (n int) {
	for _, s := range spans {
		n += max(0, tape.Stretch{From: s.From, To: min(at, s.To)}.Len())
	}
	return n
}

// packets are those of the frames from (inclusive) to to (exclusive) of the sequence.
func (s *strip) packets(from, to int) ([][]byte, error) {
	all := make([][]byte, to-from)
	for i := range all {
		switch n := from + i; {
		case n < 0 && n >= -len(s.lead):
			all[i] = s.lead[len(s.lead)+n]
		case n == s.to:
			all[i] = s.next
		default:
			all[i] = tape.SilencePacket
		}
	}
	at := 0
	for _, span := range s.spans {
		first, last := max(from, s.from, at), min(to, s.to, at+span.Len())
		if first < last {
			base := span.From - tape.Number(at)
			got, err := s.read(base+tape.Number(first), base+tape.Number(last))
			if err != nil {
				return nil, err
			}
			copy(all[first-from:], got)
		}
		at += span.Len()
	}
	return all, nil
}

// last is the segment in which the sound ends, with what is held back.
func (s *strip) last() int { return s.to / tape.SegmentFrames }

// segment makes the units of segment k.
func (s *strip) segment(t Transcoder, k int) (units [][]byte, err error) {
	first := k * tape.SegmentFrames
	packets, err := s.packets(first-unitsBefore, min(first+tape.SegmentFrames, s.to+1))
	if err != nil {
		return nil, err
	}
	err = t.Begin(packets[:unitsBefore])
	if err == nil {
		units, err = t.Append(nil, packets[unitsBefore:])
	}
	if err == nil && k == s.last() {
		units, err = t.End(units)
	}
	if err == nil && len(units) != s.unitsOf(k) {
		err = fmt.Errorf("they are %d, not %d", len(units), s.unitsOf(k))
	}
	if err != nil {
		return nil, fmt.Errorf("make units of segment %d: %w", k, err)
	}
	return units, nil
}

// unitsOf is how many units segment k has.
func (s *strip) unitsOf(k int) int {
	if k < s.last() {
		return tape.SegmentUnits
	}
	left := s.to + 1 - k*tape.SegmentFrames
	return unitsFor(left) + unitsLead
}

// unitsFor is how many units so many frames need.
func unitsFor(frames int) int {
	return (frames*tape.GroupUnits + tape.GroupFrames - 1) / tape.GroupFrames
}
