package crowd

import (
	"encoding/binary"
	"fmt"

	"github.com/epidaurus-live/epidaurus/pack/ogg"
)

// page is an Ogg page (RFC 3533 §6) that carries sound.
type page struct {
	end     int64 // granule position: samples up to the end of its last packet
	packets int   // that end on it
	missing int64 // pages that did not come before it
	rate    int64 // samples a second of the stream; 0 where its head is unknown
	bytes   int64
	last    bool // of the stream
}

type pageState uint8

const (
	pageHead pageState = iota
	pageTable
	pageStart // the first bytes of a stream's first page
	pageBody
)

const pageHeadSize = 27

// pages takes an Ogg stream of one logical stream, or of several one behind the other, apart as it comes. The zero value is at the
// beginning.
type pages struct {
	rate     int64
	granule  int64
	left     int64 // of the body
	body     int64
	heads    int64 // bytes of pages without sound
	bad      int64 // pages that are not what their checksum says
	serial   uint32
	sequence uint32
	missing  uint32 // pages before this one
	sum      uint32 // of what was read of this one
	stated   uint32
	state    pageState
	n        uint8 // bytes in b, or of the table
	table    uint8 // its size
	flags    uint8
	packets  uint8
	sounding bool // a page of sound came
	started  bool
	b        [pageHeadSize]byte
}

// scan takes the next bytes, and calls visit for each whole page of sound.
func (s *pages) scan(p []byte, visit func(page)) error {
	for len(p) > 0 {
		switch s.state {
		case pageHead:
			n := copy(s.b[s.n:], p)
			s.n, p = s.n+uint8(n), p[n:]
			if s.n < pageHeadSize {
				return nil
			}
			err := s.header()
			if err != nil {
				return err
			}
		case pageTable:
			p = s.lacing(p)
		case pageStart:
			n := copy(s.b[s.n:], p[:min(len(p), int(s.left))])
			s.sum = ogg.Checksum(s.sum, p[:n])
			s.n, s.left, p = s.n+uint8(n), s.left-int64(n), p[n:]
			if s.left == 0 || int(s.n) == len(s.b) {
				s.identify()
				s.state = pageBody
			}
		case pageBody:
			n := min(int64(len(p)), s.left)
			s.sum = ogg.Checksum(s.sum, p[:n])
			s.left, p = s.left-n, p[n:]
		}
		if s.state == pageBody && s.left == 0 {
			s.finish(visit)
		}
	}
	return nil
}

func (s *pages) header() error {
	if string(s.b[:5]) != "OggS\x00" {
		return fmt.Errorf("%w: an Ogg page was due", errBox)
	}
	le := binary.LittleEndian
	serial, sequence := le.Uint32(s.b[14:]), le.Uint32(s.b[18:])
	s.flags, s.granule, s.table = s.b[5], int64(le.Uint64(s.b[6:])), s.b[26]
	const first = 2
	switch {
	case s.flags&first != 0:
		s.started, s.sounding, s.serial, s.rate = true, false, serial, 0
	case !s.started || serial != s.serial:
		return fmt.Errorf("%w: an Ogg page of a stream that did not begin", errBox)
	}
	s.n, s.body, s.packets, s.state = 0, 0, 0, pageTable
	s.missing, s.sequence = sequence-s.sequence-1, sequence
	s.stated = le.Uint32(s.b[22:])
	clear(s.b[22:26]) // as they were when the checksum was made
	s.sum = ogg.Checksum(0, s.b[:])
	if s.table == 0 {
		s.tabled()
	}
	return nil
}

// lacing reads the sizes of segments.
func (s *pages) lacing(p []byte) (rest []byte) {
	n := min(int(s.table-s.n), len(p))
	s.sum = ogg.Checksum(s.sum, p[:n])
	for _, segment := range p[:n] {
		s.body += int64(segment)
		if segment < 255 {
			s.packets++
		}
	}
	s.n += uint8(n)
	if s.n == s.table {
		s.tabled()
	}
	return p[n:]
}

// tabled goes on to the body.
func (s *pages) tabled() {
	s.left, s.state = s.body, pageBody
	const first = 2
	if s.flags&first != 0 && s.left > 0 {
		s.n, s.state = 0, pageStart
	}
}

// identify reads the rate of a stream from its first packet.
func (s *pages) identify() {
	b := s.b[:s.n]
	switch {
	case len(b) >= 8 && string(b[:8]) == "OpusHead":
		s.rate = 48000
	case len(b) >= 16 && string(b[:7]) == "\x01vorbis":
		s.rate = int64(binary.LittleEndian.Uint32(b[12:]))
	case len(b) >= 18 && string(b[:5]) == "\x7fFLAC":
		s.rate = 0 // its granule position is samples too, but the rate lies further back
	}
}

func (s *pages) finish(visit func(page)) {
	const first, last = 2, 4
	size := pageHeadSize + int64(s.table) + s.body
	sound := s.flags&first == 0 && s.granule > 0
	p := page{end: s.granule, packets: int(s.packets), rate: s.rate, bytes: size, last: s.flags&last != 0}
	if sound && s.sounding {
		p.missing = int64(s.missing)
	}
	s.state, s.n = pageHead, 0
	if s.sum != s.stated {
		s.bad++
	}
	if !sound {
		s.heads += size
		return
	}
	s.sounding = true
	visit(p)
}
