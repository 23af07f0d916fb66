package channel_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// A chapter is told with its own frame, however late the desk says it, with each change of its title, and when it is none any more.
func TestChaptersAreToldByFrame(t *testing.T) {
	r := newRig()
	m := r.maker()
	facts := func(chapters ...room.Chapter) func() {
		return func() {
			m.SetFacts(room.Facts{ID: "harbour", Title: "Harbour", State: room.Live, Life: room.Life{Chapters: chapters}})
		}
	}
	for at, set := range map[time.Duration]func(){
		time.Second:     facts(room.Chapter{ID: 1, At: 150}), // in a second
		4 * time.Second: facts(room.Chapter{ID: 1, At: 150, Title: "Tides"}),
		5 * time.Second: facts(room.Chapter{ID: 1, At: 150, Title: "Tides"}, room.Chapter{ID: 2, At: 240, Title: "Moon"}),
		6 * time.Second: facts(room.Chapter{ID: 1, At: 150, Title: "Tides"}),
		7 * time.Second: facts(),
		8 * time.Second: func() { m.SetFacts(room.Facts{ID: "harbour", State: room.Ended}) },
	} {
		r.machine.at[at] = func(*machine) { set() }
	}
	r.machine.stop = time.Hour
	m.Run(t.Context())
	var got []room.ChapterEvent
	for _, e := range r.wire.events {
		if e.Kind != room.KindChapter {
			continue
		}
		var c room.ChapterEvent
		if err := json.Unmarshal(e.Data, &c); err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 && e.At != 150 {
			t.Errorf("the first chapter is told at frame %d", e.At)
		}
		got = append(got, c)
	}
	told := func(id int, at int64, title string) room.ChapterEvent {
		return room.ChapterEvent{Kind: room.KindChapter, ID: id, At: at, Title: title}
	}
	want := []room.ChapterEvent{told(1, 150, ""), told(1, 150, "Tides"), told(2, 240, "Moon"), told(1, 150, "Tides"), told(0, 0, "")}
	if len(got) != len(want) {
		t.Fatalf("told %+v\nwant %+v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("told %+v, want %+v", got[i], want[i])
		}
	}
}
