package replay

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/vtt"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

func said(at tape.Number, lines ...room.Caption) tape.Event {
	data, err := json.Marshal(room.CaptionEvent{Kind: room.KindCaption, Lines: lines})
	if err != nil {
		panic(err)
	}
	return tape.Event{At: at, Kind: room.KindCaption, Data: data}
}

func inEnglish(id string, at int64, text string) room.Caption {
	return room.Caption{ID: id, Language: "en", At: at, Text: text, Final: true}
}

// captioned is a closed tape from frame 96 to 1000 with captions.
func captioned() *memoryTape {
	m := someTape()
	m.closed = true
	french := room.Caption{ID: "a", Language: "fr", At: 210, Text: "Bonsoir", Final: true}
	m.events = append(m.events,
		said(90, inEnglish("0", 50, "cut")), said(250, inEnglish("a", 200, "Good")), said(300, inEnglish("a", 200, "Good <evening>")), said(310, inEnglish("a", 200, "Good <evening>"), french),
		said(400, inEnglish("b", 350, "wrong"), french), said(420, inEnglish("b", 350, ""), french), said(500, inEnglish("c", 260, "and all"), french), said(900, inEnglish("d", 890, "the end"), french))
	return m
}

const englishVTT = `WEBVTT

00:00:02.080 --> 00:00:03.280
Good &lt;evening&gt;

00:00:03.280 --> 00:00:05.280
and all

00:00:15.880 --> 00:00:17.880
the end
`

// Lines are told as they were written last, where they were said; what was taken back, and what was said before the tape, is not there.
func TestCaptionFiles(t *testing.T) {
	t.Parallel()
	m := captioned()
	for path, want := range map[string]string{"captions.vtt": englishVTT, "captions.en.vtt": englishVTT, "captions.fr.srt": "1\n00:00:02,280 --> 00:00:04,280\nBonsoir\n\n"} {
		w := serve(m, "GET", "/r/harbour/tape/"+path)
		if w.Code != http.StatusOK || w.Body.String() != want {
			t.Errorf("%s: %d\n%s", path, w.Code, w.Body)
		}
	}
	for _, path := range []string{"captions.de.vtt", "captions.txt", "captions.", "captions", "caption.vtt", "captions.vtt.vtt"} {
		if w := serve(m, "GET", "/r/harbour/tape/"+path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := serve(someTape(), "GET", "/r/harbour/tape/captions.vtt"); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "no captions") {
		t.Errorf("of a tape without: %d %s", w.Code, w.Body)
	}
	var got index
	err := json.Unmarshal(serve(m, "GET", "/r/harbour/tape/index.json").Body.Bytes(), &got)
	if err != nil || len(got.Captions) != 2 || len(got.Captions[0].Lines) != 3 || got.Captions[0].Lines[0] != (tape.Caption{From: 200, To: 260, Text: "Good <evening>"}) {
		t.Errorf("the index has %+v, %v", got.Captions, err)
	}
	for _, e := range got.Events {
		if strings.Contains(string(e.Data), "caption") {
			t.Errorf("the index has them twice: %s", e.Data)
		}
	}
}

// What the host has corrected counts, and lies at the words that it is of; a cut takes lines away that may tell what was cut.
func TestCorrectedCaptions(t *testing.T) {
	t.Parallel()
	m := captioned()
	m.spans = []tape.Stretch{{From: 96, To: 300}, {From: 600, To: 1000}}
	cues := []vtt.Cue{
		{From: time.Second, To: 2 * time.Second, Text: "one"}, {From: 5 * time.Second, To: 6 * time.Second, Text: "two"},
		{From: 11 * time.Second, To: 20 * time.Second, Text: "three"}, {From: 13 * time.Second, To: 14 * time.Second, Text: "behind the end"},
	}
	lines := Placed(m, cues)
	want := []tape.Caption{{From: 146, To: 196, Text: "one"}, {From: 646, To: 696, Text: "two"}, {From: 946, To: 1000, Text: "three"}}
	if !reflect.DeepEqual(lines, want) {
		t.Fatalf("placed at %v, want %v", lines, want)
	}
	m.captions = map[string][]tape.Caption{"en": lines}
	got := serve(m, "GET", "/r/harbour/tape/captions.vtt").Body.String()
	if got != "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\none\n\n00:00:05.000 --> 00:00:06.000\ntwo\n\n00:00:11.000 --> 00:00:12.080\nthree\n" {
		t.Errorf("corrected:\n%s", got)
	}
	m.spans = []tape.Stretch{{From: 150, To: 955}}
	f := room.Facts{ID: "harbour", Language: "en", Life: room.Life{Edit: room.Edit{From: 150, To: 955}}}
	if got := string(CaptionFile(f, m, "en", false)); strings.Contains(got, "one") || !strings.Contains(got, "two") || strings.Contains(got, "three") {
		t.Errorf("cut:\n%s", got)
	}
}

// A clip has the lines that are shown while it is heard, as they were written last, also a little later than its end.
func TestCaptionsOfAClip(t *testing.T) {
	t.Parallel()
	m := captioned()
	m.events = append(m.events, said(960, inEnglish("b", 355, "written late")))
	m.spans = []tape.Stretch{{From: 96, To: 3000}}
	for name, want := range map[string][]track{
		"240-300": {
			{"en", []tape.Caption{{From: 200, To: 260, Text: "Good <evening>"}, {From: 260, To: 355, Text: "and all"}}},
			{"fr", []tape.Caption{{From: 210, To: 310, Text: "Bonsoir"}}},
		},
		"350-410":   {{"en", []tape.Caption{{From: 260, To: 355, Text: "and all"}, {From: 355, To: 455, Text: "written late"}}}},
		"1000-1100": nil,
	} {
		var got clipAnswer
		w := serve(m, "GET", "/r/harbour/clip/"+name+"/clip.json")
		err := json.Unmarshal(w.Body.Bytes(), &got)
		if err != nil || w.Code != http.StatusOK || !reflect.DeepEqual(got.Captions, want) {
			t.Errorf("%s: %d, %v\n%+v, want\n%+v", name, w.Code, err, got.Captions, want)
		}
	}
	m.captions = map[string][]tape.Caption{"en": {{From: 250, To: 280, Text: "corrected"}}}
	if text := serve(m, "GET", "/r/harbour/clip/240-300/clip.json").Body.String(); !strings.Contains(text, `{"from":250,"to":280,"text":"corrected"}`) || strings.Contains(text, "and all") {
		t.Errorf("corrected: %s", text)
	}
}
