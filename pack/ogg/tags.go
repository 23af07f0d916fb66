package ogg

import (
	"bytes"
	"errors"
	"fmt"
)

// parseOpusHead reads an identification header (RFC 7845 §5.1).
func (h *Head) parseOpusHead(p []byte) error {
	const size = 19
	if len(p) < size {
		return errors.New("the identification header is cut off")
	}
	if version := p[8]; version>>4 != 0 {
		return fmt.Errorf("version %d of Ogg Opus is unknown", version)
	}
	h.Channels = p[9]
	h.PreSkip = le.Uint16(p[10:])
	h.InputRate = le.Uint32(p[12:])
	h.Gain = int16(le.Uint16(p[16:]))
	if family := p[18]; family != 0 || h.Channels < 1 || h.Channels > 2 {
		return fmt.Errorf("%d channels of mapping family %d: only mono and stereo can be played", h.Channels, family)
	}
	return nil
}

// parseTags reads a comment header (RFC 7845 §5.2) as far as it goes, and reports whether it is one.
func (h *Head) parseTags(p []byte) bool {
	p, ok := bytes.CutPrefix(p, []byte(magicTags))
	if !ok {
		return false
	}
	vendor, p, ok := cutString(p)
	if !ok || len(p) < 4 {
		return true
	}
	h.Vendor = vendor
	n := le.Uint32(p)
	p = p[4:]
	for ; n > 0; n-- {
		var c string
		if c, p, ok = cutString(p); !ok {
			break
		}
		h.Comments = append(h.Comments, c)
	}
	return true
}

// cutString takes a string with its length in front off p.
func cutString(p []byte) (s string, rest []byte, ok bool) {
	if len(p) < 4 {
		return "", nil, false
	}
	n, p := le.Uint32(p), p[4:]
	if uint64(n) > uint64(len(p)) {
		return "", nil, false
	}
	return string(p[:n]), p[n:], true
}
