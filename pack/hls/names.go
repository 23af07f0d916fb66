package hls

import (
	"strconv"
	"strings"

	"github.com/epidaurus-live/epidaurus/tape"
)

// Names of a room's objects, below its address. Playlists name others relative to themselves, so that a folder with the same names is as good
// as a server.
const (
	Dir    = "hls"
	Master = "master.m3u8" // lists the variants
	DVR    = "dvr.m3u8"    // of a room: lists the variants from the beginning; of a variant: the whole evening
	Low    = "low.m3u8"    // of a room: lists the variants in parts; of a variant: the last segments, and parts
	Live   = "live.m3u8"   // of a variant: the last segments
	Init   = "init.mp4"

	segmentPrefix, segmentSuffix = "seg-", ".m4s"
)

// SegmentName is the name of segment k.
func SegmentName(k tape.Number) string {
	return segmentPrefix + strconv.FormatInt(int64(k), 10) + segmentSuffix
}

// PartName is the name of a part of segment k, the first of which is part 0.
func PartName(k tape.Number, part int) string {
	return segmentPrefix + strconv.FormatInt(int64(k), 10) + "." + strconv.Itoa(part) + segmentSuffix
}

// ParseSegmentName reads what SegmentName wrote: one object has one name.
func ParseSegmentName(name string) (k tape.Number, ok bool) {
	n, err := strconv.ParseUint(between(name), 10, 40)
	return tape.Number(n), err == nil && SegmentName(tape.Number(n)) == name
}

// ParsePartName reads what PartName wrote.
func ParsePartName(name string) (k tape.Number, part int, ok bool) {
	number, index, _ := strings.Cut(between(name), ".")
	n, err := strconv.ParseUint(number, 10, 40)
	p, err2 := strconv.ParseUint(index, 10, 8)
	return tape.Number(n), int(p), err == nil && err2 == nil && PartName(tape.Number(n), int(p)) == name
}

// between is what stands between what the names of segments and of parts have in common.
func between(name string) string {
	return strings.TrimSuffix(strings.TrimPrefix(name, segmentPrefix), segmentSuffix)
}
