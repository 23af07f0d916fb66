package crowd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/epidaurus-live/epidaurus/tape"
)

// errBox is what a stream's structure breaks; the error that wraps it says how.
var errBox = errors.New("wrong bytes")

// Bounds of boxes.
const (
	maxBox     = 4 << 20 // as pack/fmp4 reads
	maxKept    = 64 << 10
	maxPackets = 4096
	maxTime    = 1 << 62
)

// sink is told what a scanner finds. Slices are valid during the call only.
type sink interface {
	// fragment is called at the last byte of a fragment.
	fragment(f fragment)
	// event is called with the contents of an emsg box.
	event(contents []byte)
}

// fragment is the frames From, From+1, … that a server wrote at once.
type fragment struct {
	from   int64
	count  int
	silent int // known where packets are checked
	bad    int // packets that are no Opus of 20 ms; known where packets are checked
	differ int // packets that others got otherwise; where packets are not checked, 1 for all of them
	bytes  int64
}

type boxState uint8

const (
	boxHead  boxState = iota // size and type of a box
	boxLeaf                  // the beginning of a box's contents, of which fields are read
	boxEntry                 // a sample in a trun
	boxSkip
	boxKeep  // an emsg, of which a part came
	boxSound // an mdat, packet by packet
	boxSum   // an mdat as a whole
)

// Box types.
const (
	kindMoof = 'm'<<24 | 'o'<<16 | 'o'<<8 | 'f'
	kindTraf = 't'<<24 | 'r'<<16 | 'a'<<8 | 'f'
	kindMfhd = 'm'<<24 | 'f'<<16 | 'h'<<8 | 'd'
	kindTfhd = 't'<<24 | 'f'<<16 | 'h'<<8 | 'd'
	kindTfdt = 't'<<24 | 'f'<<16 | 'd'<<8 | 't'
	kindTrun = 't'<<24 | 'r'<<16 | 'u'<<8 | 'n'
	kindMdat = 'm'<<24 | 'd'<<16 | 'a'<<8 | 't'
	kindMoov = 'm'<<24 | 'o'<<16 | 'o'<<8 | 'v'
	kindFtyp = 'f'<<24 | 't'<<16 | 'y'<<8 | 'p'
	kindEmsg = 'e'<<24 | 'm'<<16 | 's'<<8 | 'g'
)

// boxes takes a fragmented MP4 apart as it comes, in a few bytes of its own. The zero value is at the beginning of a stream. Behind an
// error there is no going on.
type boxes struct {
	// The box that is being read.
	kind  uint32
	state boxState
	depth uint8    // open boxes; the innermost is the one that is being read, unless state is boxHead
	n     uint8    // bytes in b
	want  uint8    // bytes of b that are needed
	left  [4]int64 // contents to come, of each open box
	b     [20]byte

	// The fragment that is being read.
	from     int64
	sequence uint32
	count    int32
	entries  int32 // to come
	entry    uint8 // bytes of one
	sizeAt   uint8 // of the size in an entry
	hasSize  bool
	hasTime  bool
	haveMoov bool
	waiting  bool // a moof was read, its mdat was not
	fixed    uint32
	sound    int64 // bytes of all packets
	offset   int64 // of the sound from the moof's beginning
	moof     int64 // bytes of the moof
	flags    uint32

	// The sound of the fragment.
	known   *sums  // what others got; nil: it is compared with nothing
	sum     uint32 // of what was read of it
	variant uint8  // as sums has it
	behind  uint8  // the variant behind this fragment
	hole    bool   // a packet is as long as one that stands for a hole

	closely *packets // nil: sound is taken as a whole
	kept    []byte   // of an emsg
	heads   int64    // bytes of ftyp and moov
	events  int64    // bytes of emsg
}

var be = binary.BigEndian

// scan takes the next bytes of the stream.
func (s *boxes) scan(p []byte, to sink) error {
	for len(p) > 0 {
		var err error
		switch s.state {
		case boxHead:
			p, err = s.header(p)
		case boxLeaf:
			p, err = s.leaf(p)
		case boxEntry:
			p, err = s.sample(p)
		case boxSound:
			p = s.packet(p)
		case boxKeep:
			p = s.keep(p, to)
		case boxSum:
			n := s.consume(min(len(p), int(s.left[s.depth-1])))
			s.sum, p = crc32.Update(s.sum, castagnoli, p[:n]), p[n:]
		case boxSkip:
			p = p[s.consume(min(len(p), int(s.left[s.depth-1]))):]
		}
		if err == nil && s.depth > 0 && s.state != boxHead {
			err = s.settle(to)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// consume takes n bytes off what the open boxes still expect.
func (s *boxes) consume(n int) int {
	for i := range s.depth {
		s.left[i] -= int64(n)
	}
	return n
}

// fill moves bytes to b until the wanted ones are there.
func (s *boxes) fill(p []byte) (rest []byte, whole bool) {
	n := copy(s.b[s.n:s.want], p)
	s.consume(n)
	s.n += uint8(n)
	return p[n:], s.n == s.want
}

// header reads a box's size and type.
func (s *boxes) header(p []byte) (rest []byte, err error) {
	if s.want < 8 {
		s.n, s.want = 0, 8
	}
	if s.depth > 0 && s.n == 0 && s.left[s.depth-1] < 8 {
		return nil, fmt.Errorf("%w: a box within a fragment is cut off", errBox)
	}
	rest, whole := s.fill(p)
	if !whole {
		return rest, nil
	}
	size, head := int64(be.Uint32(s.b[:])), int64(8)
	if size == 1 && s.depth == 0 {
		if s.want == 8 {
			s.want = 16
			return rest, nil
		}
		size, head = int64(min(be.Uint64(s.b[8:]), maxTime)), 16
	}
	s.kind = be.Uint32(s.b[4:])
	contents := size - head
	switch {
	case contents < 0 || contents > maxBox:
		return nil, fmt.Errorf("%w: a box %q has %d bytes", errBox, s.b[4:8], size)
	case s.depth > 0 && contents > s.left[s.depth-1]:
		return nil, fmt.Errorf("%w: a box %q is longer than the box around it", errBox, s.b[4:8])
	}
	s.n, s.want = 0, 0
	s.left[s.depth] = contents
	s.depth++
	return rest, s.enter(size, contents)
}

// enter begins a box's contents.
func (s *boxes) enter(size, contents int64) error {
	s.state = boxSkip
	want := uint8(0)
	switch {
	case s.depth == 1 && s.kind == kindMoof:
		if !s.haveMoov {
			return fmt.Errorf("%w: a fragment stands before the head", errBox)
		}
		if s.waiting {
			return fmt.Errorf("%w: a fragment has no sound", errBox)
		}
		s.begin(size)
		s.state = boxHead
		if contents == 0 {
			return fmt.Errorf("%w: a fragment is empty", errBox)
		}
	case s.depth == 2 && s.kind == kindTraf:
		s.state = boxHead
		if contents == 0 {
			return fmt.Errorf("%w: a fragment's track is empty", errBox)
		}
	case s.depth == 2 && s.kind == kindMfhd, s.depth == 3 && s.kind == kindTfhd:
		want = 8
	case s.depth == 3 && s.kind == kindTfdt, s.depth == 3 && s.kind == kindTrun:
		want = 8
	case s.depth == 1 && s.kind == kindMdat:
		return s.enterSound(contents)
	case s.depth == 1 && s.kind == kindEmsg:
		s.events += size
		s.kept = s.kept[:0]
		if contents <= maxKept {
			s.state = boxKeep
		}
	case s.depth == 1 && (s.kind == kindMoov || s.kind == kindFtyp):
		s.heads += size
		s.haveMoov = s.haveMoov || s.kind == kindMoov
	}
	if want > 0 {
		if contents < int64(want) {
			return fmt.Errorf("%w: a box of a fragment is cut off", errBox)
		}
		s.state, s.want = boxLeaf, want
	}
	return nil
}

// begin forgets the fragment before.
func (s *boxes) begin(size int64) {
	s.from, s.sequence, s.count, s.entries, s.fixed, s.sound, s.offset, s.moof = 0, 0, 0, 0, 0, 0, -1, size
	s.hasTime, s.hole, s.sum = false, false, 0
	if s.closely != nil {
		s.closely.sizes = s.closely.sizes[:0]
	}
}

// settle closes the boxes that are read to their end.
func (s *boxes) settle(to sink) error {
	for s.depth > 0 && s.left[s.depth-1] == 0 {
		switch {
		case s.state == boxEntry && s.entries > 0, s.state == boxLeaf:
			return fmt.Errorf("%w: a box of a fragment is cut off", errBox)
		case s.state == boxKeep:
			to.event(s.kept)
			s.kept = nil
		}
		s.depth--
		if s.depth == 0 {
			err := s.close(to)
			if err != nil {
				return err
			}
		}
		s.state, s.n, s.want = boxHead, 0, 0
		if s.depth > 0 {
			s.kind = kindMoof // the box around is a moof, or its traf
		}
	}
	return nil
}

// close ends a box of the stream itself.
func (s *boxes) close(to sink) error {
	switch s.kind {
	case kindMoof:
		if s.count == 0 || !s.hasTime || s.offset != s.moof+8 {
			return fmt.Errorf("%w: a fragment does not say what it holds", errBox)
		}
		if s.sequence != uint32(s.from)+1 {
			return fmt.Errorf("%w: the fragment of frame %d has the sequence number %d", errBox, s.from, s.sequence)
		}
		s.waiting = true
	case kindMdat:
		s.waiting = false
		f := fragment{from: s.from, count: int(s.count), bytes: s.moof + 8 + s.sound}
		switch c := s.closely; {
		case c != nil:
			f.silent, f.bad, f.differ = c.silent, c.bad, c.differ
		case s.known != nil && !s.hole && s.sound > 0 && !s.known.run(s.variant, s.from, s.count, s.sound, s.sum):
			f.differ = 1
		}
		s.variant = s.behind
		to.fragment(f)
	}
	return nil
}

// leaf reads the first fields of a box's contents.
func (s *boxes) leaf(p []byte) (rest []byte, err error) {
	rest, whole := s.fill(p)
	if !whole {
		return rest, nil
	}
	version, flags := s.b[0], be.Uint32(s.b[:])&0xffffff
	switch s.kind {
	case kindMfhd:
		s.sequence = be.Uint32(s.b[4:])
	case kindTfhd:
		return rest, s.trackHeader(flags)
	case kindTfdt:
		if version == 1 && s.want == 8 {
			return rest, s.more(12)
		}
		at := uint64(be.Uint32(s.b[4:]))
		if version == 1 {
			at = be.Uint64(s.b[4:])
		}
		if at%tape.FrameSamples != 0 || at > maxTime {
			return nil, fmt.Errorf("%w: a fragment at %d is not on the grid of frames", errBox, at)
		}
		s.from, s.hasTime = int64(at/tape.FrameSamples), true
	case kindTrun:
		return rest, s.run(flags)
	}
	s.state = boxSkip
	return rest, nil
}

// more asks for the contents of a leaf up to n bytes.
func (s *boxes) more(n uint8) error {
	if int64(n-s.n) > s.left[s.depth-1] {
		return fmt.Errorf("%w: a box of a fragment is cut off", errBox)
	}
	s.want = n
	return nil
}

// trackHeader reads a tfhd for the size of packets that are all alike.
func (s *boxes) trackHeader(flags uint32) error {
	const baseOffset, description, duration, size = 0x1, 0x2, 0x8, 0x10
	if flags&baseOffset != 0 {
		return fmt.Errorf("%w: a fragment counts from the beginning of the file", errBox)
	}
	need := uint8(8)
	for _, f := range []uint32{description, duration, size} {
		if flags&f != 0 {
			need += 4
		}
	}
	if flags&size == 0 {
		s.state = boxSkip
		return nil
	}
	if s.want < need {
		return s.more(need)
	}
	s.fixed, s.state = be.Uint32(s.b[need-4:]), boxSkip
	return nil
}

// run reads the head of a trun.
func (s *boxes) run(flags uint32) error {
	const dataOffset, firstFlags, duration, size, sampleFlags, composition = 0x1, 0x4, 0x100, 0x200, 0x400, 0x800
	need := uint8(8)
	for _, f := range []uint32{dataOffset, firstFlags} {
		if flags&f != 0 {
			need += 4
		}
	}
	if s.want < need {
		return s.more(need)
	}
	n := be.Uint32(s.b[4:])
	if s.count != 0 || n == 0 || n > maxPackets {
		return fmt.Errorf("%w: a fragment of %d samples, or in several runs", errBox, n)
	}
	if flags&dataOffset != 0 {
		s.offset = int64(int32(be.Uint32(s.b[8:])))
	}
	s.count, s.entry, s.sizeAt, s.flags = int32(n), 0, 0, flags
	for _, f := range []uint32{duration, size, sampleFlags, composition} {
		if flags&f == 0 {
			continue
		}
		if f == size {
			s.sizeAt = s.entry
		}
		s.entry += 4
	}
	s.hasSize = flags&size != 0
	if s.left[s.depth-1] != int64(n)*int64(s.entry) {
		return fmt.Errorf("%w: a trun of %d samples has %d bytes for them", errBox, n, s.left[s.depth-1])
	}
	s.n, s.want, s.entries, s.state = 0, s.entry, int32(n), boxEntry
	if !s.hasSize && s.fixed == 0 {
		return fmt.Errorf("%w: a trun does not say how long its samples are", errBox)
	}
	if s.entry == 0 {
		for range n {
			s.add(s.fixed)
		}
		s.entries, s.state = 0, boxSkip
	}
	return nil
}

// sample reads one entry of a trun, or many.
func (s *boxes) sample(p []byte) (rest []byte, err error) {
	const duration = 0x100
	for len(p) > 0 && s.entries > 0 {
		var whole bool
		p, whole = s.fill(p)
		if !whole {
			return p, nil
		}
		if s.flags&duration != 0 && be.Uint32(s.b[:]) != tape.FrameSamples {
			return nil, fmt.Errorf("%w: a sample does not last %d", errBox, tape.FrameSamples)
		}
		size := s.fixed
		if s.hasSize {
			size = be.Uint32(s.b[s.sizeAt:])
		}
		s.add(size)
		s.entries--
		s.n = 0
	}
	return p, nil
}

func (s *boxes) add(size uint32) {
	s.sound += int64(size)
	s.hole = s.hole || int(size) == len(tape.SilencePacket)
	if s.closely != nil {
		s.closely.sizes = append(s.closely.sizes, uint16(min(size, 0xffff)))
	}
}

// keep takes an emsg. One that came whole is not copied.
func (s *boxes) keep(p []byte, to sink) (rest []byte) {
	n := min(int(s.left[s.depth-1]), len(p))
	whole := n == int(s.left[s.depth-1])
	s.consume(n)
	if whole && len(s.kept) == 0 {
		to.event(p[:n])
		s.state = boxSkip
		return p[n:]
	}
	s.kept = append(s.kept, p[:n]...)
	return p[n:]
}
