package replay

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/tape"
)

// clipTape has frames 1000 to 9000 and, behind a hole, 20,000 to 30,000.
func clipTape(closed bool) *memoryTape {
	return &memoryTape{closed: closed, spans: []tape.Stretch{{From: 1000, To: 9000}, {From: 20_000, To: 30_000}}, events: []tape.Event{
		{At: 1000, Kind: "stage", Data: []byte(`{"t":"stage","people":[{"id":"p1","name":"Ada"},{"id":"p2","name":"Grace"}]}`)},
		{At: 20_100, Kind: "speaking", Data: []byte(`{"t":"speaking","ids":["p2"]}`)},
		{At: 20_150, Kind: "speaking", Data: []byte(`{"t":"speaking","ids":["p1","nobody"]}`)},
	}}
}

func TestClip(t *testing.T) {
	t.Parallel()
	w := serve(clipTape(false), "GET", "/r/harbour/clip/20100-21600/clip.json")
	var c clipAnswer
	err := json.Unmarshal(w.Body.Bytes(), &c)
	if err != nil || c.From != 20_100 || c.To != 21_600 || c.Seconds != 30 || c.Into != 162 || !c.Live || !slices.Equal(c.Speakers, []string{"Grace", "Ada"}) || len(c.Levels) == 0 {
		t.Fatalf("%v: %s", err, w.Body)
	}
	w = serve(clipTape(false), "GET", "/r/harbour/clip/20100-21600/sound.ogg", func(r *http.Request) { r.Header.Set("Range", "bytes=0-4") })
	if w.Code != http.StatusPartialContent || w.Body.String() != "sound" || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("its sound answers %d, %v, %q", w.Code, w.Header(), w.Body)
	}
	w = serve(clipTape(true), "GET", "/r/harbour/clip/20100-21600/picture.png")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "image/png" || !strings.HasPrefix(w.Body.String(), "\x89PNG") {
		t.Errorf("its picture answers %d, %v", w.Code, w.Header())
	}
}

func TestClipsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		path   string
		closed bool
		status int
		code   string
		later  bool
	}{
		{"20100-21600/nothing", true, 404, "not_found", false},
		{"20100-20149/clip.json", true, 400, "bad_request", false},
		{"20100-29101/clip.json", true, 400, "bad_request", false},
		{"21600-20100/clip.json", true, 400, "bad_request", false},
		{"020100-21600/clip.json", true, 404, "not_found", false},
		{"20100-21600-3/clip.json", true, 404, "not_found", false},
		{"99999999999999999999-3/clip.json", true, 404, "not_found", false},
		{"8000-9100/clip.json", false, 404, "not_found", false}, // into the hole
		{"19000-20100/clip.json", false, 404, "not_found", false},
		{"900-1100/sound.ogg", false, 404, "not_found", false},
		{"29000-30100/sound.ogg", true, 404, "not_found", false},
		{"29000-30100/sound.ogg", false, 404, "not_found", true}, // a moment ago
		{"30010-30100/sound.ogg", false, 404, "not_found", true},
		{"32010-32100/sound.ogg", false, 404, "not_found", false},
	} {
		w := serve(clipTape(test.closed), "GET", "/r/harbour/clip/"+test.path)
		if later := w.Header().Get("Retry-After") != ""; w.Code != test.status || later != test.later || !strings.Contains(w.Body.String(), `"code":"`+test.code+`"`) || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s answers %d, %v, %s", test.path, w.Code, w.Header(), w.Body)
		}
	}
	for room, code := range map[string]string{"noclips": "not_offered", "untaped": "no_tape", "nowhere": "room_unknown"} {
		w := serve(clipTape(true), "GET", "/r/"+room+"/clip/20100-21600/sound.ogg")
		if !strings.Contains(w.Body.String(), `"code":"`+code+`"`) {
			t.Errorf("%s answers %d %s", room, w.Code, w.Body)
		}
	}
}

// Where a host has cut, segments may be others tomorrow.
func TestCutSegmentsAreNotKept(t *testing.T) {
	t.Parallel()
	m := someTape()
	m.cut = true
	w := serve(m, "GET", "/r/harbour/tape/floor/opus-12/2.m4s")
	if w.Code != http.StatusOK || strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("it answers %d, %v", w.Code, w.Header())
	}
}

// FuzzParseClip: one clip has one name.
func FuzzParseClip(f *testing.F) {
	for _, seed := range []string{"0-50", "5000-6500", "-", "1--2", "01-2", "1-2-3", "281474976710656-1", "+1-2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		at, ok := ParseClip(name)
		if ok && (at.From < 0 || at.To < 0 || clipName(at) != name) {
			t.Errorf("%q is %v", name, at)
		}
	})
}
