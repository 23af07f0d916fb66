package ogg

import (
	"fmt"
	"io"
)

// Page is one page of whole packets, as AppendPages and AppendEnd write it. Its packets are parts of the bytes that it was read from.
type Page struct {
	Granule int64 // 48 kHz sample at which its sound ends
	Number  uint32
	Serial  uint32
	First   bool // of its stream
	Last    bool // of its stream
	Size    int  // in bytes
	Packets [][]byte
}

// ParsePage reads the page that b begins with into p, whose packets are replaced. The error is io.ErrUnexpectedEOF when b ends within
// it, and wraps ErrNotOgg when it is no page, is damaged, or holds parts of packets.
func ParsePage(b []byte, p *Page) error {
	if len(b) < pageHead {
		return io.ErrUnexpectedEOF
	}
	if string(b[:len(capture)]) != capture || b[4] != 0 {
		return fmt.Errorf("%w: no page begins here", ErrNotOgg)
	}
	bodyAt := pageHead + int(b[offsetCount])
	if len(b) < bodyAt {
		return io.ErrUnexpectedEOF
	}
	size := bodyAt
	for _, n := range b[pageHead:bodyAt] {
		size += int(n)
	}
	if len(b) < size {
		return io.ErrUnexpectedEOF
	}
	lacing := b[pageHead:bodyAt]
	flags := b[offsetFlags]
	if !intact(b[:size]) || flags&flagContinued != 0 || len(lacing) == 0 || lacing[len(lacing)-1] == 255 {
		return fmt.Errorf("%w: a page is damaged", ErrNotOgg)
	}
	*p = Page{
		Granule: int64(le.Uint64(b[offsetGran:])), Number: le.Uint32(b[offsetNumber:]), Serial: le.Uint32(b[offsetSerial:]),
		First: flags&flagBegin != 0, Last: flags&flagEnd != 0, Size: size, Packets: p.Packets[:0],
	}
	at, n := bodyAt, 0
	for _, l := range lacing {
		n += int(l)
		if l < 255 {
			p.Packets = append(p.Packets, b[at:at+n])
			at, n = at+n, 0
		}
	}
	return nil
}

// Shift moves a page on the timeline, in place: by so many 48 kHz samples, and by so many pages. It must be one that ParsePage reads.
func Shift(page []byte, samples int64, pages int32) {
	le.PutUint64(page[offsetGran:], le.Uint64(page[offsetGran:])+uint64(samples))
	le.PutUint32(page[offsetNumber:], le.Uint32(page[offsetNumber:])+uint32(pages))
	le.PutUint32(page[offsetCRC:], 0)
	le.PutUint32(page[offsetCRC:], Checksum(0, page))
}
