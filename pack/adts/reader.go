package adts

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// ErrFrame says that bytes are no frame as this package writes them.
var ErrFrame = errors.New("not an ADTS frame of AAC-LC, 48 kHz, mono")

// Reader reads a stream as this package writes it, and nothing else: each frame begins where the last one ended, and has the same kind of
// sound. It is for those who check.
type Reader struct {
	from *bufio.Reader
	unit []byte
}

// NewReader makes a reader of r.
func NewReader(r io.Reader) *Reader { return &Reader{from: bufio.NewReader(r)} }

// Next returns the next access unit, which is valid until the next call. Its error is io.EOF where the stream ends between two frames, and
// io.ErrUnexpectedEOF where it ends inside one.
func (r *Reader) Next() ([]byte, error) {
	var head [headerSize]byte
	_, err := io.ReadFull(r.from, head[:])
	if err != nil {
		return nil, err
	}
	size, err := parseHeader(head)
	if err != nil {
		return nil, err
	}
	if cap(r.unit) < size {
		r.unit = make([]byte, maxFrame)
	}
	r.unit = r.unit[:size]
	_, err = io.ReadFull(r.from, r.unit)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return r.unit, err
}

// parseHeader returns the length of the unit behind a header.
func parseHeader(h [headerSize]byte) (size int, err error) {
	size = int(h[3]&3)<<11 | int(h[4])<<3 | int(h[5]>>5)
	same := AppendUnit(nil, nil)
	switch {
	case size <= headerSize:
		return 0, fmt.Errorf("%w: a length of %d", ErrFrame, size)
	case h[0] != same[0] || h[1] != same[1] || h[2] != same[2] || h[3]&^3 != same[3]&^3 || h[5]&0x1f != 0x1f || h[6] != same[6]:
		return 0, fmt.Errorf("%w: a header of % x", ErrFrame, h)
	}
	return size - headerSize, nil
}
