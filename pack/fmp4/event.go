package fmp4

import "github.com/epidaurus-live/epidaurus/tape"

// emsgHead is the size of an emsg without its strings and its data (ISO/IEC 23009-1 §5.10.3.3, version 1).
const emsgHead = fullBoxHeader + 4 + 8 + 4 + 4

// durationUnknown says that an event holds until another replaces it.
const durationUnknown = 0xffffffff

// AppendEvent appends an event as one emsg box. Its presentation time is the event's frame; its value is the kind, because boxes
// of equal scheme, value and id are one event to a player, and several kinds may change at one frame.
func AppendEvent(dst []byte, e tape.Event) []byte {
	size := emsgHead + len(eventScheme) + 1 + len(e.Kind) + 1 + len(e.Data)
	dst = appendFullHeader(dst, size, "emsg", 1, 0)
	dst = be.AppendUint32(dst, tape.SampleRate)
	dst = be.AppendUint64(dst, uint64(e.At.Samples()))
	dst = be.AppendUint32(dst, durationUnknown)
	dst = be.AppendUint32(dst, uint32(e.At))
	dst = append(dst, eventScheme...)
	dst = append(dst, 0)
	dst = append(dst, e.Kind...)
	dst = append(dst, 0)
	return append(dst, e.Data...)
}
