package listener

import (
	"errors"
	"fmt"
	"io"

	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
)

// fragment is what a server wrote at once. It is valid until the next one is read.
type fragment struct {
	from    tape.Number
	packets [][]byte
	events  []tape.Event
}

// stream takes fragments out of a body. It ends with io.EOF, and with io.ErrUnexpectedEOF within a fragment.
type stream interface {
	next() (fragment, error)
}

func newStream(c Container, body io.Reader) stream {
	if c == Ogg {
		return &oggStream{reader: ogg.NewReader(body)}
	}
	return mp4Stream{fmp4.NewReader(body)}
}

type mp4Stream struct{ reader *fmp4.Reader }

func (s mp4Stream) next() (fragment, error) {
	f, err := s.reader.Next()
	return fragment{f.From, f.Packets, f.Events}, err
}

// errGrid says that an Ogg packet does not lie where a frame does.
var errGrid = errors.New("a page's granule position is not on the grid of frames")

// oggStream gathers packets to what a server writes at once: a page.
type oggStream struct {
	reader  *ogg.Reader
	arena   []byte
	packets [][]byte
	from    tape.Number // of packets

	ahead   []byte // a packet that was read and belongs to the next fragment
	aheadAt tape.Number
	waiting bool  // ahead is set
	err     error // to be returned behind packets
}

func (s *oggStream) next() (fragment, error) {
	s.arena, s.packets = s.arena[:0], s.packets[:0]
	if s.waiting {
		s.waiting = false
		s.add(s.aheadAt, s.ahead)
	}
	for s.err == nil {
		if s.pageEnds() {
			return fragment{from: s.from, packets: s.packets}, nil
		}
		var n tape.Number
		var data []byte
		n, data, s.err = s.read()
		switch {
		case s.err != nil:
		case len(s.packets) > 0 && n != s.from+tape.Number(len(s.packets)):
			s.ahead, s.aheadAt, s.waiting = append(s.ahead[:0], data...), n, true
			return fragment{from: s.from, packets: s.packets}, nil
		default:
			s.add(n, data)
		}
	}
	if len(s.packets) > 0 {
		return fragment{from: s.from, packets: s.packets}, nil
	}
	return fragment{}, s.err
}

// pageEnds reports whether the packets go up to where a page ends on the grid.
func (s *oggStream) pageEnds() bool {
	return len(s.packets) > 0 && (s.from+tape.Number(len(s.packets)))%tape.PageFrames == 0
}

func (s *oggStream) add(n tape.Number, data []byte) {
	if len(s.packets) == 0 {
		s.from = n
	}
	at := len(s.arena)
	s.arena = append(s.arena, data...)
	s.packets = append(s.packets, s.arena[at:])
}

// read returns the next frame. The packet that ends a stream holds what a decoder still has, and is no frame.
func (s *oggStream) read() (tape.Number, []byte, error) {
	for {
		p, err := s.reader.Next()
		if err != nil {
			return 0, nil, err
		}
		if p.Trim > 0 {
			continue
		}
		if p.End%tape.FrameSamples != 0 || p.End <= 0 {
			return 0, nil, fmt.Errorf("%w: %d", errGrid, p.End)
		}
		return tape.Number(p.End/tape.FrameSamples) - 1, p.Data, nil
	}
}
