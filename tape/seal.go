package tape

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"slices"
)

// Sum is what a stretch of one variant's packets hashes to: the first 16 bytes of the SHA-256 over
//
//	the 16 ASCII bytes "epidaurus seal 1", the number of the first frame in 8 bytes, then of each frame in order
//	its packet's length in 2 bytes and the packet; big-endian.
type Sum [16]byte

const sumLabel = "epidaurus seal 1"

// Summer hashes the packets of consecutive frames as they come. It is owned by one goroutine.
type Summer struct {
	hash hash.Hash
	size [2]byte // scratch
}

// NewSummer makes a summer whose first packet is that of frame from.
func NewSummer(from Number) *Summer {
	s := &Summer{hash: sha256.New()}
	s.hash.Write(binary.BigEndian.AppendUint64([]byte(sumLabel), uint64(from)))
	return s
}

// Add hashes the next frame's packet, of at most 65535 bytes.
func (s *Summer) Add(packet []byte) {
	binary.BigEndian.PutUint16(s.size[:], uint16(len(packet)))
	s.hash.Write(s.size[:])
	s.hash.Write(packet)
}

// Sum is the sum of the packets so far.
func (s *Summer) Sum() (sum Sum) {
	copy(sum[:], s.hash.Sum(nil))
	return sum
}

// SumOf is the sum of packets of which the first is that of frame from.
func SumOf(from Number, packets [][]byte) Sum {
	s := NewSummer(from)
	for _, p := range packets {
		s.Add(p)
	}
	return s.Sum()
}

// Stretch is the frames from From (inclusive) to To (exclusive).
type Stretch struct{ From, To Number }

// Len is how many frames there are in the stretch.
func (s Stretch) Len() int { return int(s.To - s.From) }

// VariantSum is the sum of one variant.
type VariantSum struct {
	Variant Variant
	Sum     Sum
}

// Seal is what the maker of a segment says of it once its last frame was made: what each variant hashes to. Frame n is in segment
// n / SegmentFrames.
//
// The stretch is a whole segment, save in two cases. It begins later where the maker does not know every frame before: it took over
// in the middle and did not hear them all, or left numbers out; nobody vouches for those then. It ends earlier where the channel does.
type Seal struct {
	Stretch
	Term Term         // of the maker, which made the last frame
	Sums []VariantSum // in no order, each variant once
	Gaps []Stretch    // what the maker declared silent, in order
}

// SegmentOf is the number of the segment that frame n is in.
func SegmentOf(n Number) Number {
	k := n / SegmentFrames
	if n%SegmentFrames < 0 {
		k--
	}
	return k
}

// SumOf is the sum of a variant, if the seal has it.
func (s Seal) SumOf(v Variant) (sum Sum, ok bool) {
	i := slices.IndexFunc(s.Sums, func(o VariantSum) bool { return o.Variant == v })
	if i < 0 {
		return sum, false
	}
	return s.Sums[i].Sum, true
}

// SealReceiver is a Receiver that hears seals too. A seal comes after the last frame that it is about.
type SealReceiver interface {
	Receiver
	Seal(Seal)
}

const maxVariantName = 32

var errSeal = errors.New("this is no seal")

// AppendSeal appends all of a seal but its term and its last frame, which whoever carries it says himself:
//
//	1 byte number of frames, 1 byte number of sums, each: 1 byte length of the variant's name, the name, 16 bytes sum;
//	1 byte number of gaps, each: 1 byte first frame since From, 1 byte number of frames.
func AppendSeal(dst []byte, s Seal) []byte {
	dst = append(dst, byte(s.Len()), byte(len(s.Sums)))
	for _, sum := range s.Sums {
		dst = append(dst, byte(len(sum.Variant)))
		dst = append(dst, sum.Variant...)
		dst = append(dst, sum.Sum[:]...)
	}
	dst = append(dst, byte(len(s.Gaps)))
	for _, g := range s.Gaps {
		dst = append(dst, byte(g.From-s.From), byte(g.Len()))
	}
	return dst
}

// ParseSeal reads what AppendSeal wrote of a seal by the maker of term whose last frame is last.
func ParseSeal(term Term, last Number, p []byte) (Seal, error) {
	r := sealReader{p: p}
	count := Number(r.byte())
	s := Seal{Stretch: Stretch{last + 1 - count, last + 1}, Term: term}
	if count == 0 || s.From < 0 || SegmentOf(s.From) != SegmentOf(last) {
		return Seal{}, errSeal
	}
	for range r.byte() {
		v := VariantSum{Variant: Variant(r.take(int(r.byte())))}
		copy(v.Sum[:], r.take(len(v.Sum)))
		if _, twice := s.SumOf(v.Variant); twice || v.Variant == "" || len(v.Variant) > maxVariantName {
			return Seal{}, errSeal
		}
		s.Sums = append(s.Sums, v)
	}
	at := s.From
	for range r.byte() {
		from := s.From + Number(r.byte())
		g := Stretch{from, from + Number(r.byte())}
		if g.From < at || g.Len() == 0 || g.To > s.To {
			return Seal{}, errSeal
		}
		s.Gaps, at = append(s.Gaps, g), g.To
	}
	if r.short || len(r.p) > 0 {
		return Seal{}, errSeal
	}
	return s, nil
}

// sealReader takes bytes off p. What is not there reads as zero, and is remembered.
type sealReader struct {
	p     []byte
	short bool
}

func (r *sealReader) byte() byte { return r.take(1)[0] }

func (r *sealReader) take(n int) []byte {
	if n > len(r.p) {
		r.p, r.short = nil, true
		return make([]byte, n)
	}
	taken := r.p[:n]
	r.p = r.p[n:]
	return taken
}
