package ogg

import "github.com/epidaurus-live/epidaurus/tape"

const (
	pageFrames = tape.PageFrames

	// headPages is how many pages stand before the sound.
	headPages = 2

	// maxFrameBytes is the longest packet of which twelve fit on a page; Opus frames of 20 ms have at most 1276 bytes.
	maxFrameBytes = maxSegments/pageFrames*255 - 1
)

// AppendHeaders appends the two pages that stand before the sound of every listener: OpusHead and OpusTags. Serial names the
// logical stream: the same for the same room, channel and variant.
//
// They are pages 0 and 1 wherever the listener joins. The hole behind them is what players know from live radio, while VLC and
// everything else that begins with libogg's ogg_stream_init refuses a first page of another number.
func AppendHeaders(dst []byte, serial uint32, h Head) []byte {
	return appendHeadPages(dst, serial, &h)
}

// AppendPages appends the audio pages of the frames from, from+1, … A page ends where the next frame's number is a multiple of 12.
// The first page of an answer may begin, and its last one may end, elsewhere; in between cut on the grid, or two pages have one
// number. It does not allocate when dst has room. A packet too long for any 20 ms of Opus is replaced by silence.
func AppendPages(dst []byte, serial uint32, from tape.Number, packets [][]byte) []byte {
	var page [pageFrames][]byte
	for len(packets) > 0 {
		n := min(len(packets), pageFrames-int(from%pageFrames))
		for i, p := range packets[:n] {
			if len(p) > maxFrameBytes {
				p = tape.SilencePacket
			}
			page[i] = p
		}
		end := from + tape.Number(n)
		dst = appendPage(dst, pageHeader{granule: end.Samples(), serial: serial, number: pageOf(from)}, page[:n]...)
		from, packets = end, packets[n:]
	}
	return dst
}

// AppendEnd appends the page that ends a stream whose last frame was end-1. It holds 20 ms of silence, of which a player keeps the
// preSkip samples in which a decoder gives back the end of the last frame.
func AppendEnd(dst []byte, serial uint32, end tape.Number, preSkip uint16) []byte {
	return AppendLast(dst, serial, end, preSkip, tape.SilencePacket)
}

// AppendLast does what AppendEnd does with the packet of frame end in the place of silence: where a stream ends in the middle of what was said,
// that is what gives back the end of the frame before.
func AppendLast(dst []byte, serial uint32, end tape.Number, preSkip uint16, packet []byte) []byte {
	if len(packet) > maxFrameBytes {
		packet = tape.SilencePacket
	}
	number := pageOf(end + pageFrames - 1) // behind the last page, be it whole or not
	h := pageHeader{flags: flagEnd, granule: end.Samples() + int64(preSkip), serial: serial, number: number}
	return appendPage(dst, h, packet)
}

// pageOf is the number of the page that holds a frame, modulo 2^32. Frame 0 is on page 2, behind the head of a stream that
// begins there.
func pageOf(n tape.Number) uint32 { return uint32(n/pageFrames) + headPages }
