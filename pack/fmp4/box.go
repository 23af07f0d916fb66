package fmp4

import "encoding/binary"

// Sizes of what stands in front of a box's contents.
const (
	boxHeader     = 8             // size, type
	fullBoxHeader = boxHeader + 4 // version, flags
	largeHeader   = boxHeader + 8 // 64-bit size
	handlerSound  = "soun"        // hdlr
	sampleEntry   = "Opus"        // stsd
	eventScheme   = "urn:epidaurus:event:1"
	trackID       = 1
)

var be = binary.BigEndian

// appendBox appends a box whose contents fill writes.
func appendBox(dst []byte, kind string, fill func([]byte) []byte) []byte {
	start := len(dst)
	dst = appendBoxHeader(dst, 0, kind)
	dst = fill(dst)
	be.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst
}

func appendBoxHeader(dst []byte, size int, kind string) []byte {
	dst = be.AppendUint32(dst, uint32(size))
	return append(dst, kind...)
}

// appendFullHeader appends the header of a box that has a version (8 bits) and flags (24 bits).
func appendFullHeader(dst []byte, size int, kind string, version uint8, flags uint32) []byte {
	dst = appendBoxHeader(dst, size, kind)
	return be.AppendUint32(dst, uint32(version)<<24|flags)
}
