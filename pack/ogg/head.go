package ogg

import (
	"github.com/epidaurus-live/epidaurus/tape"
)

const (
	magicHead = "OpusHead"
	magicTags = "OpusTags"
)

// Head is what a stream says about itself before the sound.
type Head struct {
	PreSkip  uint16   // samples at 48 kHz to drop from the decoder's first output
	Vendor   string   // the program that encoded
	Comments []string // NAME=text, such as TITLE=…

	Channels  uint8  // zero when writing means 1
	InputRate uint32 // Hz before encoding, for information; zero when writing means 48000
	Gain      int16  // to apply when decoding, in 1/256 dB
}

// appendOpusHead appends the identification header (RFC 7845 §5.1).
func (h *Head) appendOpusHead(dst []byte) []byte {
	channels, rate := h.Channels, h.InputRate
	if channels == 0 {
		channels = 1
	}
	if rate == 0 {
		rate = tape.SampleRate
	}
	dst = append(dst, magicHead...)
	dst = append(dst, 1, channels)
	dst = le.AppendUint16(dst, h.PreSkip)
	dst = le.AppendUint32(dst, rate)
	dst = le.AppendUint16(dst, uint16(h.Gain))
	return append(dst, 0) // channel mapping family: mono or stereo
}

// appendOpusTags appends the comment header (RFC 7845 §5.2) in at most limit bytes. Comments that do not fit are left out.
func (h *Head) appendOpusTags(dst []byte, limit int) []byte {
	limit += len(dst)
	dst = append(dst, magicTags...)
	vendor := h.Vendor[:min(len(h.Vendor), maxVendor)]
	dst = le.AppendUint32(dst, uint32(len(vendor)))
	dst = append(dst, vendor...)
	count := len(dst)
	dst = le.AppendUint32(dst, 0)
	n := uint32(0)
	for _, c := range h.Comments {
		if len(dst)+4+len(c) > limit {
			continue
		}
		dst = le.AppendUint32(dst, uint32(len(c)))
		dst = append(dst, c...)
		n++
	}
	le.PutUint32(dst[count:], n)
	return dst
}

const maxVendor = 1024

// maxTags is the longest packet that ends on the page where it begins.
const maxTags = maxSegments*255 - 1

// appendHeadPages appends the pages 0 and 1 of a stream.
func appendHeadPages(dst []byte, serial uint32, h *Head) []byte {
	dst = appendPage(dst, pageHeader{flags: flagBegin, serial: serial, number: 0}, h.appendOpusHead(nil))
	return appendPage(dst, pageHeader{serial: serial, number: 1}, h.appendOpusTags(nil, maxTags))
}
