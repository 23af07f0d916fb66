package crowd

import (
	"encoding/json"
	"hash/crc32"
	"slices"

	"github.com/epidaurus-live/epidaurus/tape"
)

// Bounds of what a loop remembers of the sound.
const (
	keptFrames = 3072 // of each variant: 61 s
	keptRuns   = 1024
)

// castagnoli is the checksum that processors compute.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sums are checksums of what the listeners of one loop got: the same frames of a variant are the same bytes for everybody. Whoever gets
// them first says what they are, and the others are judged by it, until two of them agree on something else. The zero value knows nothing.
type sums struct {
	frames [1 + variants]*[keptFrames]frameSum
	runs   *[keptRuns]runSum
}

// variants is how many names of variants are told apart.
const variants = 3

// sum is what some bytes were. The zero value is of none.
type sum struct {
	crc   uint32
	doubt uint32 // of the last bytes that were others
	size  int32
}

// same reports whether bytes are those that came before.
func (s *sum) same(crc uint32, size int32) bool {
	switch {
	case s.crc == crc && s.size == size:
		return true
	case s.doubt == crc: // two against one, or a stage that took over made them anew
		s.crc, s.doubt, s.size = crc, s.crc, size
		return true
	}
	s.doubt = crc
	return false
}

// frameSum is a packet.
type frameSum struct {
	n int64
	sum
}

// runSum is the packets of the frames from, from+1, … that were written at once.
type runSum struct {
	from    int64
	count   int32
	variant uint8
	sum
}

// frame judges the packet of frame n, of size > 0.
func (k *sums) frame(variant uint8, n int64, size int, crc uint32) bool {
	ring := k.frames[variant]
	if ring == nil {
		ring = new([keptFrames]frameSum)
		k.frames[variant] = ring
	}
	e := &ring[uint64(n)%keptFrames]
	if e.size == 0 || e.n < n {
		*e = frameSum{n, sum{crc: crc, size: int32(size)}}
	}
	return e.n > n || e.same(crc, int32(size)) // what is older than all that is kept is not known
}

// run judges the packets of count frames, which are of size > 0 together.
func (k *sums) run(variant uint8, from int64, count int32, size int64, crc uint32) bool {
	if k.runs == nil {
		k.runs = new([keptRuns]runSum)
	}
	const golden = 0x9e3779b97f4a7c15
	place := (uint64(from)<<14 ^ uint64(count)<<2 ^ uint64(variant)) * golden
	e := &k.runs[place>>32%keptRuns]
	if e.size == 0 || e.from != from || e.count != count || e.variant != variant {
		*e = runSum{from, count, variant, sum{crc: crc, size: int32(size)}}
		joined, whole := k.join(variant, from, count)
		if whole {
			e.sum = joined
		}
	}
	return e.same(crc, int32(size))
}

// nothing is what a checksum is carried over.
var nothing [1 << 16]byte

// join is what a run of frames has to be by what those who looked at its packets got.
func (k *sums) join(variant uint8, from int64, count int32) (s sum, whole bool) {
	ring := k.frames[variant]
	if ring == nil {
		return s, false
	}
	for n := from; n < from+int64(count); n++ {
		e := &ring[uint64(n)%keptFrames]
		if e.n != n || e.size == 0 {
			return s, false
		}
		// The checksum of two texts is that of the first, carried over as many zeros as the second is long, and that of the second.
		s.crc = ^crc32.Update(^s.crc, castagnoli, nothing[:e.size]) ^ e.crc
		s.size += e.size
	}
	return s, true
}

// forget begins anew: the timeline does.
func (k *sums) forget() { *k = sums{} }

// variantOf reads which variant a seat event tells of: 0 where it tells of none. One that is not known is not compared.
func variantOf(data []byte) (variant uint8, known bool) {
	var said struct {
		Variant tape.Variant `json:"variant"`
	}
	if json.Unmarshal(data, &said) != nil || said.Variant == "" {
		return 0, true
	}
	i := slices.Index(tape.Variants, said.Variant)
	return uint8(i + 1), i >= 0 && i < variants
}
