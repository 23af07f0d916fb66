package ogg

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrNotOgg says that a stream holds no Ogg pages.
var ErrNotOgg = errors.New("this is no Ogg stream")

// maxJunk is how much may stand between two pages.
const maxJunk = 1 << 20

// page is a page as it stands in a scanner's buffer, valid until the next one is read.
type page struct {
	pageHeader
	lacing []byte
	body   []byte
}

// scanner finds pages. It holds one page at most.
type scanner struct {
	src     *bufio.Reader
	done    int   // bytes of the page that was returned last
	skipped int64 // bytes that were no part of an intact page
	found   bool  // at least one page
	cut     bool  // what stood behind the last page looked like one that the end cut off
}

func newScanner(r io.Reader) *scanner {
	return &scanner{src: bufio.NewReaderSize(r, maxPage)}
}

// next returns the next page whose checksum is right. Junk is skipped. It returns io.EOF at an end between pages, and
// io.ErrUnexpectedEOF within one.
func (s *scanner) next() (page, error) {
	if _, err := s.src.Discard(s.done); err != nil {
		return page{}, err
	}
	s.done = 0
	for junk := 0; junk <= maxJunk; {
		p, size, err := s.peek()
		if err != nil {
			return page{}, err
		}
		if size > 0 {
			s.done, s.found, s.cut = size, true, false
			return p, nil
		}
		n, err := s.skip()
		if errors.Is(err, io.EOF) && s.cut {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return page{}, err
		}
		junk += n
	}
	return page{}, fmt.Errorf("%w: no page in %d bytes", ErrNotOgg, maxJunk)
}

// peek looks at a page at the read position. Its size is zero when there is none.
func (s *scanner) peek() (page, int, error) {
	head, err := s.src.Peek(pageHead)
	if !bytes.HasPrefix(head, []byte(capture)[:min(len(head), len(capture))]) {
		return page{}, 0, nil
	}
	if err != nil {
		return page{}, 0, s.short(err, len(head))
	}
	if head[4] != 0 { // version
		return page{}, 0, nil
	}
	bodyAt := pageHead + int(head[offsetCount])
	head, err = s.src.Peek(bodyAt)
	if err != nil {
		return page{}, 0, s.short(err, len(head))
	}
	size := bodyAt
	for _, n := range head[pageHead:] {
		size += int(n)
	}
	all, err := s.src.Peek(size)
	if err != nil {
		return page{}, 0, s.short(err, len(all))
	}
	if !intact(all) {
		return page{}, 0, nil
	}
	return page{
		pageHeader: pageHeader{
			flags:   all[offsetFlags],
			granule: int64(le.Uint64(all[offsetGran:])),
			serial:  le.Uint32(all[offsetSerial:]),
			number:  le.Uint32(all[offsetNumber:]),
		},
		lacing: all[pageHead:bodyAt],
		body:   all[bodyAt:],
	}, size, nil
}

// skip drops bytes up to the next place where a page may begin, at least one.
func (s *scanner) skip() (int, error) {
	window, err := s.src.Peek(max(2, s.src.Buffered()))
	n := len(window)
	if n > 1 {
		if i := bytes.IndexByte(window[1:], capture[0]); i >= 0 {
			n = 1 + i
		}
	} else if n == 0 {
		return 0, err
	}
	s.skipped += int64(n)
	return s.src.Discard(n)
}

// intact checks a page's checksum, which was made while its own four bytes were zero.
func intact(p []byte) bool {
	crc := Checksum(0, p[:offsetCRC])
	crc = Checksum(crc, []byte{0, 0, 0, 0})
	return Checksum(crc, p[offsetCRC+4:]) == le.Uint32(p[offsetCRC:])
}

// short takes note of a source that ended after n bytes of what may be a page. It may also be junk with whole pages within.
func (s *scanner) short(err error, n int) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	s.cut = s.cut || n > 0
	return nil
}
