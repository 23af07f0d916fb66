package disk

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
	"github.com/epidaurus-live/epidaurus/tape/format"
)

// Captions that were corrected lie with the tape: they are there when it is read again, go when it is deleted, and are written to no tape that is not closed.
func TestCaptionsLieWithTheTape(t *testing.T) {
	t.Parallel()
	r := newRecorder(t, 0, 0, "harbour", "open-room")
	lines := []tape.Caption{{From: 10, To: 60, Text: "Good evening"}}
	for language, l := range map[string][]tape.Caption{"en": lines, "pt-BR": {}, "fr": lines} {
		err := r.SetCaptions("harbour", language, l)
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // to take away twice is no error
		err := r.SetCaptions("harbour", "fr", nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	want := map[string][]tape.Caption{"en": lines, "pt-BR": {}}
	kept, err := r.Tape("harbour", tape.Floor)
	if err != nil || !reflect.DeepEqual(kept.Captions(), want) {
		t.Errorf("kept are %v, %v", kept.Captions(), err)
	}
	again, err := Find(r.cfg.Dir, "harbour", tape.Floor)
	if err != nil || !reflect.DeepEqual(again.Captions(), want) {
		t.Errorf("on disk are %v, %v", again.Captions(), err)
	}
	for _, id := range []room.ID{"open-room", "nowhere"} {
		err = r.SetCaptions(id, "en", lines)
		if !errors.Is(err, ErrNoTape) {
			t.Errorf("%s: %v", id, err)
		}
	}
	err = r.Delete("harbour")
	if err != nil {
		t.Fatal(err)
	}
	err = r.SetCaptions("harbour", "en", lines)
	if !errors.Is(err, ErrNoTape) {
		t.Errorf("of a tape that was deleted: %v", err)
	}
	if _, err := os.Stat(filepath.Join(r.cfg.Dir, "harbour")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something is left: %v", err)
	}
}

// What captions tell of words that were cut at the beginning is in no event of the cut tape, also where it was written behind the cut.
func TestCutTapeTellsNoCutCaptions(t *testing.T) {
	t.Parallel()
	tp := closedTape(t)
	before := tape.Event{At: 90, Term: 1, Kind: room.KindCaption, Data: []byte(`{"t":"caption","at":105,"lines":[{"id":"a","lang":"en","at":80,"text":"secret","final":true}]}`)}
	behind := tape.Event{At: 110, Term: 1, Kind: room.KindCaption, Data: []byte(`{"t":"caption","at":105,"lines":[{"id":"b","lang":"en","at":95,"text":"secret","final":true},{"id":"c","lang":"fr","at":105,"text":"dit","final":true}]}`)}
	tp.events = append(tp.events, before, behind)
	slices.SortFunc(tp.events, format.Compare)
	var told []string
	for _, e := range tp.Cut(100, 0).Events(0, 200) {
		if e.Kind == room.KindCaption {
			told = append(told, string(e.Data))
		}
	}
	if want := []string{`{"t":"caption","at":105,"lines":[{"id":"c","lang":"fr","at":105,"text":"dit","final":true}]}`}; !reflect.DeepEqual(told, want) {
		t.Errorf("told is %q, want %q", told, want)
	}
}
