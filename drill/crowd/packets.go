package crowd

import (
	"fmt"
	"hash/crc32"

	"github.com/epidaurus-live/epidaurus/tape"
)

// packets is what a scanner needs that looks at packets.
type packets struct {
	sizes  []uint16
	index  int
	at     int // bytes of the packet that were seen
	start  [3]byte
	sum    uint32
	silent int
	bad    int
	differ int
}

// enterSound begins an mdat.
func (s *boxes) enterSound(contents int64) error {
	if !s.waiting {
		return fmt.Errorf("%w: sound stands without a fragment", errBox)
	}
	if contents != s.sound {
		return fmt.Errorf("%w: the sound of frame %d has %d bytes, and its packets %d", errBox, s.from, contents, s.sound)
	}
	if s.closely != nil {
		c := s.closely
		*c = packets{sizes: c.sizes}
		s.state = boxSound
		c.skipEmpty()
	} else if s.known != nil {
		s.state = boxSum
	}
	return nil
}

// packet looks at the sound's packets.
func (s *boxes) packet(p []byte) (rest []byte) {
	c := s.closely
	for len(p) > 0 && c.index < len(c.sizes) {
		size := int(c.sizes[c.index])
		n := min(size-c.at, len(p))
		if c.at < len(c.start) {
			copy(c.start[c.at:], p[:n])
		}
		if s.known != nil {
			c.sum = crc32.Update(c.sum, castagnoli, p[:n])
		}
		s.consume(n)
		c.at += n
		p = p[n:]
		if c.at == size {
			s.judge(c, size)
			c.index, c.at, c.start, c.sum = c.index+1, 0, [3]byte{}, 0
			c.skipEmpty()
		}
	}
	if left := int(s.left[s.depth-1]); len(p) > 0 && left > 0 { // a packet of more than 64 KB: its size did not fit
		c.bad++
		p = p[s.consume(min(len(p), left)):]
	}
	return p
}

// judge counts what a packet is. One that stands for a hole is another at each edge, and no fault.
func (s *boxes) judge(c *packets, size int) {
	switch {
	case isSilence(c.start, size):
		c.silent++
	case opusSamples(c.start[0], c.start[1], size) != tape.FrameSamples:
		c.bad++
	case s.known != nil && !s.known.frame(s.variant, s.from+int64(c.index), size, c.sum):
		c.differ++
	}
}

// skipEmpty counts packets of no bytes, which no byte leads to.
func (c *packets) skipEmpty() {
	for c.index < len(c.sizes) && c.sizes[c.index] == 0 {
		c.bad++
		c.index++
	}
}
