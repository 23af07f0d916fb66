package cast

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/pack/hls"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// parts are those that a playlist lists behind its last segment, and the one that it hints at.
func parts(text string) (made []string, hint string) {
	for line := range strings.Lines(text) {
		_, after, _ := strings.Cut(line, `URI="`)
		name, _, _ := strings.Cut(after, `"`)
		switch {
		case strings.HasPrefix(line, "#EXTINF"):
			made = nil
		case strings.HasPrefix(line, "#EXT-X-PART:"):
			made = append(made, name)
		case strings.HasPrefix(line, "#EXT-X-PRELOAD-HINT:TYPE=PART,"):
			hint = name
		}
	}
	return made, hint
}

func TestLowPlaylist(t *testing.T) {
	t.Parallel()
	m := aRoom()
	m.make(40) // two parts, and half of one
	text := m.get(t, "/r/harbour/hls/low.m3u8").Body.String()
	if !strings.Contains(text, "floor/opus-24/low.m3u8\n") || strings.Contains(text, "live.m3u8") {
		t.Errorf("the master playlist is\n%s", text)
	}
	w := m.get(t, variant+"low.m3u8")
	text = w.Body.String()
	made, hint := parts(text)
	if got := listed(text); w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "public, max-age=1" ||
		!slices.Equal(got, []tape.Number{112, 113, 114, 115, 116, 117, 118, 119}) || !slices.Equal(made, []string{"seg-120.0.m4s", "seg-120.1.m4s"}) || hint != "seg-120.2.m4s" {
		t.Fatalf("%d, %v, %v, %v, hint %q", w.Code, w.Header(), got, made, hint)
	}
	if got := strings.Count(text, "#EXT-X-PART:"); got != partSegments*6+2 || strings.Contains(text, "seg-116.0.m4s") {
		t.Errorf("%d parts are listed", got)
	}
	for _, report := range []string{"opus-48", "opus-12"} {
		if !strings.Contains(text, `#EXT-X-RENDITION-REPORT:URI="../`+report+`/low.m3u8",LAST-MSN=120,LAST-PART=1`) {
			t.Errorf("it says nothing of %s:\n%s", report, text)
		}
	}
	// All frames of a segment are there: it is listed, though the plain playlist waits for its seal.
	m.make(96)
	text = m.get(t, variant+"low.m3u8").Body.String()
	made, hint = parts(text)
	plain := listed(m.get(t, variant+"live.m3u8").Body.String())
	if got := listed(text); got[len(got)-1] != 120 || len(made) != 0 || hint != "seg-121.0.m4s" || plain[len(plain)-1] != 119 {
		t.Errorf("%v, %v, hint %q; without parts %v", got, made, hint, plain)
	}
	m.to(122, true)
	text = m.get(t, variant+"low.m3u8").Body.String()
	if !strings.HasSuffix(text, `#EXT-X-PART:DURATION=0.28,URI="seg-121.2.m4s",INDEPENDENT=YES`+"\n#EXTINF:0.92,\nseg-121.m4s\n"+
		`#EXT-X-RENDITION-REPORT:URI="../opus-48/low.m3u8",LAST-MSN=121,LAST-PART=2`+"\n"+
		`#EXT-X-RENDITION-REPORT:URI="../opus-12/low.m3u8",LAST-MSN=121,LAST-PART=2`+"\n#EXT-X-ENDLIST\n") {
		t.Errorf("at its end:\n%s", text)
	}
	// Memory is gone, and the tape is there.
	m.heard, m.closed, m.taped, m.state = false, true, []tape.Stretch{{From: 110 * 96, To: 121*96 + 46}}, room.Ended
	text = m.get(t, variant+"low.m3u8?_HLS_msn=500").Body.String()
	if strings.Contains(text, "PART") || !strings.HasSuffix(text, "seg-121.m4s\n#EXT-X-ENDLIST\n") {
		t.Errorf("from the tape:\n%s", text)
	}
	if text = m.get(t, "/r/harbour/hls/low.m3u8").Body.String(); !strings.Contains(text, "floor/opus-48/dvr.m3u8\n") {
		t.Errorf("when it is over the master playlist is\n%s", text)
	}
}

// The parts of a segment are the segment, in order.
func TestParts(t *testing.T) {
	t.Parallel()
	m := aRoom()
	m.make(64)
	rendition, _ := hls.Of(tape.Opus24)
	for name, test := range map[string]struct {
		k, from, to tape.Number
		cache       string
	}{
		"seg-119.0.m4s": {119, 0, 16, cacheForEver}, "seg-119.5.m4s": {119, 80, 96, cacheForEver}, "seg-120.3.m4s": {120, 48, 64, cacheShort},
	} {
		w := m.get(t, variant+name)
		want := rendition.Append(nil, test.k, int(test.from), packets(tape.Opus24, test.k*96+test.from, test.k*96+test.to))
		if w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), want) || w.Header().Get("Cache-Control") != test.cache || w.Header().Get("Content-Type") != "audio/mp4" {
			t.Errorf("%s answers %d, %d bytes, %v", name, w.Code, w.Body.Len(), w.Header())
		}
	}
	for _, name := range []string{"seg-120.6.m4s", "seg-122.0.m4s", "seg-99.0.m4s", "seg-120.03.m4s", "seg-120.x.m4s"} {
		if w := m.get(t, variant+name); w.Code != http.StatusNotFound || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s answers %d, %v", name, w.Code, w.Header())
		}
	}
	m.to(121, true)
	if w := m.get(t, variant+"seg-120.3.m4s"); w.Code != http.StatusNotFound {
		t.Errorf("a part behind the end answers %d", w.Code)
	}
}

func TestBlockingReload(t *testing.T) {
	low := variant + "low.m3u8?"
	t.Run("Refused", func(t *testing.T) {
		for query, status := range map[string]int{
			"_HLS_part=1": 400, "_HLS_msn=": 400, "_HLS_msn=-1": 400, "_HLS_msn=1e3": 400, "_HLS_msn=120&_HLS_part=x": 400, "_HLS_msn=99999999999999": 400,
			"_HLS_msn=122": 400, "_HLS_msn=121&_HLS_part=6": 400, // more than three seconds ahead of part 1 of segment 120
			"_HLS_msn=119": 200, "_HLS_msn=120&_HLS_part=1": 200, "_HLS_msn=1": 200, "_HLS_skip=YES": 200, "": 200,
		} {
			m := aRoom()
			m.make(40)
			if w := m.get(t, low+query); w.Code != status || status == 400 && w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%q answers %d, %v", query, w.Code, w.Header())
			}
		}
	})
	t.Run("Held", func(t *testing.T) {
		for _, test := range []struct {
			query string
			until func(*memory)
			hint  string
		}{
			{"_HLS_msn=120&_HLS_part=2", func(m *memory) { m.make(48) }, "seg-120.3.m4s"},
			{"_HLS_msn=120&_HLS_part=6", func(m *memory) { m.make(112) }, "seg-121.1.m4s"}, // there is none: the first of the next
			{"_HLS_msn=120", func(m *memory) { m.make(96) }, "seg-121.0.m4s"},
			{"_HLS_msn=121", func(m *memory) { m.to(121, true) }, ""}, // the end comes first
		} {
			synctest.Test(t, func(t *testing.T) {
				m := aRoom()
				m.make(40)
				h := serving(t, m, 1)
				var w *httptest.ResponseRecorder
				var group sync.WaitGroup
				group.Go(func() { w = ask(h, low+test.query) })
				synctest.Wait()
				m.make(47)
				synctest.Wait()
				if s := h.Stats(); s.Held != 1 || s.Waiting != 0 {
					t.Fatalf("%s is not held: %+v", test.query, s)
				}
				test.until(m)
				group.Wait()
				if _, hint := parts(w.Body.String()); w.Code != http.StatusOK || hint != test.hint || w.Header().Get("Cache-Control") != cacheHeld {
					t.Errorf("%s answers %d with the hint %q, %v", test.query, w.Code, hint, w.Header())
				}
			})
		}
	})
	t.Run("Bounded", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := aRoom()
			cfg := m.config(1)
			cfg.MostLow = 2
			h, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			gone, leave := context.WithCancel(t.Context())
			var group sync.WaitGroup
			var part *httptest.ResponseRecorder
			group.Go(func() { part = ask(h, variant+"seg-120.0.m4s") })
			group.Go(func() {
				ask(h, low+"_HLS_msn=120&_HLS_part=0", func(r *http.Request) { *r = *r.WithContext(gone) })
			})
			synctest.Wait()
			if w := ask(h, low+"_HLS_msn=120&_HLS_part=0"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
				t.Errorf("one too many is answered %d, %v", w.Code, w.Header())
			}
			group.Go(func() { ask(h, variant+"seg-120.m4s") })
			synctest.Wait()
			if s := h.Stats(); s.Held != 2 || s.Waiting != 1 {
				t.Errorf("who wants a segment finds no place: %+v", s)
			}
			leave()
			synctest.Wait()
			if s := h.Stats(); s.Held != 1 {
				t.Errorf("%d are held after one has left", s.Held)
			}
			m.make(16)
			synctest.Wait()
			if part.Code != http.StatusOK || part.Header().Get("Cache-Control") != cacheShort {
				t.Errorf("who waited for a part is answered %d, %v", part.Code, part.Header())
			}
			m.to(121, false)
			group.Wait()
			begin := time.Now()
			if w := ask(h, low+"_HLS_msn=121"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" || time.Since(begin) != 3*hls.SegmentDuration {
				t.Errorf("what does not come is answered %d after %v, %v", w.Code, time.Since(begin), w.Header())
			}
			if s := h.Stats(); s.Held != 0 || s.Waiting != 0 {
				t.Errorf("in the end: %+v", s)
			}
		})
	})
}

// Whatever stands behind the question mark is refused as a bad request, or names a part that there may be.
func FuzzAsked(f *testing.F) {
	for _, query := range []string{
		"", "_HLS_msn=120", "_HLS_msn=120&_HLS_part=3", "_HLS_part=3", "_HLS_msn=120&_HLS_part=6", "_HLS_msn=-1", "_HLS_msn=1099511627775&_HLS_part=2147483647",
		"_HLS_msn=1&_HLS_msn=2&_HLS_skip=YES", "%zz", "_HLS_msn=1;_HLS_part=2",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		query, _ := url.ParseQuery(raw)
		a, err := parseAsked(query)
		if err != nil {
			p, ok := errors.AsType[problem.Problem](err)
			if !ok || p.Code != problem.BadRequest {
				t.Errorf("%q is refused with %v", raw, err)
			}
			return
		}
		if a.segment < 0 || a.part < 0 || a.part >= hls.SegmentParts || a.any && (a.segment != 0 || a.whole) {
			t.Errorf("%q asks for %+v", raw, a)
		}
	})
}
