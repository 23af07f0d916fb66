package hls_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
	oracle "github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"pgregory.net/rapid"

	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/pack/hls"
	"github.com/epidaurus-live/epidaurus/tape"
)

var epoch = time.Date(2026, 11, 26, 19, 0, 0, 500_000_000, time.UTC)

const begins = "#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-INDEPENDENT-SEGMENTS\n"

func TestMaster(t *testing.T) {
	t.Parallel()
	want := begins + `#EXT-X-STREAM-INF:BANDWIDTH=72000,CODECS="opus"
floor/opus-48/live.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=40000,CODECS="opus"
floor/opus-24/live.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=24000,CODECS="opus"
floor/opus-12/live.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=70000,CODECS="mp4a.40.2"
floor/aac-64/live.m3u8
`
	got := string(hls.AppendMaster(nil, tape.Floor, hls.Live, hls.Renditions))
	if got != want {
		t.Errorf("the master playlist is\n%s", got)
	}
	got = string(hls.AppendMaster(nil, tape.Floor, hls.Live, hls.AsTaped()))
	if want, _, _ = strings.Cut(want, "#EXT-X-STREAM-INF:BANDWIDTH=70000"); got != want {
		t.Errorf("without AAC the master playlist is\n%s", got)
	}
}

func TestMedia(t *testing.T) {
	t.Parallel()
	opus, _ := hls.Of(tape.Opus48)
	live := hls.Media{First: 656, Begin: opus.Begin(epoch, 656), Segments: []hls.Segment{{Duration: hls.SegmentDuration}, {Duration: 1280 * time.Millisecond}}}
	whole := hls.Media{
		First: 10, Whole: true, Over: true,
		Segments: []hls.Segment{{Duration: hls.SegmentDuration, Gap: true}, {Duration: 20 * time.Millisecond}},
	}
	low := hls.Media{
		First: 99, Begin: opus.Begin(epoch, 99),
		Segments: []hls.Segment{{Duration: hls.SegmentDuration}, {Duration: hls.SegmentDuration, Parts: opus.Parts(96)}},
		Low:      &hls.Making{Parts: opus.Parts(32), Reports: []hls.Report{{Variant: tape.Opus24, Segment: 101, Part: 1}}},
	}
	first := hls.Media{First: 7, Begin: opus.Begin(epoch, 7), Low: &hls.Making{Parts: opus.Parts(16)}}
	last := hls.Media{First: 7, Over: true, Segments: []hls.Segment{{Duration: 340 * time.Millisecond, Parts: opus.Parts(17)}}, Low: &hls.Making{}}
	for name, test := range map[string]struct {
		media hls.Media
		want  string
	}{
		"Low": {low, begins + `#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.8
#EXT-X-PART-INF:PART-TARGET=0.32
#EXT-X-MEDIA-SEQUENCE:99
#EXT-X-MAP:URI="init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-11-26T19:03:10.580Z
#EXTINF:1.92,
seg-99.m4s
#EXT-X-PART:DURATION=0.32,URI="seg-100.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.32,URI="seg-100.1.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.32,URI="seg-100.2.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.32,URI="seg-100.3.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.32,URI="seg-100.4.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.32,URI="seg-100.5.m4s",INDEPENDENT=YES
#EXTINF:1.92,
seg-100.m4s
#EXT-X-PART:DURATION=0.32,URI="seg-101.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.32,URI="seg-101.1.m4s",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="seg-101.2.m4s"
#EXT-X-RENDITION-REPORT:URI="../opus-24/low.m3u8",LAST-MSN=101,LAST-PART=1
`},
		"LowFirst": {first, begins + `#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.8
#EXT-X-PART-INF:PART-TARGET=0.32
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-MAP:URI="init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-11-26T19:00:13.940Z
#EXT-X-PART:DURATION=0.32,URI="seg-7.0.m4s",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="seg-7.1.m4s"
`},
		"LowAtItsEnd": {last, begins + `#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.8
#EXT-X-PART-INF:PART-TARGET=0.32
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-MAP:URI="init.mp4"
#EXT-X-PART:DURATION=0.32,URI="seg-7.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.02,URI="seg-7.1.m4s",INDEPENDENT=YES
#EXTINF:0.34,
seg-7.m4s
#EXT-X-ENDLIST
`},
		"Live": {live, begins + `#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:656
#EXT-X-MAP:URI="init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-11-26T19:21:00.020Z
#EXTINF:1.92,
seg-656.m4s
#EXTINF:1.28,
seg-657.m4s
`},
		"WholeAndOver": {whole, begins + `#EXT-X-TARGETDURATION:2
#EXT-X-MEDIA-SEQUENCE:10
#EXT-X-PLAYLIST-TYPE:EVENT
#EXT-X-START:TIME-OFFSET=0
#EXT-X-MAP:URI="init.mp4"
#EXTINF:1.92,
#EXT-X-GAP
seg-10.m4s
#EXTINF:0.02,
seg-11.m4s
#EXT-X-ENDLIST
`},
	} {
		if got := string(hls.AppendMedia(nil, test.media)); got != test.want {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

// Another implementation reads from a playlist what was written.
func TestOthersReadPlaylists(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := hls.Media{
			First: tape.Number(rapid.Int64Range(0, 1<<31-1).Draw(t, "first")),
			Whole: rapid.Bool().Draw(t, "whole"), Over: rapid.Bool().Draw(t, "over"),
		}
		if rapid.Bool().Draw(t, "dated") {
			m.Begin = epoch
		}
		for range rapid.IntRange(1, 20).Draw(t, "segments") {
			m.Segments = append(m.Segments, hls.Segment{
				Duration: time.Duration(rapid.IntRange(1, 96).Draw(t, "frames")) * tape.FrameDuration, Gap: rapid.Bool().Draw(t, "gap"),
			})
		}
		// That one takes an offset of zero for none.
		text := bytes.Replace(hls.AppendMedia(nil, m), []byte("TIME-OFFSET=0\n"), []byte("TIME-OFFSET=0.1\n"), 1)
		read, err := playlist.Unmarshal(text)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := read.(*playlist.Media)
		if !ok || got.MediaSequence != int(m.First) || got.Endlist != m.Over || len(got.Segments) != len(m.Segments) || !got.IndependentSegments ||
			got.Map == nil || got.Map.URI != hls.Init || (got.PlaylistType != nil) != m.Whole {
			t.Fatalf("%+v was read as %+v", m, read)
		}
		for i, s := range got.Segments {
			late := s.Duration - m.Segments[i].Duration
			k, named := hls.ParseSegmentName(s.URI)
			if late.Abs() > time.Microsecond || s.Gap != m.Segments[i].Gap || !named || k != m.First+tape.Number(i) ||
				(s.DateTime != nil) != (i == 0 && !m.Begin.IsZero()) {
				t.Fatalf("%+v was read as %+v", m.Segments[i], s)
			}
			if int((s.Duration + time.Second/2).Seconds()) > got.TargetDuration {
				t.Fatalf("a segment of %v where %d s are the longest", s.Duration, got.TargetDuration)
			}
		}
	})
	read, err := playlist.Unmarshal(hls.AppendMaster(nil, tape.Floor, hls.DVR, hls.Renditions))
	master, ok := read.(*playlist.Multivariant)
	if err != nil || !ok || len(master.Variants) != len(hls.Renditions) || !master.IndependentSegments {
		t.Fatalf("the master playlist was read as %+v, %v", read, err)
	}
	for i, v := range master.Variants {
		r := hls.Renditions[i]
		if v.Bandwidth != r.Peak || v.AverageBandwidth != nil || len(v.Codecs) != 1 || v.Codecs[0] != r.Codecs ||
			v.URI != "floor/"+string(r.Variant)+"/dvr.m3u8" {
			t.Errorf("%+v was read as %+v", r, v)
		}
	}
}

// A segment is its frames and nothing else, on the room's own timeline.
func TestSegmentsOfOpus(t *testing.T) {
	t.Parallel()
	r, ok := hls.Of(tape.Opus24)
	if !ok || r.Duration(r.Packets) != hls.SegmentDuration {
		t.Fatalf("%+v", r)
	}
	packets := make([][]byte, 90)
	for i := range packets {
		packets[i] = []byte{0xf8, byte(i)}
	}
	segment := r.Append(nil, 7, 0, packets)
	f, err := fmp4.NewReader(io.MultiReader(bytes.NewReader(r.Init(312)), bytes.NewReader(segment))).Next()
	if err != nil || f.From != 7*96 || len(f.Packets) != 90 || len(f.Events) != 0 || f.Packets[89][1] != 89 {
		t.Errorf("segment 7 is %d packets from %d, %v", len(f.Packets), f.From, err)
	}
	if got := r.Whole(2, 90); got[0].Duration != hls.SegmentDuration || got[1].Duration != 1800*time.Millisecond {
		t.Errorf("with 90 packets at its end a list is %+v", got)
	}
	part := r.Append(nil, 7, 48, packets[48:64])
	f, err = fmp4.NewReader(io.MultiReader(bytes.NewReader(r.Init(312)), bytes.NewReader(part))).Next()
	if err != nil || f.From != 7*96+48 || len(f.Packets) != 16 || f.Packets[0][1] != 48 {
		t.Errorf("part 3 of segment 7 is %d packets from %d, %v", len(f.Packets), f.From, err)
	}
	for _, v := range tape.Variants {
		if r, ok := hls.Of(v); !ok || r.Made() {
			t.Errorf("%s is not served as it is", v)
		}
	}
}

// A segment of AAC is as long as one of Opus, and lies two units before it on the same timeline.
func TestSegmentsOfAAC(t *testing.T) {
	t.Parallel()
	r, ok := hls.Of(tape.AAC64)
	if !ok || !r.Made() || r.Source != tape.Opus48 || r.Duration(r.Packets) != hls.SegmentDuration || r.Duration(r.PartPackets()) != hls.PartDuration {
		t.Fatalf("%+v", r)
	}
	const lead = 2 * 1024 * time.Second / 48000
	opus, _ := hls.Of(tape.Opus48)
	if got := opus.Begin(epoch, 9).Sub(r.Begin(epoch, 9)); got != lead {
		t.Errorf("it begins %v before the frames", got)
	}
	units := make([][]byte, 90)
	for i := range units {
		units[i] = tape.SilentUnit
	}
	for first, at := range map[int]uint64{0: 7*92160 - 2048, 15: 7*92160 - 2048 + 15360} {
		var parts oracle.Parts
		err := parts.Unmarshal(r.Append(nil, 7, first, units[first:]))
		if err != nil || parts[0].Tracks[0].BaseTime != at || len(parts[0].Tracks[0].Samples) != 90-first {
			t.Errorf("from unit %d on it is %+v, %v", first, parts, err)
		}
	}
	for frames, units := range map[int]int{1: 3, 16: 17, 95: 92, 96: 90} {
		if got := r.Count(frames); got != units {
			t.Errorf("%d frames are %d units, want %d", frames, got, units)
		}
	}
	if got := r.Parts(92); len(got) != 7 || got[0] != hls.PartDuration || got[6] != r.Duration(2) {
		t.Errorf("the parts of 92 units are %v", got)
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	for _, row := range [][4]tape.Number{{0, 0, 0, 0}, {5, 9, 5, 9}, {5, 13, 5, 13}, {5, 50, 42, 50}} {
		if from, to := hls.Window(row[0], row[1]); from != row[2] || to != row[3] {
			t.Errorf("of %d to %d, %d to %d is listed", row[0], row[1], from, to)
		}
	}
}

func FuzzPartName(f *testing.F) {
	for _, name := range []string{"seg-0.0.m4s", "seg-17.5.m4s", "seg-17.05.m4s", "seg-17.-1.m4s", "seg-1.256.m4s", "seg-1..m4s", "seg-.1.m4s", "seg-1.m4s", ""} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		k, part, ok := hls.ParsePartName(name)
		if ok && (k < 0 || part < 0 || hls.PartName(k, part) != name) {
			t.Errorf("%q was read as part %d of segment %d", name, part, k)
		}
		if _, whole := hls.ParseSegmentName(name); ok && whole {
			t.Errorf("%q is both a part and a segment", name)
		}
	})
}

func FuzzSegmentName(f *testing.F) {
	for _, name := range []string{"seg-0.m4s", "seg-17.m4s", "seg-017.m4s", "seg--1.m4s", "seg-99999999999999.m4s", "seg-1.m4s.m4s", "init.mp4", ""} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		k, ok := hls.ParseSegmentName(name)
		if ok && (k < 0 || hls.SegmentName(k) != name) {
			t.Errorf("%q was read as segment %d", name, k)
		}
	})
}
