package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
	"github.com/epidaurus-live/epidaurus/tape/disk"
)

// tapeIndex is what tests read of an index.
type tapeIndex struct {
	Closed bool
	State  room.State
	Epoch  time.Time
	First  tape.Number
	Last   tape.Number
	Spans  [][2]tape.Number
	Events []struct {
		At tape.Number
		E  struct{ T string }
	}
	Levels []byte
}

func (h *house) tapeOf(id room.ID) (status int, i tapeIndex) {
	h.t.Helper()
	status, body := h.ask(h.t, "GET", h.RoomURL(id)+"/tape/index.json", "")
	if status == http.StatusOK {
		err := json.Unmarshal([]byte(body), &i)
		if err != nil {
			h.t.Fatal(err)
		}
	}
	return status, i
}

// taped waits until so many segments of a room are on tape.
func (h *house) taped(id room.ID, segments tape.Number) (i tapeIndex) {
	h.t.Helper()
	until(h.t, "the room is taped", func() bool {
		var status int
		status, i = h.tapeOf(id)
		return status == http.StatusOK && i.Last-i.First >= segments*tape.SegmentFrames
	})
	return i
}

// A room is on tape while it is live, from its own first word on; its replay is there within 5 s of its end, and deleted is deleted.
func TestTapeFromFirstWordToDeletion(t *testing.T) {
	t.Parallel()
	h := openHouse(t, usual(t))
	r := h.room()
	hear(t, h.Node, r.ID, 100)
	if status, _ := h.tapeOf(r.ID); status != http.StatusNotFound {
		t.Fatalf("before it is live, its tape answers %d", status)
	}
	h.rooms.goLive(r.ID)
	live := h.taped(r.ID, 2)
	if live.Closed || live.State != room.Live || live.Epoch.IsZero() || live.First%tape.SegmentFrames != 0 || len(live.Events) != 0 || len(live.Spans) != 1 {
		t.Errorf("while live, its index is %+v", live)
	}
	if _, page := h.ask(t, "GET", h.RoomURL(r.ID), ""); strings.Contains(page, `id="seek"`) {
		t.Error("at the room's address there is a replay already")
	}
	if status, page := h.ask(t, "GET", h.RoomURL(r.ID)+"/tape/", ""); status != http.StatusOK || !strings.Contains(page, `id="seek"`) {
		t.Errorf("the page of the tape answers %d", status)
	}
	object := fmt.Sprintf("%s/tape/floor/opus-24/%d.m4s", h.RoomURL(r.ID), live.First/tape.SegmentFrames)
	early := h.object(object)
	h.checkObject(early, live.First)
	next := fmt.Sprintf("%s/tape/floor/opus-24/%d.m4s", h.RoomURL(r.ID), live.First/tape.SegmentFrames+10_000)
	if status, _ := h.ask(t, "GET", next, ""); status != http.StatusNotFound {
		t.Errorf("what is not made yet answers %d", status)
	}
	err := h.host.End(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	ended := time.Now()
	var over tapeIndex
	until(t, "the replay is there", func() bool { _, over = h.tapeOf(r.ID); return over.Closed })
	if took := time.Since(ended); took > 5*time.Second && os.Getenv("EPIDAURUS_BARS") != "" {
		t.Errorf("the replay was there after %v", took)
	}
	if over.State != room.Ended || len(over.Levels) == 0 || !slices.ContainsFunc(over.Events, func(e struct {
		At tape.Number
		E  struct{ T string }
	}) bool {
		return e.E.T == room.KindStage
	}) {
		t.Errorf("after the end, its index is %+v", over)
	}
	if late := h.object(object); !bytes.Equal(early, late) {
		t.Errorf("an object changed:\n%.400q\n%.400q", early, late)
	}
	if _, page := h.ask(t, "GET", h.RoomURL(r.ID), ""); !strings.Contains(page, `id="seek"`) {
		t.Error("at the room's address there is no replay")
	}
	h.checkDownloads(r.ID, over)
	h.checkDeletion(r.ID)
}

// object fetches an object, which any cache may keep.
func (h *house) object(url string) []byte {
	h.t.Helper()
	resp, err := http.Get(url) //nolint:noctx // on this machine
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(resp.Header.Get("Cache-Control"), "immutable") ||
		resp.Header.Get("Access-Control-Allow-Origin") != "*" {
		h.t.Fatalf("%s answers %d, %v, %v", url, resp.StatusCode, resp.Header, err)
	}
	return body
}

func (h *house) checkObject(object []byte, from tape.Number) {
	h.t.Helper()
	r := fmp4.NewReader(io.MultiReader(bytes.NewReader(fmp4.Init(312)), bytes.NewReader(object)))
	f, err := r.Next()
	if err != nil || f.From != from || len(f.Packets) != tape.SegmentFrames {
		h.t.Fatalf("an object is %d packets from %d, %v", len(f.Packets), f.From, err)
	}
	if !slices.ContainsFunc(f.Events, func(e tape.Event) bool { return e.Kind == room.KindStage }) {
		h.t.Error("an object does not say who is on stage")
	}
}

// checkDownloads fetches whole files and a range of one, and lets ffmpeg play them.
func (h *house) checkDownloads(id room.ID, i tapeIndex) {
	h.t.Helper()
	for _, kind := range []string{"ogg", "mp4"} {
		url := h.RoomURL(id) + "/tape/floor/opus-48." + kind
		_, whole := h.ask(h.t, "GET", url, "")
		req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, url, nil)
		if err != nil {
			h.t.Fatal(err)
		}
		req.Header.Set("Range", "bytes=5000-7000")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			h.t.Fatal(err)
		}
		part, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusPartialContent || string(part) != whole[5000:7001] {
			h.t.Errorf("a range of the %s answers %d with %d bytes, %v", kind, resp.StatusCode, len(part), err)
		}
		file := filepath.Join(h.t.TempDir(), "tape."+kind)
		write(h.t, file, whole)
		cmd := exec.CommandContext(h.t.Context(), "ffmpeg", "-v", "error", "-i", file, "-f", "s16le", "-ar", "48000", "-")
		var complaint bytes.Buffer
		cmd.Stderr = &complaint
		pcm, err := cmd.Output()
		want := int((i.Last - i.First).Samples())
		if got := len(pcm) / 2; err != nil || complaint.Len() > 0 || got < want-960 || got > want+960 {
			h.t.Errorf("ffmpeg plays %d samples of the %s, and there are %d: %v %s", got, kind, want, err, &complaint)
		}
	}
}

func (h *house) checkDeletion(id room.ID) {
	h.t.Helper()
	err := h.host.DeleteTape(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	if status, _ := h.tapeOf(id); status != http.StatusNotFound {
		h.t.Errorf("the deleted tape answers %d", status)
	}
	_, err = os.Stat(filepath.Join(h.cfg.Data, "tape", string(id)))
	if !os.IsNotExist(err) {
		h.t.Errorf("files of the deleted tape are there: %v", err)
	}
}

// A restart in the middle leaves one timeline without overlap, and the end closes it.
func TestTapeGoesOnAfterARestart(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	h := openHouse(t, cfg)
	r := h.room()
	h.rooms.goLive(r.ID)
	before := h.taped(r.ID, 1)
	shut(t, h.Node)
	h.Node = open(t, cfg)
	var after tapeIndex
	until(t, "the tape goes on", func() bool { _, after = h.tapeOf(r.ID); return after.Last >= before.Last+2*tape.SegmentFrames })
	_, err := h.rooms.bus.Epoch(t.Context(), r.ID, tape.Floor)
	if err != nil || after.First != before.First {
		t.Errorf("before %+v, after %+v, %v", before, after, err)
	}
	last := tape.Number(0)
	for _, s := range after.Spans {
		if s[0] < last || s[1] <= s[0] {
			t.Errorf("the spans overlap: %v", after.Spans)
		}
		last = s[1]
	}
	err = h.rooms.End(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the tape is closed", func() bool { _, after = h.tapeOf(r.ID); return after.Closed })
}

// A tape whose time has passed while its node was away is deleted by the next start, and so is what was published of it.
func TestTimePassedWhileAway(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	published := t.TempDir()
	cfg.Publish = "dir:" + published
	h := openHouse(t, cfg)
	r := h.room()
	h.rooms.goLive(r.ID)
	h.taped(r.ID, 2)
	err := h.host.End(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(published, "r", string(r.ID))
	until(t, "the replay is published", func() bool { _, err := os.Stat(filepath.Join(dir, "hls", "master.m3u8")); return err == nil })
	until(t, "the tape is closed", func() bool { _, i := h.tapeOf(r.ID); return i.Closed })
	shut(t, h.Node)
	cfg.TapeKeep = time.Nanosecond
	h.Node = open(t, cfg)
	until(t, "the tape is gone", func() bool { status, _ := h.tapeOf(r.ID); return status == http.StatusNotFound })
	until(t, "what was published is gone", func() bool { _, err := os.Stat(dir); return errors.Is(err, os.ErrNotExist) })
}

// Who does not want a tape has none, and a room of before the tapes neither.
func TestRoomWithoutTape(t *testing.T) {
	t.Parallel()
	h := openHouse(t, usual(t))
	r := h.room()
	err := h.bus.ChangeFacts(t.Context(), r.ID, func(f *room.Facts) error { f.Tape = room.TapeDeleted; return nil })
	if err != nil {
		t.Fatal(err)
	}
	h.rooms.goLive(r.ID)
	hear(t, h.Node, r.ID, 300)
	if status, body := h.ask(t, "GET", h.RoomURL(r.ID)+"/tape/index.json", ""); status != http.StatusNotFound || !strings.Contains(body, "no_tape") {
		t.Errorf("its tape answers %d %s", status, body)
	}
	if h.tapes.State(r.ID) != disk.Off {
		t.Error("it is taped")
	}
}

// A second node tapes the same, so that a lost disk loses nothing, and serves what it has; deleted is deleted there too.
func TestSecondNodeTapes(t *testing.T) {
	t.Parallel()
	h := openFirst(t)
	r := h.room()
	cfg := h.edgeOf()
	cfg.Tape = "on"
	second := &house{open(t, cfg), t, nil}
	until(t, "the second node knows the room", func() bool { _, ok := second.bus.Facts(r.ID); return ok })
	hear(t, second.Node, r.ID, 250)
	h.rooms.goLive(r.ID)
	first, same := h.taped(r.ID, 2), second.taped(r.ID, 2)
	if first.First != same.First || !first.Epoch.Equal(same.Epoch) {
		t.Errorf("the tapes are %+v and %+v", first, same)
	}
	for k := range tape.Number(2) {
		path := fmt.Sprintf("/tape/floor/opus-48/%d.m4s", first.First/tape.SegmentFrames+k)
		if !bytes.Equal(h.object(h.RoomURL(r.ID)+path), second.object(second.RoomURL(r.ID)+path)) {
			t.Errorf("%s differs:\n%q\n%q", path, h.object(h.RoomURL(r.ID) + path)[:400], second.object(second.RoomURL(r.ID) + path)[:400])
		}
	}
	err := h.host.DeleteTape(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the second node has deleted its tape", func() bool {
		_, err := os.Stat(filepath.Join(cfg.Data, "tape", string(r.ID)))
		return os.IsNotExist(err)
	})
}
