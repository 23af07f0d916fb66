package node

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/pack/hls"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// playlist reads the segments of a playlist, without gaps.
func (n *Node) playlist(t testing.TB, url string) (segments []tape.Number, text string) {
	t.Helper()
	status, text := n.ask(t, "GET", url, "")
	if status != http.StatusOK {
		t.Fatalf("%s answers %d: %s", url, status, text)
	}
	for line := range strings.Lines(text) {
		if k, ok := hls.ParseSegmentName(strings.TrimSpace(line)); ok {
			segments = append(segments, k)
		}
	}
	return segments, text
}

// The packer says what the encoder needs, and how the units lie.
func TestRenditionOfAACIsWhatTheEncoderMakes(t *testing.T) {
	r, _ := hls.Of(tape.AAC64)
	if r.Before != codec.SegmentBefore || r.Lead != codec.AACDelay || r.Tail != codec.AACDelay || r.Samples != codec.UnitSamples {
		t.Errorf("%+v", r)
	}
}

// A segment is the same from two edges, and from the tape when nothing of the room is in memory any more; the master's address is the replay's.
func TestSegmentsAreTheSameEverywhere(t *testing.T) {
	t.Parallel()
	first := openFirst(t)
	second := open(t, first.edgeOf())
	r := first.room()
	until(t, "the other edge knows the room", func() bool { _, ok := second.bus.Facts(r.ID); return ok })
	first.rooms.goLive(r.ID)
	taped := first.taped(r.ID, 3)
	k := tape.SegmentOf(taped.First)
	opus, _ := hls.Of(tape.Opus12)
	of := func(n *Node, v tape.Variant) string { return n.RoomURL(r.ID) + "/hls/floor/" + string(v) + "/" }
	_, master := first.playlist(t, first.RoomURL(r.ID)+"/hls/master.m3u8")
	if !strings.Contains(master, "\nfloor/opus-12/live.m3u8\n") {
		t.Errorf("while it is live the master playlist is\n%s", master)
	}
	var segments []tape.Number
	var text string
	for _, n := range []*Node{first.Node, second} {
		until(t, "both edges list what is on tape", func() bool {
			segments, text = n.playlist(t, of(n, tape.Opus12)+hls.Live)
			return segments[len(segments)-1] >= k+2
		})
	}
	if !strings.Contains(text, "#EXT-X-PROGRAM-DATE-TIME:"+opus.Begin(taped.Epoch, segments[0]).UTC().Format("2006-01-02T15:04:05.000Z")) {
		t.Errorf("the other edge's playlist is\n%s", text)
	}
	before := map[string][]byte{}
	for _, r := range hls.Renditions {
		for i := range tape.Number(3) {
			if r.Made() && (i < 2 || !codec.HasAAC) { // it needs the segment before
				continue
			}
			file := hls.SegmentName(k + i)
			name := string(r.Variant) + "/" + file
			before[name] = first.object(of(first.Node, r.Variant) + file)
			if other := first.object(of(second, r.Variant) + file); !bytes.Equal(before[name], other) {
				t.Errorf("%s has %d bytes on one edge, and %d others on the other", name, len(before[name]), len(other))
			}
		}
	}
	err := first.host.End(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the replay is there", func() bool { _, i := first.tapeOf(r.ID); return i.Closed })
	shut(t, second)
	shut(t, first.Node)
	again := open(t, first.cfg)
	until(t, "the room is known again", func() bool { f, ok := again.bus.Facts(r.ID); return ok && f.State == room.Ended })
	_, master = again.playlist(t, again.RoomURL(r.ID)+"/hls/master.m3u8")
	all, text := again.playlist(t, of(again, tape.Opus48)+hls.DVR)
	if !strings.Contains(master, "\nfloor/opus-48/dvr.m3u8\n") || all[0] != k || !strings.HasSuffix(text, "#EXT-X-ENDLIST\n") {
		t.Errorf("at the end the playlists are\n%s\n%s", master, text)
	}
	for name, body := range before {
		if late := first.object(again.RoomURL(r.ID) + "/hls/floor/" + name); !bytes.Equal(body, late) {
			t.Errorf("%s has %d bytes in memory, and %d others on tape", name, len(body), len(late))
		}
	}
}
