package hls_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"
	"pgregory.net/rapid"

	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/pack/hls"
	"github.com/epidaurus-live/epidaurus/tape"
)

var epoch = time.Date(2026, 11, 26, 19, 0, 0, 500_000_000, time.UTC)

const begins = "#EXTM3U\n#EXT-X-VERSION:8\n#EXT-X-INDEPENDENT-SEGMENTS\n"

func TestMaster(t *testing.T) {
	t.Parallel()
	want := begins + `#EXT-X-STREAM-INF:BANDWIDTH=72000,AVERAGE-BANDWIDTH=51000,CODECS="opus"
floor/opus-48/live.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=40000,AVERAGE-BANDWIDTH=28000,CODECS="opus"
floor/opus-24/live.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=24000,AVERAGE-BANDWIDTH=14000,CODECS="opus"
floor/opus-12/live.m3u8
`
	got := string(hls.AppendMaster(nil, tape.Floor, hls.Live))
	if !strings.HasPrefix(got, want) {
		t.Errorf("the master playlist is\n%s", got)
	}
}

func TestMedia(t *testing.T) {
	t.Parallel()
	live := hls.Media{First: 656, Begin: hls.Begin(epoch, 656), Segments: []hls.Segment{{Duration: hls.SegmentDuration}, {Duration: 1280 * time.Millisecond}}}
	whole := hls.Media{
		First: 10, Whole: true, Over: true,
		Segments: []hls.Segment{{Duration: hls.SegmentDuration, Gap: true}, {Duration: 20 * time.Millisecond}},
	}
	for name, test := range map[string]struct {
		media hls.Media
		want  string
	}{
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
	read, err := playlist.Unmarshal(hls.AppendMaster(nil, tape.Floor, hls.DVR))
	master, ok := read.(*playlist.Multivariant)
	if err != nil || !ok || len(master.Variants) != len(hls.Renditions) || !master.IndependentSegments {
		t.Fatalf("the master playlist was read as %+v, %v", read, err)
	}
	for i, v := range master.Variants {
		r := hls.Renditions[i]
		if v.Bandwidth != r.Peak || v.AverageBandwidth == nil || *v.AverageBandwidth != r.Average || len(v.Codecs) != 1 || v.Codecs[0] != r.Codecs ||
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
	segment := r.Append(nil, 7, packets)
	f, err := fmp4.NewReader(io.MultiReader(bytes.NewReader(r.Init(312)), bytes.NewReader(segment))).Next()
	if err != nil || f.From != 7*96 || len(f.Packets) != 90 || len(f.Events) != 0 || f.Packets[89][1] != 89 {
		t.Errorf("segment 7 is %d packets from %d, %v", len(f.Packets), f.From, err)
	}
	if got := r.Whole(2, 90); got[0].Duration != hls.SegmentDuration || got[1].Duration != 1800*time.Millisecond {
		t.Errorf("with 90 packets at its end a list is %+v", got)
	}
	for _, v := range tape.Variants {
		if _, ok := hls.Of(v); !ok {
			t.Errorf("%s is not served", v)
		}
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
