package crowd

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bounds of playlists (RFC 8216).
const (
	maxPlaylist = 256 << 10
	maxSegments = 4096
)

var errPlaylist = errors.New("a playlist cannot be read")

// playlist is what matters of one.
type playlist struct {
	variant  string // of a master playlist: the first one; all else is empty then
	target   time.Duration
	sequence int64 // of the first segment
	segments []segment
	over     bool // there will be no more
}

// segment is a piece of sound.
type segment struct {
	uri  string
	long time.Duration
}

// parsePlaylist reads a playlist. Tags that are not known are skipped.
func parsePlaylist(text []byte) (p playlist, err error) {
	first, rest, _ := bytes.Cut(text, []byte("\n"))
	if string(bytes.TrimRight(first, "\r")) != "#EXTM3U" {
		return p, errPlaylist
	}
	var long time.Duration
	variant := false
	for line := range bytes.Lines(rest) {
		tag := strings.TrimSpace(string(line))
		name, value, _ := strings.Cut(tag, ":")
		switch {
		case tag == "":
		case name == "#EXT-X-STREAM-INF":
			variant = true
		case name == "#EXT-X-TARGETDURATION":
			p.target, err = seconds(value)
		case name == "#EXT-X-MEDIA-SEQUENCE":
			p.sequence, err = strconv.ParseInt(value, 10, 64)
			if err == nil && (p.sequence < 0 || p.sequence > math.MaxInt64/2) {
				err = errPlaylist
			}
		case name == "#EXTINF":
			number, _, _ := strings.Cut(value, ",")
			long, err = seconds(number)
		case name == "#EXT-X-ENDLIST":
			p.over = true
		case strings.HasPrefix(tag, "#"):
		case variant:
			return playlist{variant: tag}, nil
		case len(p.segments) == maxSegments:
			err = errPlaylist
		default:
			p.segments = append(p.segments, segment{tag, long})
			long = 0
		}
		if err != nil {
			return playlist{}, errPlaylist
		}
	}
	if p.target == 0 {
		return playlist{}, errPlaylist
	}
	return p, nil
}

// seconds reads a duration of a playlist.
func seconds(text string) (time.Duration, error) {
	s, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(s >= 0 && s <= 3600) {
		return 0, errPlaylist
	}
	return time.Duration(s * float64(time.Second)), nil
}
