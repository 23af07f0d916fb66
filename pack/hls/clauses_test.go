package hls_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/epidaurus-live/epidaurus/pack/hls"
	"github.com/epidaurus-live/epidaurus/tape"
)

// channelAt is what playlists say of a channel that has so many frames.
type channelAt struct {
	first, frames int // of the channel; the first segment that is kept
	over          bool
}

// live is the plain playlist, low the one with parts, whole that of the tape.
func (c channelAt) playlist(r hls.Rendition, kind string) []byte {
	end := c.frames / 96
	last := 0
	if c.over && c.frames%96 > 0 {
		end, last = end+1, r.Count(c.frames%96)
	}
	m := hls.Media{Over: c.over}
	from, to := hls.Window(tape.Number(c.first), tape.Number(end))
	if kind == hls.DVR {
		from, m.Whole = tape.Number(c.first), true
	}
	m.First, m.Segments, m.Begin = from, r.Whole(int(to-from), last), r.Begin(epoch, from)
	if kind == hls.Low {
		m.Low = &hls.Making{Reports: []hls.Report{{Variant: tape.Opus12, Segment: to, Part: 0}}}
		if !c.over {
			m.Low.Parts = r.Parts(c.frames % 96 / 16 * r.PartPackets())
		}
		for k := max(0, len(m.Segments)-3); k < len(m.Segments); k++ {
			packets := r.Packets
			if last > 0 && k == len(m.Segments)-1 {
				packets = last
			}
			m.Segments[k].Parts = r.Parts(packets)
		}
	}
	return hls.AppendMedia(nil, m)
}

// Whatever a channel does, its playlists keep the draft, each by itself and from one to the next.
func TestPlaylistsKeepTheDraft(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom(hls.Renditions).Draw(t, "rendition")
		kind := rapid.SampledFrom([]string{hls.Live, hls.Low, hls.DVR}).Draw(t, "kind")
		c := channelAt{first: rapid.IntRange(1, 1000).Draw(t, "first")}
		c.frames = 96*(c.first+1) + rapid.IntRange(0, 500).Draw(t, "frames")
		var before []byte
		for range 12 {
			now := c.playlist(r, kind)
			err := hls.Check(now)
			if before != nil {
				err = hls.CheckUpdate(before, now)
			}
			if err != nil {
				t.Fatalf("%v\n%s\nand then\n%s", err, before, now)
			}
			if before = now; c.over {
				return
			}
			c.frames += rapid.IntRange(0, 200).Draw(t, "more")
			c.over = rapid.IntRange(0, 5).Draw(t, "over") == 0
			if kind != hls.DVR { // memory forgets
				c.first += max(0, min(rapid.IntRange(0, 2).Draw(t, "forgotten"), c.frames/96-hls.LiveSegments-c.first))
			}
		}
	})
	for _, kind := range []string{hls.Live, hls.Low, hls.DVR} {
		err := hls.Check(hls.AppendMaster(nil, tape.Floor, kind, hls.Renditions))
		if err != nil {
			t.Errorf("the master playlist of %s: %v", kind, err)
		}
	}
}

// breaks are texts in place of others, by which a playlist breaks a clause.
var breaks = []struct {
	clause, kind, old, new string
}{
	{"4.1", hls.Live, "#EXTM3U", "\ufeff#EXTM3U"},
	{"4.1", hls.Live, "seg-4", "seg\x074"},
	{"4.2", hls.Low, "LAST-MSN=12", "LAST-MSN=12,LAST-MSN=12"},
	{"4.2", hls.Live, `URI="init.mp4"`, `URI="init.mp4`},
	{"4.4.1.1", hls.Live, "#EXTM3U\n", ""},
	{"4.4.1.2", hls.Live, "VERSION:8", "VERSION:5"},
	{"4.4.1.2", hls.Live, "#EXT-X-VERSION:8\n", ""},
	{"4.4.3", hls.Live, "#EXT-X-TARGETDURATION:2\n", "#EXT-X-TARGETDURATION:2\n#EXT-X-TARGETDURATION:2\n"},
	{"4.4.3.1", hls.Live, "EXTINF:1.92", "EXTINF:2.6"},
	{"4.4.3.1", hls.Live, "#EXT-X-TARGETDURATION:2\n", ""},
	{"4.4.3.2", hls.Live, "MEDIA-SEQUENCE:4", "MEDIA-SEQUENCE:x"},
	{"4.4.3.5", hls.DVR, "TYPE:EVENT", "TYPE:LIVE"},
	{"4.4.3.7", hls.Low, "#EXT-X-PART-INF:PART-TARGET=0.32\n", ""},
	{"4.4.3.8", hls.Low, "PART-HOLD-BACK=0.8", "PART-HOLD-BACK=0.6"},
	{"4.4.3.8", hls.Low, "CAN-BLOCK-RELOAD=YES,", ""},
	{"4.4.4.1", hls.Live, "#EXTINF:1.92,\nseg-6.m4s", "seg-6.m4s"},
	{"4.4.4.5", hls.Live, "#EXT-X-MAP:URI=\"init.mp4\"\n", ""},
	{"4.4.4.6", hls.Live, "Z\n", "\n"},
	{"4.4.4.9", hls.Low, "DURATION=0.32", "DURATION=0.4"},
	{"4.4.4.9", hls.Low, `DURATION=0.32,URI="seg-10.1.m4s",INDEPENDENT=YES`, `DURATION=0.1,URI="seg-10.1.m4s"`},
	{"4.4.4.9", hls.Low, "#EXT-X-PART:DURATION=0.32,URI=\"seg-10.5.m4s\",INDEPENDENT=YES\n", ""},
	{"4.4.4.9", hls.Low, `,URI="seg-10.1.m4s"`, ""},
	{"4.4.5.3", hls.Low, `TYPE=PART,URI="seg-12.2.m4s"`, `TYPE=PART,URI="seg-12.1.m4s"`},
	{"4.4.5.3", hls.Low, "#EXT-X-RENDITION", "#EXT-X-ENDLIST\n#EXT-X-RENDITION"},
	{"4.4.5.4", hls.Low, "../opus-12", "https://elsewhere/opus-12"},
	{"4.4.5.4", hls.Low, ",LAST-PART=0", ""},
	{"4.4.6", hls.Master, "#EXT-X-INDEPENDENT-SEGMENTS\n", "#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-ENDLIST\n"},
	{"4.4.6.2", hls.Master, "BANDWIDTH=72000", "AVERAGE-BANDWIDTH=72000"},
	{"4.4.6.2", hls.Master, `,CODECS="mp4a.40.2"`, ""},
	{"4.4.6.2", hls.Master, "floor/opus-12/live.m3u8\n", ""},
}

// updates are what a playlist that follows another may not say.
var updates = []struct {
	clause, kind, old, new string
}{
	{"6.2.1", hls.Live, "VERSION:8", "VERSION:9"},
	{"6.2.1", hls.Live, "TARGETDURATION:2", "TARGETDURATION:3"},
	{"6.2.1", hls.Low, "PART-TARGET=0.32", "PART-TARGET=0.33"},
	{"6.2.1", hls.Live, "seg-10.m4s", "seg-10b.m4s"},
	{"6.2.1", hls.Live, "#EXTINF:1.92,\nseg-10", "#EXTINF:1.9,\nseg-10"},
	{"6.2.1", hls.Live, "#EXTINF:1.92,\nseg-11.m4s\n#EXTINF:1.92,\nseg-12.m4s\n", ""},
	{"6.2.1", hls.DVR, "SEQUENCE:1\n", "SEQUENCE:2\n"},
	{"6.2.1", hls.Low, `seg-12.1.m4s`, "seg-12.1b.m4s"},
	{"6.2.1", hls.Low, `seg-12.2.m4s`, "seg-12.2b.m4s"},
}

// Every clause can be broken, and is noticed then.
func TestBrokenClauses(t *testing.T) {
	t.Parallel()
	opus, _ := hls.Of(tape.Opus48)
	c := channelAt{first: 1, frames: 12*96 + 40}
	seen := map[string]bool{}
	expect := func(clause, text string, err error) {
		t.Helper()
		seen[clause] = true
		if !names(err, clause) {
			t.Errorf("clause %s is broken, and %v is noticed in\n%s", clause, err, text)
		}
	}
	for _, b := range breaks {
		good := c.playlist(opus, b.kind)
		if b.kind == hls.Master {
			good = hls.AppendMaster(nil, tape.Floor, hls.Live, hls.Renditions)
		}
		text := strings.Replace(string(good), b.old, b.new, 1)
		if text == string(good) || hls.Check(good) != nil {
			t.Fatalf("%q is not in\n%s(%v)", b.old, good, hls.Check(good))
		}
		expect(b.clause, text, hls.Check([]byte(text)))
	}
	later := channelAt{first: 1, frames: 13*96 + 40}
	for _, b := range updates {
		before, good := c.playlist(opus, b.kind), later.playlist(opus, b.kind)
		text := strings.Replace(string(good), b.old, b.new, 1)
		if text == string(good) || hls.CheckUpdate(before, good) != nil {
			t.Fatalf("%q is not in\n%s(%v)", b.old, good, hls.CheckUpdate(before, good))
		}
		expect(b.clause, text, hls.CheckUpdate(before, []byte(text)))
	}
	short := hls.Media{First: 6, Segments: opus.Whole(2, 0), Begin: epoch}
	expect("6.2.2", "", hls.CheckUpdate(c.playlist(opus, hls.Live), hls.AppendMedia(nil, short)))
	for _, clause := range hls.Clauses {
		if !seen[clause.Number] {
			t.Errorf("nothing breaks clause %s", clause.Number)
		}
	}
}

// names reports whether an error says that a clause is broken.
func names(err error, clause string) bool {
	var all []error
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for _, e := range all {
		if names(e, clause) {
			return true
		}
		var b hls.Broken
		if errors.As(e, &b) && b.Clause.Number == clause {
			return true
		}
	}
	return false
}

// The page that goes through the draft names each clause that playlists are held to.
func TestClausesAreInTheDocument(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/HLS.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range hls.Clauses {
		if !strings.Contains(string(page), c.Number) {
			t.Errorf("docs/HLS.md does not say what is done about clause %s", c.Number)
		}
	}
}

// Any text is read; and of what is no playlist it is said so.
func FuzzCheck(f *testing.F) {
	opus, _ := hls.Of(tape.Opus48)
	c := channelAt{first: 1, frames: 12*96 + 40}
	for _, kind := range []string{hls.Live, hls.Low, hls.DVR} {
		f.Add(c.playlist(opus, kind), c.playlist(opus, kind))
	}
	f.Add(hls.AppendMaster(nil, tape.Floor, hls.Live, hls.Renditions), []byte("#EXTM3U\n"))
	f.Add([]byte("#EXT-X-PART:URI=\"a\n#EXT-X-MEDIA-SEQUENCE:18446744073709551615\nx"), []byte("#EXTINF:1e9,\n\xff"))
	f.Fuzz(func(t *testing.T, before, after []byte) {
		err := hls.Check(before)
		if (err == nil) && !strings.HasPrefix(string(before), "#EXTM3U\n") {
			t.Errorf("nothing is wrong with %q", before)
		}
		_ = hls.CheckUpdate(before, after)
	})
}

// What is written keeps the draft, whatever there is to say.
func FuzzMedia(f *testing.F) {
	f.Add(uint32(7), uint8(8), uint8(3), uint16(40), true, false, true)
	f.Add(uint32(0), uint8(0), uint8(1), uint16(16), false, true, false)
	f.Fuzz(func(t *testing.T, first uint32, count, variant uint8, frames uint16, low, over, dated bool) {
		r := hls.Renditions[int(variant)%len(hls.Renditions)]
		m := hls.Media{First: tape.Number(first), Over: over, Segments: r.Whole(int(count), 0)}
		if over && count > 0 {
			m.Segments[count-1].Duration = r.Duration(r.Count(1 + int(frames)%96))
		}
		if dated {
			m.Begin = epoch.Add(time.Duration(first) * time.Millisecond)
		}
		if low {
			m.Low = &hls.Making{}
			if !over {
				m.Low.Parts = r.Parts(int(frames) % 96 / 16 * r.PartPackets())
			}
		}
		text := hls.AppendMedia(nil, m)
		err := hls.Check(text)
		if err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	})
}
