package node

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

const m4aPath = "/tape/floor/aac-64.m4a"

// m4a is a replay as M4A, once it is there.
func (n *Node) m4a(t testing.TB, id room.ID, what string, ok func(r fmp4.Recording) bool) (file string, r fmp4.Recording) {
	t.Helper()
	until(t, what, func() bool {
		status, body := n.ask(t, "GET", n.RoomURL(id)+m4aPath, "")
		if status != http.StatusOK {
			if status != http.StatusNotFound && status != http.StatusServiceUnavailable || !strings.Contains(body, "M4A") && !strings.Contains(body, "no_tape") {
				t.Fatalf("before it is there it answers %d %s", status, body)
			}
			return false
		}
		var err error
		file = body
		r, _, err = fmp4.ParseRecording([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return ok(r)
	})
	return file, r
}

// enclosures are what a feed has of its only episode: the first is that of everybody.
func (h *house) enclosures(address string) (all []string) {
	h.t.Helper()
	_, body := h.ask(h.t, "GET", address, "")
	var feed struct {
		Items []struct {
			Enclosure struct {
				URL    string `xml:"url,attr"`
				Type   string `xml:"type,attr"`
				Length string `xml:"length,attr"`
			} `xml:"enclosure"`
			Others []struct {
				Type   string `xml:"type,attr"`
				Source struct {
					URI string `xml:"uri,attr"`
				} `xml:"source"`
			} `xml:"alternateEnclosure"`
		} `xml:"channel>item"`
	}
	err := xml.Unmarshal([]byte(body), &feed)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, i := range feed.Items {
		all = append(all, fmt.Sprint(i.Enclosure.Type, " ", i.Enclosure.URL, " ", i.Enclosure.Length))
		for _, o := range i.Others {
			all = append(all, o.Type+" "+o.Source.URI)
		}
	}
	return all
}

// Who codes AAC for tapes and who reads their segments mean the same by them.
func TestTapesMakeUnitsAsTheEncoderDoes(t *testing.T) {
	if codec.SegmentBefore != 48 || codec.AACDelay != 2 || codec.UnitSamples != tape.UnitSamples {
		t.Errorf("the encoder takes %d frames before a segment and is %d units late", codec.SegmentBefore, codec.AACDelay)
	}
}

// A replay as M4A is there by itself once its room is over: the same bytes from two nodes, in the feed with its true length, published, exact to
// the sample; it follows its host's cut and title, and is gone when it is taken back or deleted.
func TestM4AFromTheEndToDeletion(t *testing.T) {
	t.Parallel()
	if !codec.HasAAC {
		t.Skip("this program was built without AAC")
	}
	cfg := withOrigin(t, usual(t))
	cfg.BusListen = "127.0.0.1:0"
	published := filepath.Join(t.TempDir(), "published")
	cfg.Publish = "dir:" + published
	h := openHouse(t, cfg)
	r := h.room()
	edge := h.edgeOf()
	edge.Tape = "on"
	second := open(t, edge)
	until(t, "the second node knows the room", func() bool { _, ok := second.bus.Facts(r.ID); return ok })
	hear(t, second, r.ID, 250)
	err := h.bus.ChangeFacts(t.Context(), r.ID, func(f *room.Facts) error {
		f.Life.Access.Visibility = room.Public
		f.Life.Revision++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	feed, err := h.host.Feed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.rooms.goLive(r.ID)
	i := h.taped(r.ID, 3)
	there := func(fmp4.Recording) bool { return true }
	if status, body := h.ask(t, "GET", h.RoomURL(r.ID)+m4aPath, ""); status != http.StatusNotFound || !strings.Contains(body, "when it is over") {
		t.Errorf("while live it answers %d %s", status, body)
	}
	chapter, err := h.host.Mark(t.Context(), r.ID, "Tides")
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the chapter is on tape", func() bool { _, i = h.tapeOf(r.ID); return int64(i.Last) > chapter.At })
	err = h.host.End(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	whole, rec := h.m4a(t, r.ID, "the M4A is made", there)
	_, i = h.tapeOf(r.ID)
	if rec.Samples != (i.Last-i.First).Samples() || rec.Title != "Harbour talk" || len(rec.Chapters) != 2 || rec.Chapters[1].Title != "Tides" || !rec.Date.Equal(i.Epoch.Add(i.First.Duration()).Truncate(1e9)) {
		t.Errorf("of %d to %d it has %d samples of %q, %v, %v", i.First, i.Last, rec.Samples, rec.Title, rec.Date, rec.Chapters)
	}
	if other, _ := second.m4a(t, r.ID, "the second node has it", there); other != whole {
		t.Errorf("two nodes have %d and %d bytes, or others", len(whole), len(other))
	}
	name := filepath.Join(published, "r", string(r.ID)) + m4aPath
	until(t, "it is published", func() bool { got, _ := os.ReadFile(name); return string(got) == whole })
	until(t, "the feed has it", func() bool { return len(h.enclosures(feed)) == 2 })
	want := []string{fmt.Sprintf("audio/x-m4a %s%s %d", h.RoomURL(r.ID), m4aPath, len(whole)), "audio/ogg " + h.RoomURL(r.ID) + "/tape/floor/opus-48.ogg"}
	if got := h.enclosures(feed); got[0] != want[0] || got[1] != want[1] {
		t.Errorf("the feed has %q, want %q", got, want)
	}
	h.checkM4A(whole, rec.Samples)
	clip := fmt.Sprintf("/clip/%d-%d/sound.m4a", i.First+50, i.First+151)
	_, body := h.ask(t, "GET", h.RoomURL(r.ID)+clip, "")
	if _, other := second.ask(t, "GET", second.RoomURL(r.ID)+clip, ""); other != body {
		t.Error("two nodes have other clips")
	}
	h.checkM4A(body, 101*960)
	h.m4aCut(second, r.ID, i, name, len(whole))
	h.m4aGone(r.ID, name, feed)
}

// m4aCut gives a replay bounds and another title.
func (h *house) m4aCut(second *Node, id room.ID, i tapeIndex, published string, whole int) {
	t := h.t
	t.Helper()
	seen, err := h.host.Replay(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.host.EditReplay(t.Context(), id, map[string]any{"title": "Sea talk", "from": i.First + 20, "to": i.Last - 30, "revision": seen.Revision})
	if err != nil {
		t.Fatal(err)
	}
	cut, rec := h.m4a(t, id, "the cut is known", func(r fmp4.Recording) bool { return r.Title == "Sea talk" })
	if rec.Samples != (i.Last-i.First-50).Samples() || len(cut) >= whole {
		t.Errorf("cut, it has %d samples in %d bytes", rec.Samples, len(cut))
	}
	h.checkM4A(cut, rec.Samples)
	if other, _ := second.m4a(t, id, "the second node knows the cut", func(r fmp4.Recording) bool { return r.Title == "Sea talk" }); other != cut {
		t.Error("two nodes have other cuts")
	}
	until(t, "the cut is published", func() bool { got, _ := os.ReadFile(published); return string(got) == cut })
}

// m4aGone takes a replay back, posts it again, and deletes it.
func (h *house) m4aGone(id room.ID, name, feed string) {
	t := h.t
	t.Helper()
	_, err := h.host.EditReplay(t.Context(), id, map[string]any{"posted": false})
	if err != nil {
		t.Fatal(err)
	}
	isGone := func(what string) {
		t.Helper()
		if status, body := h.ask(t, "GET", h.RoomURL(id)+m4aPath, ""); status != http.StatusNotFound {
			t.Errorf("%s, it answers %d %.100s", what, status, body)
		}
		if got := h.enclosures(feed); len(got) > 0 {
			t.Errorf("%s, the feed has %v", what, got)
		}
		until(t, what+", nothing is published", func() bool { _, err := os.Stat(name); return os.IsNotExist(err) })
	}
	isGone("taken back")
	_, err = h.host.EditReplay(t.Context(), id, map[string]any{"posted": true})
	if err != nil {
		t.Fatal(err)
	}
	until(t, "it is published again", func() bool { _, err := os.Stat(name); return err == nil })
	h.checkDeletion(id)
	isGone("deleted")
}

// checkM4A lets ffmpeg play a file, and ffprobe say how long it is: to the sample.
func (h *house) checkM4A(body string, samples int64) {
	h.t.Helper()
	file := write(h.t, filepath.Join(h.t.TempDir(), "talk.m4a"), body)
	out, err := exec.CommandContext(h.t.Context(), "ffprobe", "-v", "error", "-of", "csv=p=0", "-select_streams", "a", "-show_entries", "stream=duration", file).CombinedOutput()
	if want := fmt.Sprintf("%.6f", float64(samples)/tape.SampleRate); err != nil || strings.TrimSpace(string(out)) != want {
		h.t.Errorf("ffprobe says %q, want %s (%v)", out, want, err)
	}
	cmd := exec.CommandContext(h.t.Context(), "ffmpeg", "-v", "error", "-i", file, "-map", "0:a", "-f", "s16le", "-")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	pcm, err := cmd.Output()
	if got := int64(len(pcm) / 2); err != nil || complaint.Len() > 0 || got < samples || got >= samples+tape.UnitSamples {
		h.t.Errorf("ffmpeg plays %d samples of %d: %v %s", got, samples, err, &complaint)
	}
}
