package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/throttle"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// memoryTape is a tape of silence.
type memoryTape struct {
	spans  []tape.Stretch
	closed bool
	events []tape.Event
	cut    bool

	captions map[string][]tape.Caption
	err      error
	unmade   error // why there is no AAC of it
}

func (m *memoryTape) HasUnits() bool { return m.unmade == nil }

func (m *memoryTape) Units() (Units, error) { return m.ClipUnits(m.spans[0]) }

func (m *memoryTape) ClipUnits(at tape.Stretch) (Units, error) {
	u := Units{Skip: 2360, Samples: tape.Number(at.Len()).Samples()}
	var sound []byte
	for i := range int(u.Skip+u.Samples)/tape.UnitSamples + 1 {
		u.Sizes = append(u.Sizes, uint16(4+i%3))
		sound = append(sound, make([]byte, 4+i%3)...)
	}
	u.Sound = memoryFile{bytes.NewReader(sound)}
	return u, m.unmade
}

func (m *memoryTape) Spans() []tape.Stretch               { return m.spans }
func (m *memoryTape) Captions() map[string][]tape.Caption { return m.captions }
func (m *memoryTape) Closed() bool                        { return m.closed }
func (m *memoryTape) Epoch() time.Time                    { return time.Unix(1_800_000_000, 0).UTC() }
func (m *memoryTape) Lost() int                           { return 3 }
func (m *memoryTape) Levels() []byte                      { return []byte{1, 2, 255} }
func (m *memoryTape) IsCut(tape.Number) bool              { return m.cut }
func (m *memoryTape) LevelsOf(at tape.Stretch) []byte     { return make([]byte, at.Len()/16) }

func (m *memoryTape) Clip(_ tape.Variant, at tape.Stretch) (File, error) {
	return memoryFile{bytes.NewReader(fmt.Append(nil, "sound ", at.From, at.To))}, m.err
}

func (m *memoryTape) Events(from, to tape.Number) (events []tape.Event) {
	for _, e := range m.events {
		if e.At < to {
			events = append(events, e)
		}
	}
	return events
}

func (m *memoryTape) Segment(k tape.Number) (s tape.Stretch, ok bool) {
	s = tape.Stretch{From: max(m.spans[0].From, k*96), To: min(m.spans[0].To, k*96+96)}
	return s, s.Len() == 96 || m.closed && s.Len() > 0
}

func (m *memoryTape) Read(_ tape.Variant, from, to tape.Number) (packets [][]byte, err error) {
	for range to - from {
		packets = append(packets, tape.SilencePacket)
	}
	return packets, m.err
}

type memoryFile struct{ *bytes.Reader }

func (m *memoryTape) Ogg(tape.Variant) (File, error) {
	return memoryFile{bytes.NewReader([]byte("0123456789"))}, m.err
}
func (m *memoryTape) Movie(tape.Variant) (File, error) {
	return memoryFile{bytes.NewReader([]byte("abcdefghij"))}, m.err
}

func serve(m *memoryTape, method, path string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	h := New(Config{
		PreSkip: 312, Log: slog.New(slog.DiscardHandler),
		Facts: func(id room.ID) (room.Facts, bool) {
			state := room.Live
			if id == "draft" {
				state = room.Draft
			}
			life := room.Life{NoClips: id == "noclips", Chapters: []room.Chapter{{ID: 1, At: 10}, {ID: 2, At: 90, Title: "Tides"}, {ID: 3, At: 500}, {ID: 4, At: 2000}}}
			return room.Facts{ID: id, Title: "Harbour <talk>", Language: "en", State: state, Life: life}, id != "nowhere"
		},
		Tape: func(id room.ID, ch tape.Channel) (Tape, error) {
			if id == "untaped" || ch != tape.Floor {
				return nil, room.ErrNotFound
			}
			return m, nil
		},
	})
	r := httptest.NewRequest(method, path, nil)
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func someTape() *memoryTape {
	return &memoryTape{spans: []tape.Stretch{{From: 96, To: 1000}}, events: []tape.Event{
		{At: 10, Kind: "room", Data: []byte(`{"t":"room"}`)}, {At: 200, Kind: "listening", Data: []byte(`{"t":"listening","n":1}`)},
		{At: 1000, Kind: "speaking", Data: []byte(`{"t":"speaking","ids":[]}`)},
	}}
}

func TestIndex(t *testing.T) {
	t.Parallel()
	m := someTape()
	w := serve(m, "GET", "/r/harbour/tape/index.json")
	var got index
	err := json.Unmarshal(w.Body.Bytes(), &got)
	if err != nil || got.First != 96 || got.Last != 1000 || got.Closed || got.Events != nil || len(got.Levels) != 3 || got.Lost != 3 || got.Segment != 96 {
		t.Fatalf("while it grows, %v: %s", err, w.Body)
	}
	if cache := w.Header().Get("Cache-Control"); cache != "public, max-age=1" {
		t.Errorf("while it grows, a cache may keep it: %s", cache)
	}
	m.closed = true
	w = serve(m, "GET", "/r/harbour/tape/index.json")
	err = json.Unmarshal(w.Body.Bytes(), &got)
	if err != nil || !got.Closed || len(got.Events) != 2 || got.Events[0].At != 96 || got.Events[1].At != 1000 || len(got.Levels) != 3 {
		t.Fatalf("when it is closed, %v: %s", err, w.Body)
	}
	if want := []chapter{{2, 96, "Tides"}, {3, 500, ""}}; !slices.Equal(got.Chapters, want) {
		t.Errorf("its chapters are %v, want %v", got.Chapters, want)
	}
	again := serve(m, "GET", "/r/harbour/tape/index.json", func(r *http.Request) { r.Header.Set("If-None-Match", w.Header().Get("ETag")) })
	if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("the same again answers %d", again.Code)
	}
}

// However long a tape that grows is, its index stays short, and shows where it is loud.
func TestOutline(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int{0: 0, 1: 1, 299: 299, 300: 300, 301: 300, 22_500: 300} {
		levels := make([]byte, n)
		if n > 0 {
			levels[n-1], levels[n/2] = 200, 100
		}
		thin := thinned(levels, liveLevels)
		if len(thin) != want || n > 2 && (thin[want-1] != 200 || (slices.Index(thin, 100)-want/2)/2 != 0) {
			t.Errorf("of %d levels there are %d: %v", n, len(thin), thin)
		}
	}
}

func TestObjects(t *testing.T) {
	t.Parallel()
	m := someTape()
	w := serve(m, "GET", "/r/harbour/tape/floor/opus-12/2.m4s")
	if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Fatalf("an object answers %d, %v", w.Code, w.Header())
	}
	head := serve(m, "GET", "/r/harbour/tape/floor/opus-12/init.mp4")
	r := fmp4.NewReader(io.MultiReader(head.Body, bytes.NewReader(w.Body.Bytes())))
	f, err := r.Next()
	if err != nil || f.From != 192 || len(f.Packets) != 96 || len(f.Events) != 2 {
		t.Errorf("an object is %d packets from %d, with %d events, %v", len(f.Packets), f.From, len(f.Events), err)
	}
	if w := serve(m, "HEAD", "/r/harbour/tape/floor/opus-12/2.m4s"); w.Code != http.StatusOK || w.Body.Len() != 0 {
		t.Errorf("its head answers %d with %d bytes", w.Code, w.Body.Len())
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		method, path string
		status       int
		code         string
	}{
		{"GET", "/r/nowhere/tape/index.json", 404, "room_unknown"},
		{"GET", "/r/draft/tape/index.json", 404, "room_unknown"},
		{"GET", "/r/UPPER/tape/index.json", 404, "room_unknown"},
		{"GET", "/r/untaped/tape/index.json", 404, "no_tape"},
		{"GET", "/r/harbour/tape/en/opus-48/1.m4s", 404, "no_tape"},
		{"GET", "/r/harbour/tape/floor/opus-96/1.m4s", 404, "not_found"},
		{"GET", "/r/harbour/tape/floor/opus-48/10.m4s", 404, "not_found"}, // not whole yet
		{"GET", "/r/harbour/tape/floor/opus-48/02.m4s", 404, "not_found"},
		{"GET", "/r/harbour/tape/floor/opus-48/-1.m4s", 404, "not_found"},
		{"GET", "/r/harbour/tape/floor/opus-48/99999999999999999999.m4s", 404, "not_found"},
		{"GET", "/r/harbour/tape/floor/opus-48/2", 404, "not_found"},
		{"GET", "/r/harbour/tape/floor/opus-48.wav", 404, "not_found"},
		{"GET", "/r/harbour/tape/floor/..%2f..%2fx.ogg", 404, "not_found"},
		{"GET", "/r/harbour/tape/nothing", 404, "not_found"},
		{"POST", "/r/harbour/tape/index.json", 405, "method_not_allowed"},
	} {
		w := serve(someTape(), test.method, test.path)
		if w.Code != test.status || !strings.Contains(w.Body.String(), `"code":"`+test.code+`"`) || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s answers %d, %v, %s", test.method, test.path, w.Code, w.Header(), w.Body)
		}
	}
	m := someTape()
	m.err = errors.New("secret words about the disk")
	w := serve(m, "GET", "/r/harbour/tape/floor/opus-48/2.m4s")
	if w.Code != 500 || strings.Contains(w.Body.String(), "secret") || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("a disk that fails answers %d, %v, %s", w.Code, w.Header(), w.Body)
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]string{"ogg": "345", "mp4": "def"} {
		w := serve(someTape(), "GET", "/r/harbour/tape/floor/opus-48."+kind, func(r *http.Request) { r.Header.Set("Range", "bytes=3-5") })
		if w.Code != http.StatusPartialContent || w.Body.String() != want || w.Header().Get("Content-Range") != "bytes 3-5/10" {
			t.Errorf("a range of the %s answers %d, %q, %v", kind, w.Code, w.Body, w.Header())
		}
	}
}

// Those who take a file slowly, or not at all, keep nobody else from reading.
func TestSlowReadersKeepNobodyOut(t *testing.T) {
	h := &Handler{reading: make(throttle.Throttle, 1), drawing: make(throttle.Throttle, 1), clips: newMadeClips(), objects: newMadeObjects(1 << 20), cfg: Config{
		Facts: func(room.ID) (room.Facts, bool) { return room.Facts{}, true },
		Tape:  func(room.ID, tape.Channel) (Tape, error) { return someTape(), nil },
	}}
	stuck := &stuckWriter{ResponseRecorder: httptest.NewRecorder(), writes: make(chan struct{}), freed: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.answer(h.whole)(stuck, request("/r/harbour/tape/floor/opus-24.ogg"))
	}()
	<-stuck.writes
	w := httptest.NewRecorder()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	h.answer(h.object)(w, request("/r/harbour/tape/floor/opus-24/2.m4s").WithContext(ctx))
	close(stuck.freed)
	<-done
	if w.Code != http.StatusOK || w.Body.Len() == 0 {
		t.Errorf("status %d, %d bytes while another takes his time", w.Code, w.Body.Len())
	}
}

func request(path string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	parts := strings.Split(path, "/")
	r.SetPathValue("room", parts[2])
	r.SetPathValue("channel", parts[4])
	r.SetPathValue("file", parts[len(parts)-1])
	r.SetPathValue("variant", parts[5])
	return r
}

// stuckWriter is a client that takes nothing until it is freed.
type stuckWriter struct {
	*httptest.ResponseRecorder
	once   sync.Once
	writes chan struct{}
	freed  chan struct{}
}

func (w *stuckWriter) Write(p []byte) (int, error) {
	w.once.Do(func() { close(w.writes) })
	<-w.freed
	return w.ResponseRecorder.Write(p)
}
