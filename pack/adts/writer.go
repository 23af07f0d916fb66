package adts

import "github.com/epidaurus-live/epidaurus/tape"

// ContentType is what an endless answer of ADTS is served as.
const ContentType = "audio/aac"

const (
	headerSize = 7
	maxFrame   = 1<<13 - 1 // what the header's length can say
)

// AppendFrames appends the access units that the frames from, from+1, … of tape.AAC64 carry. What is missing of them is silence. Cut anywhere
// between frames, the parts together are the same bytes. It does not allocate when dst has room.
func AppendFrames(dst []byte, from tape.Number, packets [][]byte) []byte {
	var unit [1][]byte
	for i := range packets {
		for _, u := range tape.AppendUnits(unit[:0], from+tape.Number(i), packets[i:i+1]) {
			dst = AppendUnit(dst, u)
		}
	}
	return dst
}

// AppendUnit appends one access unit of AAC-LC, 48 kHz, mono, of at most 8184 bytes.
func AppendUnit(dst, unit []byte) []byte {
	return append(appendHeader(dst, len(unit)), unit...)
}

// appendHeader appends what stands before a unit of so many bytes.
func appendHeader(dst []byte, unit int) []byte {
	size := headerSize + unit
	return append(dst,
		0xff, 0xf1, // sync word, MPEG-4, no checksum
		profileLC<<6|rate48000<<2|mono>>2,
		mono<<6&0xff|byte(size>>11),
		byte(size>>3),
		byte(size<<5)|0x1f, // the fullness of the buffer is 0x7ff: the rate varies
		0xfc,               // one unit
	)
}

const (
	profileLC = 1
	rate48000 = 3
	mono      = 1
)
