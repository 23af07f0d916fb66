package channel

import (
	"maps"
	"slices"

	"github.com/epidaurus-live/epidaurus/tape"
)

// sealer hashes what is made, and seals each segment after its last frame. It is owned by the tick.
type sealer struct {
	variants []tape.Variant // by name: a seal does not depend on the order of a map
	from     tape.Number    // the seal holds from here
	sums     map[tape.Variant]*tape.Summer
	gaps     []tape.Stretch

	late    *tape.Summer // of AAC64, which comes some frames later than the rest; nil: nobody knows all of its segment
	between tape.Stretch // what late is of
	whole   map[tape.Number]tape.Sum
	closed  []tape.Seal // that are not told yet
}

func newSealer(encoders map[tape.Variant]Encoder) *sealer {
	return &sealer{variants: slices.Sorted(maps.Keys(encoders)), sums: map[tape.Variant]*tape.Summer{}, whole: map[tape.Number]tape.Sum{}}
}

// begin starts at frame first. Past answers for the packets of the maker before; in the middle of a segment all of them are needed, in all
// variants, or the seal holds only from first.
func (s *sealer) begin(first tape.Number, past func(v tape.Variant, from, to tape.Number) (packets [][]byte, whole bool)) {
	s.late, s.closed = nil, nil
	clear(s.whole)
	start := tape.SegmentOf(first) * tape.SegmentFrames
	s.restart(start)
	for _, v := range s.variants {
		packets, whole := past(v, start, first)
		if !whole {
			s.restart(first)
			return
		}
		for _, p := range packets {
			s.sums[v].Add(p)
		}
	}
}

func (s *sealer) restart(from tape.Number) {
	s.from, s.gaps = from, nil
	for _, v := range s.variants {
		s.sums[v] = tape.NewSummer(from)
	}
}

// add hashes the packet of the frame being made.
func (s *sealer) add(v tape.Variant, packet []byte) { s.sums[v].Add(packet) }

// addLate hashes the packet of frame n of AAC64. Only segments that are there from their first frame on are sealed.
func (s *sealer) addLate(n tape.Number, packet []byte) {
	switch {
	case n%tape.SegmentFrames == 0:
		s.late, s.between = tape.NewSummer(n), tape.Stretch{From: n, To: n}
	case s.late == nil || n != s.between.To:
		s.late = nil
		return
	}
	s.late.Add(packet)
	s.between.To++
	if s.between.Len() == tape.SegmentFrames {
		s.whole[s.between.From], s.late = s.late.Sum(), nil
	}
}

// silent says that frame n is a declared gap.
func (s *sealer) silent(n tape.Number) {
	if last := len(s.gaps) - 1; last >= 0 && s.gaps[last].To == n {
		s.gaps[last].To++
		return
	}
	s.gaps = append(s.gaps, tape.Stretch{From: n, To: n + 1})
}

// seal closes what was made before frame next, and starts again there.
func (s *sealer) seal(next tape.Number, term tape.Term) {
	if next <= s.from {
		return // nothing was made since the last one
	}
	seal := tape.Seal{Stretch: tape.Stretch{From: s.from, To: next}, Term: term, Gaps: s.gaps}
	for _, v := range s.variants {
		seal.Sums = append(seal.Sums, tape.VariantSum{Variant: v, Sum: s.sums[v].Sum()})
	}
	s.closed = append(s.closed, seal)
	s.restart(next)
}

// told takes out the seals that can be told: those whose AAC64 is there, or will not come, or was waited for long enough.
func (s *sealer) told(all bool) (seals []tape.Seal) {
	for len(s.closed) > 0 {
		seal := s.closed[0]
		sum, ok := s.whole[seal.From]
		switch coming := s.late != nil && s.between.From == seal.From; {
		case ok && seal.Len() == tape.SegmentFrames:
			seal.Sums = append(seal.Sums, tape.VariantSum{Variant: tape.AAC64, Sum: sum})
		case coming && s.between == seal.Stretch:
			seal.Sums = append(seal.Sums, tape.VariantSum{Variant: tape.AAC64, Sum: s.late.Sum()}) // the channel ends in the middle of a segment
		case coming && !all:
			return seals
		}
		delete(s.whole, seal.From)
		s.closed = s.closed[1:]
		seals = append(seals, seal)
	}
	return seals
}
