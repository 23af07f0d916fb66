package hls

import (
	"strconv"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/tape"
)

// LiveSegments is how many segments the live playlist lists: 15 s. A player begins three target durations from its end, and may be held up for
// as long as the rest.
const LiveSegments = 8

// targetDuration is that of every playlist: no segment is longer when it is rounded to a whole second (§4.4.3.1).
const targetDuration = 2

const (
	firstLine = "#EXTM3U\n"
	// EXT-X-GAP wants version 8 (§8), and a playlist may not change its version when it gets one.
	versionLine     = "#EXT-X-VERSION:8\n"
	independentLine = "#EXT-X-INDEPENDENT-SEGMENTS\n"
)

// PartHoldBack is how far from the end of a playlist of parts a player plays: two parts and a half, where two is what it must be and three what it
// should be (§4.4.3.8). What hls.js takes to begin comes on top of it, and stays; with three it is more than 1.5 s behind.
const PartHoldBack = 5 * PartDuration / 2

// partOverhead is what the boxes of its parts add to a segment, in bits per second.
var partOverhead = int(time.Duration((SegmentParts-1)*fmp4.FragmentSize(0, 0)*8) * time.Second / SegmentDuration)

// AppendMaster appends the multivariant playlist of a channel, which leads to the playlist of that name of each rendition: Live, Low or DVR. It says
// nothing of averages: by them AAC is above the best Opus, and a player that looks at bandwidth alone, as VLC does, would change to it.
func AppendMaster(dst []byte, ch tape.Channel, playlist string, renditions []Rendition) []byte {
	dst = append(dst, firstLine+versionLine+independentLine...)
	overhead := 0
	if playlist == Low {
		overhead = partOverhead
	}
	for _, r := range renditions {
		dst = append(dst, "#EXT-X-STREAM-INF:BANDWIDTH="...)
		dst = strconv.AppendInt(dst, int64(r.Peak+overhead), 10)
		dst = append(dst, `,CODECS="`+r.Codecs+"\"\n"...)
		dst = append(dst, string(ch)+"/"+string(r.Variant)+"/"+playlist+"\n"...)
	}
	return dst
}

// Media is what a playlist of one variant says.
type Media struct {
	First    tape.Number // number of the first segment
	Segments []Segment
	Begin    time.Time // of the first segment; zero: not known
	Whole    bool      // it begins with the channel, and only grows
	Over     bool      // there will be no more
	Low      *Making   // nil: it has no parts
}

// Segment is one that is listed.
type Segment struct {
	Duration time.Duration   // of its sound; for a gap, of what is missing
	Gap      bool            // nobody has it: a player must not ask for it
	Parts    []time.Duration // those that are listed, from the first on; in a playlist of parts only
}

// Making is what a playlist of parts says of the segment behind those that it lists.
type Making struct {
	Parts   []time.Duration // that are there
	Reports []Report        // of the other variants
}

// Report says how far another variant's playlist goes: to a part of a segment.
type Report struct {
	Variant tape.Variant
	Segment tape.Number
	Part    int
}

// AppendMedia appends the playlist of a variant.
func AppendMedia(dst []byte, m Media) []byte {
	dst = append(dst, firstLine+versionLine+independentLine+"#EXT-X-TARGETDURATION:"...)
	dst = strconv.AppendInt(dst, targetDuration, 10)
	if m.Low != nil {
		dst = append(dst, "\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK="...)
		dst = appendSeconds(dst, PartHoldBack)
		dst = append(dst, "\n#EXT-X-PART-INF:PART-TARGET="...)
		dst = appendSeconds(dst, PartDuration)
	}
	dst = append(dst, "\n#EXT-X-MEDIA-SEQUENCE:"...)
	dst = strconv.AppendInt(dst, int64(m.First), 10)
	dst = append(dst, '\n')
	if m.Whole {
		// Who asks for the whole evening wants to hear its beginning, also while it goes on.
		dst = append(dst, "#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-START:TIME-OFFSET=0\n"...)
	}
	dst = append(dst, `#EXT-X-MAP:URI="`+Init+"\"\n"...)
	if !m.Begin.IsZero() && (len(m.Segments) > 0 || m.Low != nil && len(m.Low.Parts) > 0) {
		dst = append(dst, "#EXT-X-PROGRAM-DATE-TIME:"...)
		dst = m.Begin.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
		dst = append(dst, '\n')
	}
	for i, s := range m.Segments {
		k := m.First + tape.Number(i)
		dst = appendParts(dst, k, s.Parts)
		dst = append(dst, "#EXTINF:"...)
		dst = appendSeconds(dst, s.Duration)
		dst = append(dst, ",\n"...)
		if s.Gap {
			dst = append(dst, "#EXT-X-GAP\n"...)
		}
		dst = append(dst, SegmentName(k)...)
		dst = append(dst, '\n')
	}
	if m.Low != nil {
		dst = m.appendMaking(dst)
	}
	if m.Over {
		dst = append(dst, "#EXT-X-ENDLIST\n"...)
	}
	return dst
}

// appendMaking appends the end of a playlist of parts.
func (m Media) appendMaking(dst []byte) []byte {
	k := m.First + tape.Number(len(m.Segments))
	dst = appendParts(dst, k, m.Low.Parts)
	if !m.Over {
		dst = append(dst, `#EXT-X-PRELOAD-HINT:TYPE=PART,URI="`+PartName(k, len(m.Low.Parts))+"\"\n"...)
	}
	for _, r := range m.Low.Reports {
		dst = append(dst, `#EXT-X-RENDITION-REPORT:URI="../`+string(r.Variant)+"/"+Low+`",LAST-MSN=`...)
		dst = strconv.AppendInt(dst, int64(r.Segment), 10)
		dst = append(dst, ",LAST-PART="...)
		dst = strconv.AppendInt(dst, int64(r.Part), 10)
		dst = append(dst, '\n')
	}
	return dst
}

// appendParts appends the first parts of segment k. Each frame stands for itself, and so does each part.
func appendParts(dst []byte, k tape.Number, parts []time.Duration) []byte {
	for i, d := range parts {
		dst = append(dst, "#EXT-X-PART:DURATION="...)
		dst = appendSeconds(dst, d)
		dst = append(dst, `,URI="`+PartName(k, i)+"\",INDEPENDENT=YES\n"...)
	}
	return dst
}

// appendSeconds appends a duration with no more digits than it needs.
func appendSeconds(dst []byte, d time.Duration) []byte {
	text := strconv.FormatFloat(d.Seconds(), 'f', 6, 64)
	return append(dst, strings.TrimRight(strings.TrimRight(text, "0"), ".")...)
}

// Window is the part of the segments from first (inclusive) to end (exclusive) that the live playlist lists.
func Window(first, end tape.Number) (from, to tape.Number) {
	return max(first, end-LiveSegments), end
}

// Whole is n segments of which the last has so many packets; 0 for all of them.
func (r Rendition) Whole(n int, last int) []Segment {
	segments := make([]Segment, n)
	for i := range segments {
		segments[i].Duration = SegmentDuration
	}
	if n > 0 && last > 0 {
		segments[n-1].Duration = r.Duration(last)
	}
	return segments
}
