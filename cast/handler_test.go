package cast

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/hls"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// memory is a channel in the test's hand: the last minute of it as an edge has it, and a tape.
type memory struct {
	mu      sync.Mutex
	state   room.State
	shuts   bool // it is a draft again once somebody has looked at it
	tape    room.Taping
	life    room.Life
	heard   bool
	reach   tape.Reach
	moved   chan struct{}
	unknown tape.Number // a segment that nobody has sealed
	taped   []tape.Stretch
	lost    tape.Number // a frame that never came to the tape
	closed  bool
	err     error
	said    *tape.EventLog // nil: nothing
}

// to is the live edge moving on.
func (m *memory) to(end tape.Number, over bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reach.End, m.reach.Over, m.reach.Head = end, over, end*96
	if over {
		m.reach.Head -= 50
	}
	m.ring()
}

// make is the segment in the making growing to so many frames.
func (m *memory) make(frames tape.Number) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reach.Head = m.reach.End*96 + frames
	m.ring()
}

func (m *memory) ring() {
	close(m.moved)
	m.moved = make(chan struct{})
}

func (m *memory) Segments(id room.ID, _ tape.Channel, _ tape.Variant) (tape.Reach, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.reach
	r.Moved = m.moved
	return r, m.heard && id == "harbour"
}

// packet is frame n of the test's channel.
func packet(v tape.Variant, n tape.Number) []byte {
	return []byte{0xf8, v[len(v)-1], byte(n >> 8), byte(n)}
}

func packets(v tape.Variant, from, to tape.Number) (all [][]byte) {
	for n := from; n < to; n++ {
		all = append(all, packet(v, n))
	}
	return all
}

func (m *memory) Segment(_ room.ID, _ tape.Channel, v tape.Variant, k tape.Number) ([][]byte, bool, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k < m.reach.First || k >= m.reach.End || !m.heard {
		return nil, false, false
	}
	to := k*96 + 96
	if m.reach.Over && k == m.reach.End-1 {
		to -= 50
	}
	all := packets(v, k*96, to)
	if k == m.unknown {
		all[5] = []byte{0xf8, 0xff, 0xfe} // silence, for a frame that did not come
	}
	return all, k != m.unknown, true
}

func (m *memory) Packets(_ room.ID, _ tape.Channel, v tape.Variant, at tape.Stretch) ([][]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.heard || at.From < m.reach.First*96 || at.To > m.reach.Head {
		return nil, false
	}
	return packets(v, at.From, at.To), true
}

// Events are those that the test has said.
func (m *memory) Events(_ room.ID, _ tape.Channel, from tape.Number) []tape.Event {
	if m.said == nil {
		return nil
	}
	return m.said.Between(m.said.StateAt(nil, from-1), from, 1<<40)
}

// say takes note of an event of the test's room.
func (m *memory) say(at tape.Number, kind, data string) {
	if m.said == nil {
		m.said = tape.NewEventLog(3000)
		m.said.Takeover(tape.Takeover{Term: 1})
	}
	m.said.Add(tape.Event{Term: 1, At: at, Kind: kind, Data: []byte(data)})
}

// memoryTape is the tape of a memory, as it was when it was found.
type memoryTape struct{ memory }

func (m *memoryTape) Spans() []tape.Stretch { return m.taped }
func (m *memoryTape) Closed() bool          { return m.closed }
func (m *memoryTape) Whole(_ tape.Variant, from, to tape.Number) bool {
	inside := slices.ContainsFunc(m.taped, func(s tape.Stretch) bool { return s.From <= from && s.To >= to })
	return inside && (m.lost < from || m.lost >= to)
}

func (m *memoryTape) Segment(k tape.Number) (s tape.Stretch, ok bool) {
	for _, span := range m.taped {
		part := tape.Stretch{From: max(span.From, k*96), To: min(span.To, k*96+96)}
		if part.Len() > 0 && s.Len() == 0 {
			s = part
		}
	}
	return s, s.Len() == 96 || m.closed && s.Len() > 0
}

func (m *memoryTape) Read(v tape.Variant, from, to tape.Number) ([][]byte, error) {
	return packets(v, from, to), m.err
}

// set changes a room while others look at it.
func (m *memory) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

func aRoom() *memory {
	return &memory{state: room.Live, heard: true, reach: tape.Reach{First: 100, End: 120, Head: 120 * 96}, moved: make(chan struct{}), unknown: -1, lost: -1}
}

func serving(t *testing.T, m *memory, most int) *Handler {
	t.Helper()
	h, err := New(m.config(most))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (m *memory) config(most int) Config {
	return Config{
		PreSkip: 312, Log: slog.New(slog.DiscardHandler), Live: m, Most: most,
		Facts: func(id room.ID) (room.Facts, bool) {
			m.mu.Lock()
			defer m.mu.Unlock()
			state := m.state
			if m.shuts {
				m.state = room.Draft
			}
			return room.Facts{ID: id, State: state, Tape: m.tape, Life: m.life}, id != "nowhere"
		},
		Epoch: func(context.Context, room.ID, tape.Channel) (time.Time, error) {
			return time.Unix(1_800_000_000, 0), nil
		},
		Tape: func(room.ID, tape.Channel) (Tape, error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.taped == nil {
				return nil, room.ErrNotFound
			}
			return &memoryTape{memory{taped: slices.Clone(m.taped), closed: m.closed, lost: m.lost, err: m.err}}, nil
		},
	}
}

func (m *memory) get(t *testing.T, path string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	return ask(serving(t, m, 0), path, change...)
}

func ask(h http.Handler, path string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// listed are the numbers in a playlist; those of gaps are negative.
func listed(text string) (numbers []tape.Number) {
	gap := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		gap = gap || line == "#EXT-X-GAP"
		if k, ok := hls.ParseSegmentName(line); ok {
			if gap {
				k = -k
			}
			numbers, gap = append(numbers, k), false
		}
	}
	return numbers
}

const variant = "/r/harbour/hls/floor/opus-24/"

func TestLivePlaylist(t *testing.T) {
	t.Parallel()
	m := aRoom()
	w := m.get(t, variant+"live.m3u8")
	if got := listed(w.Body.String()); w.Code != http.StatusOK || !slices.Equal(got, []tape.Number{112, 113, 114, 115, 116, 117, 118, 119}) {
		t.Fatalf("%d, %v", w.Code, got)
	}
	h := w.Header()
	if h.Get("Cache-Control") != "public, max-age=1" || h.Get("Content-Type") != "application/vnd.apple.mpegurl" || h.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%v", h)
	}
	if date := "#EXT-X-PROGRAM-DATE-TIME:2027-01-15T08:03:35.040Z"; !strings.Contains(w.Body.String(), date) {
		t.Errorf("segment 112 has not the date %s:\n%s", date, w.Body)
	}
	again := m.get(t, variant+"live.m3u8", func(r *http.Request) { r.Header.Set("If-None-Match", h.Get("ETag")) })
	if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("the same again answers %d", again.Code)
	}
	m.to(121, true)
	if text := m.get(t, variant+"live.m3u8").Body.String(); strings.Contains(text, "PART") || !strings.HasSuffix(text, "#EXTINF:0.92,\nseg-120.m4s\n#EXT-X-ENDLIST\n") {
		t.Errorf("at its end:\n%s", text)
	}
	// Memory is gone, and the tape is there: the same playlist.
	m.heard, m.closed, m.taped, m.state = false, true, []tape.Stretch{{From: 110 * 96, To: 120*96 + 46}}, room.Ended
	after := m.get(t, variant+"live.m3u8").Body.String()
	if !strings.HasSuffix(after, "#EXTINF:0.92,\nseg-120.m4s\n#EXT-X-ENDLIST\n") || !strings.Contains(after, "#EXT-X-MEDIA-SEQUENCE:113\n") {
		t.Errorf("from the tape:\n%s", after)
	}
}

func TestWholePlaylist(t *testing.T) {
	t.Parallel()
	m := aRoom()
	m.taped = []tape.Stretch{{From: 90 * 96, To: 93*96 + 20}, {From: 97 * 96, To: 100*96 + 30}} // the last is not whole yet
	w := m.get(t, variant+"dvr.m3u8")
	if got := listed(w.Body.String()); !slices.Equal(got, []tape.Number{90, 91, 92, 93, -94, -95, -96, 97, 98, 99}) || w.Header().Get("Cache-Control") != "public, max-age=1" {
		t.Errorf("%v, %v", got, w.Header())
	}
	m.closed = true
	w = m.get(t, variant+"dvr.m3u8", func(r *http.Request) { r.Header.Set("Accept-Encoding", "br, gzip") })
	if got := listed(w.Body.String()); got[len(got)-1] != 100 || w.Header().Get("Cache-Control") != "public, max-age=60" || !strings.HasSuffix(w.Body.String(), "seg-100.m4s\n#EXT-X-ENDLIST\n") {
		t.Errorf("closed: %v, %v", got, w.Header())
	}
	m.taped = []tape.Stretch{{From: 0, To: 96 * 3000}}
	w = m.get(t, variant+"dvr.m3u8", func(r *http.Request) { r.Header.Set("Accept-Encoding", "br, gzip") })
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatalf("%v: %v", err, w.Header())
	}
	text, err := io.ReadAll(z)
	if got := listed(string(text)); err != nil || len(got) != 3000 || w.Header().Get("Content-Encoding") != "gzip" || w.Header().Get("Vary") != "Accept-Encoding" {
		t.Errorf("of an evening: %d segments, %v", len(got), err)
	}
}

func TestMaster(t *testing.T) {
	t.Parallel()
	m := aRoom()
	text := m.get(t, "/r/harbour/hls/master.m3u8").Body.String()
	if !strings.Contains(text, "floor/opus-48/live.m3u8\n") {
		t.Errorf("while it is live:\n%s", text)
	}
	m.taped = []tape.Stretch{{From: 90 * 96, To: 99 * 96}}
	if text = m.get(t, "/r/harbour/hls/dvr.m3u8").Body.String(); !strings.Contains(text, "floor/opus-48/dvr.m3u8\n") {
		t.Errorf("from the beginning:\n%s", text)
	}
	m.state, m.closed = room.Ended, true
	if text = m.get(t, "/r/harbour/hls/master.m3u8").Body.String(); !strings.Contains(text, "floor/opus-48/dvr.m3u8\n") {
		t.Errorf("when it is over:\n%s", text)
	}
}

// A segment is the same whether it comes from memory or from the tape, and immutable where all of it is what its maker made.
func TestSegments(t *testing.T) {
	t.Parallel()
	m := aRoom()
	w := m.get(t, variant+"seg-117.m4s")
	rendition, _ := hls.Of(tape.Opus24)
	want := rendition.Append(nil, 117, 0, packets(tape.Opus24, 117*96, 118*96))
	if w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), want) || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Header().Get("Content-Type") != "audio/mp4" {
		t.Fatalf("from memory: %d, %d bytes, %v", w.Code, w.Body.Len(), w.Header())
	}
	tag := w.Header().Get("ETag")
	part := m.get(t, variant+"seg-117.m4s", func(r *http.Request) { r.Header.Set("Range", "bytes=4-7") })
	if part.Code != http.StatusPartialContent || part.Body.String() != "moof" {
		t.Errorf("a part answers %d, %q", part.Code, part.Body)
	}
	head := m.get(t, variant+"seg-117.m4s", func(r *http.Request) { r.Method = http.MethodHead })
	if head.Code != http.StatusOK || head.Body.Len() != 0 || head.Header().Get("ETag") != tag {
		t.Errorf("its head answers %d, %d bytes", head.Code, head.Body.Len())
	}
	m.unknown = 117
	if w = m.get(t, variant+"seg-117.m4s"); w.Header().Get("Cache-Control") != "public, max-age=1" {
		t.Errorf("without a seal: %v", w.Header())
	}
	m.heard, m.taped = false, []tape.Stretch{{From: 110 * 96, To: 118*96 + 40}}
	w = m.get(t, variant+"seg-117.m4s")
	if !bytes.Equal(w.Body.Bytes(), want) || w.Header().Get("ETag") != tag || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("from the tape: %d bytes, %v", w.Body.Len(), w.Header())
	}
	m.lost = 117*96 + 5
	if w = m.get(t, variant+"seg-117.m4s"); w.Header().Get("Cache-Control") != "public, max-age=1" {
		t.Errorf("with a lost frame: %v", w.Header())
	}
	if w = m.get(t, variant+"init.mp4"); w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("the head of the stream answers %d, %v", w.Code, w.Header())
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		path   string
		change func(*memory)
		status int
		code   string
	}{
		{"/r/nowhere/hls/master.m3u8", nil, 404, "room_unknown"},
		{"/r/UPPER/hls/master.m3u8", nil, 404, "room_unknown"},
		{"/r/harbour/hls/en/opus-24/live.m3u8", nil, 404, "channel_unknown"},
		{"/r/harbour/hls/floor/opus-96/live.m3u8", nil, 404, "not_found"},
		{"/r/harbour/hls/other.m3u8", nil, 404, "not_found"},
		{"/r/harbour/hls/floor/opus-24/seg-0117.m4s", nil, 404, "not_found"},
		{"/r/harbour/hls/floor/opus-24/seg--1.m4s", nil, 404, "not_found"},
		{"/r/harbour/hls/floor/opus-24/..%2finit.mp4", nil, 404, "not_found"},
		{"/r/harbour/hls/a/b/c/d", nil, 404, "not_found"},
		{variant + "seg-122.m4s", nil, 404, "not_found"},
		{variant + "seg-99.m4s", nil, 404, "not_found"},
		{variant + "seg-121.m4s", func(m *memory) { m.reach.Over = true }, 404, "not_found"},
		{variant + "dvr.m3u8", nil, 404, "no_tape"},
		{"/r/harbour/hls/dvr.m3u8", nil, 404, "no_tape"},
		{variant + "live.m3u8", func(m *memory) { m.heard, m.state = false, room.Ended }, 410, "room_ended"},
		{"/r/harbour/hls/master.m3u8", func(m *memory) { m.heard, m.state = false, room.Ended }, 410, "room_ended"},
		{variant + "live.m3u8", func(m *memory) { m.heard = false }, 425, "room_not_open"},
		{variant + "live.m3u8", func(m *memory) { m.state = room.Draft }, 404, "room_unknown"},
		{"/r/harbour/hls/master.m3u8", func(m *memory) { m.state = room.Announced }, 425, "room_not_open"},
		{variant + "seg-1.m4s", func(m *memory) {
			m.heard, m.taped, m.err = false, []tape.Stretch{{From: 0, To: 960}}, errors.New("secret words about the disk")
		}, 500, "internal"},
	} {
		m := aRoom()
		if test.change != nil {
			test.change(m)
		}
		w := m.get(t, test.path)
		body := w.Body.String()
		if w.Code != test.status || !strings.Contains(body, `"code":"`+test.code+`"`) || w.Header().Get("Cache-Control") != "no-store" || strings.Contains(body, "secret") {
			t.Errorf("%s answers %d, %v, %s", test.path, w.Code, w.Header(), body)
		}
	}
	w := aRoom().get(t, "/r/harbour/hls/master.m3u8", func(r *http.Request) { r.Method = http.MethodPost })
	if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("to write answers %d, %v", w.Code, w.Header())
	}
}

// Who asks for what is about to be there gets it as soon as it is there; who leaves is not waited for; and no more than some may wait.
func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := aRoom()
		h := serving(t, m, 2)
		var group sync.WaitGroup
		answers := make([]*httptest.ResponseRecorder, 2)
		gone, leave := context.WithCancel(t.Context())
		group.Go(func() { answers[0] = ask(h, variant+"seg-121.m4s") })
		group.Go(func() {
			answers[1] = ask(h, variant+"seg-120.m4s", func(r *http.Request) { *r = *r.WithContext(gone) })
		})
		synctest.Wait()
		if s := h.Stats(); s.Waiting != 2 {
			t.Errorf("%d wait", s.Waiting)
		}
		if w := ask(h, variant+"seg-120.m4s"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("one too many is answered %d, %v", w.Code, w.Header())
		}
		leave()
		synctest.Wait()
		if s := h.Stats(); s.Waiting != 1 || answers[1].Body.Len() != 0 {
			t.Errorf("%d wait after one has left, who got %d bytes", s.Waiting, answers[1].Body.Len())
		}
		m.to(121, false)
		synctest.Wait()
		if s := h.Stats(); s.Waiting != 1 {
			t.Errorf("%d wait after the segment before theirs", s.Waiting)
		}
		m.to(122, false)
		group.Wait()
		if w := answers[0]; w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("who waited is answered %d, %v", w.Code, w.Header())
		}
		begin := time.Now()
		if w := ask(h, variant+"seg-122.m4s"); w.Code != http.StatusNotFound || w.Header().Get("Cache-Control") != "no-store" || time.Since(begin) != 3*hls.SegmentDuration {
			t.Errorf("what does not come is answered %d after %v, %v", w.Code, time.Since(begin), w.Header())
		}
		if s := h.Stats(); s.Waiting != 0 {
			t.Errorf("%d wait at the end", s.Waiting)
		}
	})
}

// Who comes before the announced doors is told when they open, and waits elsewhere.
func TestBeforeTheDoors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := aRoom()
		m.reach, m.state = tape.Reach{}, room.Announced
		h := serving(t, m, 0)
		for _, test := range []struct {
			doors       time.Duration
			least, most int
		}{{5 * time.Minute, 302, 304}, {24 * time.Hour, 602, 604}, {-time.Minute, 2, 4}} {
			m.life.Plan = room.Plan{Start: time.Now().Add(test.doors + 15*time.Minute), LeadS: 900}
			begin := time.Now()
			w := ask(h, variant+"live.m3u8")
			after, err := strconv.Atoi(w.Header().Get("Retry-After"))
			if w.Code != http.StatusTooEarly || err != nil || after < test.least || after > test.most || !time.Now().Equal(begin) {
				t.Errorf("%v before the doors: %d, %v after %v", test.doors, w.Code, w.Header(), time.Since(begin))
			}
		}
	})
}

// The first who come wait for the first segment.
func TestFirstSegment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := aRoom()
		m.reach = tape.Reach{}
		h := serving(t, m, 0)
		var w *httptest.ResponseRecorder
		var group sync.WaitGroup
		group.Go(func() { w = ask(h, variant+"live.m3u8") })
		synctest.Wait()
		m.to(1, false)
		group.Wait()
		if got := listed(w.Body.String()); w.Code != http.StatusOK || !slices.Equal(got, []tape.Number{0}) {
			t.Errorf("%d, %v", w.Code, got)
		}
	})
}
