package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

const wholeM4A = "/r/harbour/tape/floor/aac-64.m4a"

func TestM4A(t *testing.T) {
	t.Parallel()
	m := clipTape(true)
	w := serve(m, "GET", wholeM4A)
	header := w.Header()
	if w.Code != http.StatusOK || header.Get("Content-Type") != "audio/x-m4a" || header.Get("ETag") == "" || header.Get("Accept-Ranges") != "bytes" ||
		header.Get("Content-Disposition") != `inline; filename="Harbour -talk-.m4a"` {
		t.Fatalf("it answers %d, %v", w.Code, header)
	}
	whole := w.Body.Bytes()
	r, size, err := fmp4.ParseRecording(whole)
	if err != nil {
		t.Fatal(err)
	}
	sound := 0
	for _, s := range r.Sizes {
		sound += int(s)
	}
	if size+sound != len(whole) || r.Title != "Harbour <talk>" || r.Artist != "Grace, Ada" || r.Date.IsZero() || r.Samples != 8000*960 {
		t.Errorf("of %d bytes, %d are its head: %q by %q, %v, %d samples", len(whole), size, r.Title, r.Artist, r.Date, r.Samples)
	}
	if want := []fmp4.Mark{{At: 0, Title: "1"}, {At: 1000 * 960, Title: "2"}}; !reflect.DeepEqual(r.Chapters, want) {
		t.Errorf("its chapters are %v, want %v", r.Chapters, want)
	}
	head := serve(m, "HEAD", wholeM4A)
	if head.Code != http.StatusOK || head.Body.Len() != 0 || head.Header().Get("Content-Length") != header.Get("Content-Length") || head.Header().Get("ETag") != header.Get("ETag") {
		t.Errorf("its head answers %d, %v", head.Code, head.Header())
	}
	for _, span := range [][2]int{{0, 1}, {size - 2, size + 5}, {len(whole) - 7, len(whole) - 1}} {
		part := serve(m, "GET", wholeM4A, func(r *http.Request) {
			r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", span[0], span[1]))
		})
		if part.Code != http.StatusPartialContent || !bytes.Equal(part.Body.Bytes(), whole[span[0]:span[1]+1]) {
			t.Errorf("the range %v answers %d with %d bytes", span, part.Code, part.Body.Len())
		}
	}
	again := serve(m, "GET", wholeM4A, func(r *http.Request) { r.Header.Set("If-None-Match", header.Get("ETag")) })
	if again.Code != http.StatusNotModified {
		t.Errorf("the same again answers %d", again.Code)
	}
	for title, want := range map[string]string{
		"Sea/talk": `inline; filename=Sea-talk.m4a`, " . ": `inline; filename=harbour.m4a`, "Théâtre": `inline; filename*=utf-8''Th%C3%A9%C3%A2tre.m4a`,
	} {
		if got := nameOf(title, "harbour"); got != want {
			t.Errorf("%q is kept as %s, want %s", title, got, want)
		}
	}
}

// While it is made, and while the conversation goes on, who asks is told so, and when to come again.
func TestM4AThatIsNotThere(t *testing.T) {
	t.Parallel()
	w := serve(clipTape(false), "GET", wholeM4A)
	if w.Code != http.StatusNotFound || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "when it is over") {
		t.Errorf("while it goes on it answers %d, %v, %s", w.Code, w.Header(), w.Body)
	}
	m := clipTape(true)
	m.unmade = problem.New(problem.Busy, "in the making")
	w = serve(m, "GET", wholeM4A)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Cache-Control") != "no-store" || !strings.Contains(w.Body.String(), "in the making") {
		t.Errorf("while it is made it answers %d, %v, %s", w.Code, w.Header(), w.Body)
	}
	if strings.Contains(serve(m, "GET", "/r/harbour/tape/index.json").Body.String(), `"m4a"`) {
		t.Error("the index says that it is there")
	}
	if !strings.Contains(serve(clipTape(true), "GET", "/r/harbour/tape/index.json").Body.String(), `"m4a":true`) {
		t.Error("the index does not say that it is there")
	}
}

func TestClipAsM4A(t *testing.T) {
	t.Parallel()
	w := serve(clipTape(true), "GET", "/r/harbour/clip/20100-21600/sound.m4a")
	r, _, err := fmp4.ParseRecording(w.Body.Bytes())
	if w.Code != http.StatusOK || err != nil || r.Samples != 1500*960 || r.Title != "Harbour <talk>" || r.Artist != "Grace, Ada" {
		t.Fatalf("it answers %d, %v: %v, %d samples of %q by %q", w.Code, w.Header(), err, r.Samples, r.Title, r.Artist)
	}
	if name := w.Header().Get("Content-Disposition"); name != `inline; filename="Harbour -talk- 20100-21600.m4a"` {
		t.Errorf("it is kept as %s", name)
	}
	m := clipTape(true)
	m.unmade = room.ErrNotFound
	w = serve(m, "GET", "/r/harbour/clip/20100-21600/sound.m4a")
	if w.Code != http.StatusNotFound || w.Header().Get("Retry-After") == "" {
		t.Errorf("one that is not there answers %d, %v", w.Code, w.Header())
	}
}

// However many ask for a clip at once, it is made once; one that fails is made again; and no more than so many wait.
func TestClipsAreMadeOnce(t *testing.T) {
	t.Parallel()
	clips := newMadeClips()
	var made atomic.Int32
	begun, free := make(chan struct{}), make(chan struct{})
	work := func() (*m4a, error) {
		if made.Add(1) == 1 {
			close(begun)
			<-free
			return nil, errors.New("the disk fails")
		}
		return newM4A(fmp4.Recording{Sizes: []uint16{4}, Samples: 5}, memoryFile{bytes.NewReader([]byte("unit"))})
	}
	var group sync.WaitGroup
	var failed, busy, got atomic.Int32
	ask := func() {
		body, tag, err := clips.get(t.Context(), clipID{title: "clip"}, work)
		var p problem.Problem
		switch {
		case errors.As(err, &p) && p.Code == problem.Busy && p.RetryAfter > 0:
			busy.Add(1)
		case err != nil:
			failed.Add(1)
		case strings.HasSuffix(string(body), "unit") && tag != "":
			got.Add(1)
		}
	}
	group.Go(ask)
	<-begun
	for range maxUnmadeClips - 1 {
		group.Go(ask)
	}
	for len(clips.waiting) < maxUnmadeClips { // they come in a moment
		if made.Load() > 1 {
			t.Fatal("another one is made beside")
		}
		runtime.Gosched()
	}
	ask()
	close(free)
	group.Wait()
	if made.Load() != 2 || failed.Load() != 1 || busy.Load() != 1 || got.Load() != maxUnmadeClips-1 {
		t.Errorf("made %d times; %d failed, %d were too many, %d got it", made.Load(), failed.Load(), busy.Load(), got.Load())
	}
	for i := range 2 * maxClips {
		clips.find(clipID{title: fmt.Sprint(i)})
	}
	if clips.known.Len() != maxClips {
		t.Errorf("%d clips are remembered", clips.known.Len())
	}
}

// What is read after any seek is what lies there.
func TestM4ASeeks(t *testing.T) {
	t.Parallel()
	f, err := newM4A(fmp4.Recording{Sizes: []uint16{4}, Samples: 5}, memoryFile{bytes.NewReader([]byte("unit"))})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(f)
	if err != nil || int64(len(whole)) != f.Size() {
		t.Fatalf("%d bytes of %d, %v", len(whole), f.Size(), err)
	}
	for at := range whole {
		_, err = f.Seek(int64(at-len(whole)), io.SeekEnd)
		rest, err2 := io.ReadAll(f)
		if err != nil || err2 != nil || !bytes.Equal(rest, whole[at:]) {
			t.Fatalf("from %d: %d bytes, %v, %v", at, len(rest), err, err2)
		}
	}
	if _, err = f.Seek(-1, io.SeekStart); err == nil {
		t.Error("there is something before the beginning")
	}
	if _, err = M4A(room.Facts{}, &memoryTape{spans: []tape.Stretch{{From: 0, To: 5}}, unmade: io.ErrUnexpectedEOF}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("why there is none: %v", err)
	}
}
