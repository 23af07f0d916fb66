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
	Live   = "live.m3u8"   // of a variant: the last segments
	Init   = "init.mp4"

	segmentPrefix, segmentSuffix = "seg-", ".m4s"
)

// SegmentName is the name of segment k.
func SegmentName(k tape.Number) string {
	return segmentPrefix + strconv.FormatInt(int64(k), 10) + segmentSuffix
}

// ParseSegmentName reads what SegmentName wrote: one object has one name.
func ParseSegmentName(name string) (k tape.Number, ok bool) {
	number, has := strings.CutSuffix(name, segmentSuffix)
	number, begins := strings.CutPrefix(number, segmentPrefix)
	n, err := strconv.ParseUint(number, 10, 40)
	if !has || !begins || err != nil {
		return 0, false
	}
	return tape.Number(n), SegmentName(tape.Number(n)) == name
}
