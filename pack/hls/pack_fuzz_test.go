package hls_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/bluenviron/gohlslib/v2/pkg/playlist"

	"github.com/epidaurus-live/epidaurus/pack/hls"
	"github.com/epidaurus-live/epidaurus/tape"
)

// A master of any renditions keeps the draft, and others read from it what was written.
func FuzzMaster(f *testing.F) {
	f.Add(uint8(255), uint8(0))
	f.Add(uint8(1), uint8(1))
	f.Add(uint8(8), uint8(2))
	f.Fuzz(func(t *testing.T, which, name uint8) {
		var some []hls.Rendition
		for i, r := range hls.Renditions {
			if which>>i&1 != 0 {
				some = append(some, r)
			}
		}
		if len(some) == 0 {
			return // a channel is made in one variant at least
		}
		kind := []string{hls.Live, hls.Low, hls.DVR}[name%3]
		text := hls.AppendMaster(nil, tape.Floor, kind, some)
		err := hls.Check(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		read, err := playlist.Unmarshal(text)
		master, ok := read.(*playlist.Multivariant)
		if err != nil || !ok || len(master.Variants) != len(some) {
			t.Fatalf("%s\nwas read as %+v, %v", text, read, err)
		}
		for i, v := range master.Variants {
			if v.URI != "floor/"+string(some[i].Variant)+"/"+kind || v.Bandwidth < some[i].Peak || len(v.Codecs) != 1 || v.Codecs[0] != some[i].Codecs {
				t.Errorf("%+v was read as %+v", some[i], v)
			}
		}
	})
}

// What is said of segments, gaps among them, others read.
func FuzzSegments(f *testing.F) {
	f.Add(uint32(0), []byte{96, 96, 0x80 | 96, 1}, int64(1_800_000_000_000), true, true)
	f.Add(uint32(1<<31), []byte{}, int64(0), false, false)
	f.Fuzz(func(t *testing.T, first uint32, lengths []byte, at int64, whole, over bool) {
		m := hls.Media{First: tape.Number(first >> 1), Whole: whole, Over: over}
		if at %= 4_000_000_000_000; at > 0 {
			m.Begin = time.UnixMilli(at)
		}
		for _, b := range lengths {
			m.Segments = append(m.Segments, hls.Segment{Duration: time.Duration(1+b&0x7f%96) * tape.FrameDuration, Gap: b&0x80 != 0})
		}
		text := hls.AppendMedia(nil, m)
		if len(m.Segments) == 0 {
			return // others want one at least
		}
		// That one takes an offset of zero for none.
		read, err := playlist.Unmarshal(bytes.Replace(text, []byte("TIME-OFFSET=0\n"), []byte("TIME-OFFSET=0.1\n"), 1))
		got, ok := read.(*playlist.Media)
		if err != nil || !ok || got.MediaSequence != int(m.First) || got.Endlist != over || len(got.Segments) != len(m.Segments) {
			t.Fatalf("%s\nwas read as %+v, %v", text, read, err)
		}
		for i, s := range got.Segments {
			late := s.Duration - m.Segments[i].Duration
			k, named := hls.ParseSegmentName(s.URI)
			if late.Abs() > time.Microsecond || s.Gap != m.Segments[i].Gap || !named || k != m.First+tape.Number(i) || (s.DateTime != nil) != (i == 0 && !m.Begin.IsZero()) ||
				s.DateTime != nil && !s.DateTime.Equal(m.Begin) {
				t.Fatalf("%+v was read as %+v", m.Segments[i], s)
			}
		}
	})
}
