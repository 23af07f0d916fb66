package room

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestChapters(t *testing.T) {
	f := Facts{State: Live}
	before := f
	for _, at := range []int64{500, 100, 300, 100} {
		_, err := f.Mark(at, "")
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(f.Life.Chapters) != 3 || f.Life.Chapters[0] != (Chapter{2, 100, ""}) || f.Life.Chapters[2].At != 500 || f.Life.Revision != 3 {
		t.Fatalf("marked: %+v", f.Life)
	}
	if len(before.Life.Chapters) != 0 {
		t.Error("who had the facts before sees them change")
	}
	title, place := "On tides", int64(200)
	c, err := f.ChangeChapter(2, &title, &place)
	if err != nil || c != (Chapter{2, 200, title}) {
		t.Errorf("changed: %+v, %v", c, err)
	}
	if _, err := f.ChangeChapter(2, nil, &f.Life.Chapters[1].At); !errors.Is(err, ErrFrame) {
		t.Errorf("two chapters at one frame: %v", err)
	}
	if _, err := f.ChangeChapter(9, nil, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("a chapter that is not there: %v", err)
	}
	for frame, want := range map[int64]int{0: 0, 199: 0, 200: 2, 299: 2, 300: 3, 10_000: 1} {
		if c, ok := f.Life.ChapterAt(frame); c.ID != want || ok != (want != 0) {
			t.Errorf("frame %d is in chapter %d", frame, c.ID)
		}
	}
	f.DropChapter(3)
	f.DropChapter(3)
	if c, err := f.Mark(300, ""); err != nil || c.ID != 4 || len(f.Life.Chapters) != 3 {
		t.Errorf("a number was given twice: %+v, %v", c, err)
	}
	for state, want := range map[State]error{Draft: ErrStep, Announced: ErrStep, Doors: ErrStep, Ended: nil} {
		g := Facts{State: state}
		if _, err := g.Mark(1, ""); !errors.Is(err, want) {
			t.Errorf("%s: %v", state, err)
		}
	}
	if _, err := f.Mark(-1, ""); !errors.Is(err, ErrFrame) {
		t.Errorf("before the first frame: %v", err)
	}
	for n := range int64(MaxChapters) {
		_, err = f.Mark(1000+n, "")
	}
	if !errors.Is(err, ErrManyChapters) {
		t.Errorf("very many chapters: %v", err)
	}
	if _, err := CheckChapterTitle(strings.Repeat("a", MaxChapterTitle+1)); err == nil {
		t.Error("a very long title")
	}
	if title, err := CheckChapterTitle("  "); title != "" || err != nil {
		t.Errorf("no title: %q, %v", title, err)
	}
}

func TestEditOfAReplay(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	f := Facts{State: Ended, Title: "Harbour", Tape: TapeOn, Life: Life{Revision: 5, Posted: now}}
	title, from, to, no, yes := "Harbour talk", int64(100), int64(900), false, true
	err := f.Change(EditChange{Title: &title, From: &from, To: &to}, 5, now)
	if err != nil || f.Heading() != title || f.Life.Edit.From != 100 || f.Life.Revision != 6 || f.Stage() != Replay {
		t.Fatalf("%+v, %v", f, err)
	}
	before := f
	if err := f.Change(EditChange{From: &to}, 5, now); !errors.Is(err, ErrChanged) || f.Life.Edit != before.Life.Edit {
		t.Errorf("who has not seen the last change: %v", err)
	}
	if err := f.Change(EditChange{From: &to}, 6, now); !errors.Is(err, ErrFrame) || f.Life.Edit != before.Life.Edit {
		t.Errorf("an end before its beginning: %v", err)
	}
	if err := f.Change(EditChange{Title: &title}, 6, now); err != nil || f.Life.Revision != 6 {
		t.Errorf("the same again: %v, revision %d", err, f.Life.Revision)
	}
	if err := f.Change(EditChange{Posted: &no}, 0, now); err != nil || f.ShowsReplay() || f.Stage() != Ended {
		t.Errorf("taken back: %v, %+v", err, f.Life)
	}
	if err := f.Take(MoveReplay, ByClock, now); !errors.Is(err, ErrTooSoon) {
		t.Errorf("the clock posts what was taken back: %v", err)
	}
	if err := f.Change(EditChange{Posted: &yes}, 0, now); err != nil || !f.ShowsReplay() || f.Stage() != Replay {
		t.Errorf("posted again: %v, %+v", err, f.Life)
	}
	_ = f.Change(EditChange{Posted: &no}, 0, now)
	if err := f.Take(MoveReplay, By(Host), now); err != nil || !f.ShowsReplay() {
		t.Errorf("the step posts it again: %v, %+v", err, f.Life)
	}
	empty := ""
	if err := f.Change(EditChange{Title: &empty}, 0, now); err != nil || f.Heading() != "Harbour" {
		t.Errorf("its own title again: %v, %q", err, f.Heading())
	}
	live := Facts{State: Live}
	if err := live.Change(EditChange{NoClips: &yes}, 0, now); err != nil || !live.Life.NoClips {
		t.Errorf("clips while live: %v", err)
	}
	if err := live.Change(EditChange{From: &from}, 0, now); !errors.Is(err, ErrStep) {
		t.Errorf("cut while live: %v", err)
	}
}
