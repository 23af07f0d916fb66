package ogg

import "encoding/binary"

// The parts of a page (RFC 3533 §6).
const (
	capture      = "OggS"
	pageHead     = 27 // without the lacing values
	offsetFlags  = 5
	offsetGran   = 6
	offsetSerial = 14
	offsetNumber = 18
	offsetCRC    = 22
	offsetCount  = 26
	maxSegments  = 255
	maxPage      = pageHead + maxSegments + maxSegments*255
)

// Flags of a page.
const (
	flagContinued = 1 << iota // its first bytes go on with a packet of the page before
	flagBegin                 // first of its stream
	flagEnd                   // last of its stream
)

// noGranule says that no packet ends on a page.
const noGranule = -1

var le = binary.LittleEndian

// pageHeader is what a page says besides its packets.
type pageHeader struct {
	flags   byte
	granule int64
	serial  uint32
	number  uint32
}

// appendPage appends a page of whole packets. Their lacing values fit into a page: callers see to it.
func appendPage(dst []byte, h pageHeader, packets ...[]byte) []byte {
	start := len(dst)
	dst = append(dst, capture...)
	dst = append(dst, 0, h.flags)
	dst = le.AppendUint64(dst, uint64(h.granule))
	dst = le.AppendUint32(dst, h.serial)
	dst = le.AppendUint32(dst, h.number)
	dst = append(dst, 0, 0, 0, 0, 0) // checksum and number of segments come last
	for _, p := range packets {
		n := len(p)
		for ; n >= 255; n -= 255 {
			dst = append(dst, 255)
		}
		dst = append(dst, byte(n))
	}
	dst[start+offsetCount] = byte(len(dst) - start - pageHead)
	for _, p := range packets {
		dst = append(dst, p...)
	}
	le.PutUint32(dst[start+offsetCRC:], Checksum(0, dst[start:]))
	return dst
}

// segments is how many lacing values a packet of n bytes takes.
func segments(n int) int { return n/255 + 1 }
