package adts

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	titleBlock = 16  // what a block of metadata is counted in, in bytes
	titleMost  = 255 // how many of these it has at most

	titleBefore, titleAfter = "StreamTitle='", "';"
)

// AppendTitle appends a block of metadata as players of ICY (SHOUTcast) read them: a byte that says how long it is, in 16 bytes, and a title
// of UTF-8 behind it, filled up with zeros. No title is the block that says nothing new: one zero. The protocol has no way to quote: players look
// for the next quote, or for one with a semicolon, so that quotes are given as U+2019. A title too long is cut.
func AppendTitle(dst []byte, title string) []byte {
	title = cutText(strings.ReplaceAll(Displayable(title), "'", "’"), titleMost*titleBlock-len(titleBefore)-len(titleAfter))
	if title == "" {
		return append(dst, 0)
	}
	size := len(titleBefore) + len(title) + len(titleAfter)
	blocks := (size + titleBlock - 1) / titleBlock
	dst = append(dst, byte(blocks))
	dst = append(dst, titleBefore...)
	dst = append(dst, title...)
	dst = append(dst, titleAfter...)
	for range blocks*titleBlock - size {
		dst = append(dst, 0)
	}
	return dst
}

// Displayable is a text without what breaks a line of metadata, or a header field: control characters are spaces, what is no UTF-8 is U+FFFD.
func Displayable(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.TrimSpace(text)
}

// cutText is the beginning of a text that has at most so many bytes, in whole characters.
func cutText(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
