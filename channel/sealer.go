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
}

func newSealer(encoders map[tape.Variant]Encoder) *sealer {
	return &sealer{variants: slices.Sorted(maps.Keys(encoders)), sums: map[tape.Variant]*tape.Summer{}}
}

// begin starts at frame first. Past answers for the packets of the maker before; in the middle of a segment all of them are needed, in all
// variants, or the seal holds only from first.
func (s *sealer) begin(first tape.Number, past func(v tape.Variant, from, to tape.Number) (packets [][]byte, whole bool)) {
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

// silent says that frame n is a declared gap.
func (s *sealer) silent(n tape.Number) {
	if last := len(s.gaps) - 1; last >= 0 && s.gaps[last].To == n {
		s.gaps[last].To++
		return
	}
	s.gaps = append(s.gaps, tape.Stretch{From: n, To: n + 1})
}

// seal closes what was made before frame next, and starts again there. Ok is false where nothing was made since the last one.
func (s *sealer) seal(next tape.Number, term tape.Term) (_ tape.Seal, ok bool) {
	if next <= s.from {
		return tape.Seal{}, false
	}
	seal := tape.Seal{Stretch: tape.Stretch{From: s.from, To: next}, Term: term, Gaps: s.gaps}
	for _, v := range s.variants {
		seal.Sums = append(seal.Sums, tape.VariantSum{Variant: v, Sum: s.sums[v].Sum()})
	}
	s.restart(next)
	return seal, true
}
