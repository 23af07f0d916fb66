package room

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var evening = time.Date(2026, 12, 31, 19, 0, 0, 0, time.UTC)

func TestStepGoesOneWay(t *testing.T) {
	all := append([]State{"", "paused"}, states...)
	for _, from := range all {
		for _, to := range all {
			was, is := slices.Index(states, from), slices.Index(states, to)
			err := Step(from, to)
			if want := was >= 0 && is > was; (err == nil) != want {
				t.Errorf("Step(%q, %q) = %v", from, to, err)
			}
			if err != nil && !errors.Is(err, ErrStep) {
				t.Errorf("Step(%q, %q) = %v, want ErrStep", from, to, err)
			}
		}
	}
}

var (
	moves  = []Move{MoveAnnounce, MoveDoors, MoveLive, MoveEnd, MoveReplay, MoveAway, "", "dance"}
	causes = []Cause{By(Host), By(CoHost), By(Speaker), "producer", ByClock, ByVoice, ByAbsence, ""}
)

// at is a room in a state, with a plan whose time has come or not.
func at(s State, planned bool) Facts {
	f := Facts{State: s}
	if s == Replay {
		f.State, f.Life.Posted = Ended, evening
	}
	if planned {
		f.Life.Plan = Plan{Start: evening, Zone: "UTC", LeadS: 900, ByClock: true}
	}
	return f
}

// The table of who may do what when, cell by cell, against one that was written down by itself.
func TestWhoMayTakeWhichStep(t *testing.T) {
	const team, clock, host = "host cohost producer", " clock", "host"
	allowed := map[State]map[Move]string{
		Draft:     {MoveAnnounce: team, MoveEnd: host},
		Announced: {MoveDoors: team + clock, MoveEnd: host},
		Doors:     {MoveLive: team + clock, MoveEnd: host},
		Live:      {MoveEnd: host + " absence"},
		Ended:     {MoveReplay: host + clock},
		Replay:    {},
	}
	for _, state := range states {
		for _, planned := range []bool{false, true} {
			for _, m := range moves {
				for _, by := range causes {
					f := at(state, planned)
					before := f
					want := by != "" && slices.Contains(strings.Fields(allowed[state][m]), string(by))
					if by == ByClock && !planned && m != MoveReplay {
						want = false // what time would that be
					}
					if by == ByVoice {
						want = state == Doors && m == MoveLive && !planned
					}
					err := f.Take(m, by, evening)
					if (err == nil) != want {
						t.Errorf("%s (planned: %v): %s by %s: %v", state, planned, m, by, err)
					}
					if err != nil && !reflect.DeepEqual(f, before) {
						t.Errorf("%s: %s by %s was refused, and changed something: %+v", state, m, by, f)
					}
					if err == nil && (Step(before.Stage(), f.Stage()) != nil || f.Life.Revision != before.Life.Revision+1) {
						t.Errorf("%s: %s by %s leads to %+v", state, m, by, f)
					}
				}
			}
		}
	}
}

// life is a room that anybody does anything to, in whatever order, while time passes.
type life struct {
	f    Facts
	now  time.Time
	seen []State // that it was in, each once
}

func (l *life) note(t *rapid.T) {
	s := l.f.Stage()
	if last := l.seen[len(l.seen)-1]; s != last {
		if Step(last, s) != nil {
			t.Fatalf("from %s to %s", last, s)
		}
		l.seen = append(l.seen, s)
	}
}

// clock does what is due, as the node does.
func (l *life) clock(t *rapid.T) {
	for range len(states) {
		m := l.f.Due(l.now)
		if m == "" {
			break
		}
		err := l.f.Take(m, ByClock, l.now)
		if err != nil {
			t.Fatalf("%s is due, and refused: %v", m, err)
		}
		l.note(t)
	}
	if m := l.f.Due(l.now); m != "" {
		t.Fatalf("the clock does not come to rest: %s is due again", m)
	}
	next := l.f.NextDue()
	if !next.IsZero() && !next.After(l.now) {
		t.Fatalf("next is %v, and it is %v", next, l.now)
	}
}

// check says what holds at every moment, once the clock has done its part.
func (l *life) check(t *rapid.T) {
	f, p := &l.f, &l.f.Life.Plan
	switch {
	case f.State == Announced && f.Planned() && !l.now.Before(p.DoorsAt()):
		t.Fatalf("it is %v, the doors open at %v, and they are closed", l.now, p.DoorsAt())
	case f.State == Doors && p.ByClock && f.Planned() && !l.now.Before(p.Start):
		t.Fatalf("it is %v, the start was at %v, and it is not live", l.now, p.Start)
	case f.State != Ended && !f.Life.EndsAt.IsZero() && !l.now.Before(f.Life.EndsAt):
		t.Fatalf("the end was asked for %v, it is %v, and it goes on", f.Life.EndsAt, l.now)
	case f.State == Ended && f.EndedAt.IsZero():
		t.Fatal("it has ended, and nobody knows when")
	case f.State == Live && f.Life.LiveAt.IsZero():
		t.Fatal("it is live, and nobody knows since when")
	case f.Curtained() && (f.State != Doors || !f.Planned()):
		t.Fatal("the curtain is down without a reason")
	}
}

func TestLifeOfARoom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &life{now: evening.Add(-time.Hour), f: Facts{State: rapid.SampledFrom(states[:3]).Draw(t, "begins")}}
		l.seen = []State{l.f.State}
		if l.f.State != Doors || rapid.Bool().Draw(t, "planned") {
			l.f.Life.Plan = Plan{Start: evening, Zone: "UTC", LeadS: rapid.IntRange(0, 3600).Draw(t, "lead"), ByClock: rapid.Bool().Draw(t, "byClock")}
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				l.clock(t)
				l.check(t)
			},
			"time": func(t *rapid.T) {
				l.now = l.now.Add(time.Duration(rapid.IntRange(0, 1800).Draw(t, "seconds")) * time.Second)
			},
			"take": func(t *rapid.T) {
				before := l.f
				m, by := rapid.SampledFrom(moves).Draw(t, "move"), rapid.SampledFrom(causes).Draw(t, "by")
				if l.f.Take(m, by, l.now) != nil && !reflect.DeepEqual(before, l.f) {
					t.Fatal("refused, and changed")
				}
				if l.f.State == Live && before.State == Doors && by == ByVoice && before.Planned() {
					t.Fatal("a voice began what was announced for a time")
				}
				l.note(t)
			},
			"late": func(t *rapid.T) {
				before, seen := l.f, rapid.IntRange(0, 3).Draw(t, "behind")
				if seen > 0 {
					seen = l.f.Life.Revision - seen + 1
				}
				p := l.f.Life.Plan.Late(10*time.Minute, l.now)
				err := l.f.Replan(p, rapid.SampledFrom(causes).Draw(t, "by"), seen, l.now)
				switch {
				case err != nil && !reflect.DeepEqual(before, l.f):
					t.Fatal("refused, and changed")
				case err == nil && seen != 0 && seen != before.Life.Revision:
					t.Fatal("a change was made by who had not seen the last one")
				case err == nil && (!l.f.Life.Plan.Start.After(l.now) || l.f.Life.Revision <= before.Life.Revision || l.f.State != before.State):
					t.Fatalf("put off to %+v", l.f)
				}
			},
			"ask for the end": func(t *rapid.T) {
				by := rapid.SampledFrom(causes).Draw(t, "by")
				err := l.f.AskEnd(by, 10*time.Second, l.now)
				if err == nil && by != By(Host) {
					t.Fatalf("the end was asked for by %s", by)
				}
				l.note(t)
			},
			"take the end back": func(t *rapid.T) {
				before := l.f
				err := l.f.Stay(rapid.SampledFrom(causes).Draw(t, "by"), l.now)
				if err == nil && (l.f.State != before.State || !l.f.Life.EndsAt.IsZero()) {
					t.Fatalf("taken back: %+v", l.f)
				}
				if before.State == Ended && err == nil {
					t.Fatal("what has ended came back")
				}
			},
		})
	})
}

// An end that was asked for comes after its time and not before; asked again it comes no later; taken back it does not come.
func TestAnEndCanBeTakenBack(t *testing.T) {
	f := Facts{State: Live}
	host, now := By(Host), evening
	if err := f.AskEnd(host, 10*time.Second, now); err != nil || f.State != Live || f.Due(now.Add(9*time.Second)) != "" {
		t.Fatalf("%+v, %v", f, err)
	}
	if err := f.AskEnd(host, 10*time.Second, now.Add(5*time.Second)); err != nil || f.NextDue() != now.Add(10*time.Second) {
		t.Errorf("asked again: %+v, %v", f, err)
	}
	if err := f.Stay(host, now.Add(9*time.Second)); err != nil || !f.NextDue().IsZero() || f.State != Live {
		t.Errorf("taken back: %+v, %v", f, err)
	}
	if err := errors.Join(f.AskEnd(host, 10*time.Second, now), f.Take(f.Due(now.Add(10*time.Second)), ByClock, now.Add(10*time.Second))); err != nil || f.State != Ended {
		t.Errorf("the end: %+v, %v", f, err)
	}
	if err := f.Stay(host, now.Add(11*time.Second)); !errors.Is(err, ErrStep) {
		t.Errorf("taken back after it came: %v", err)
	}
}

// Doors close at a number while they are open, by the team; a tape that is held is posted by somebody and not by the clock.
func TestCloseDoors(t *testing.T) {
	for _, state := range states {
		for _, by := range causes {
			f := at(state, true)
			before := f
			err := f.CloseDoors(100, "Come back for the replay.", true, by)
			want := (state == Doors || state == Live) && slices.Contains(byTeam, by)
			if (err == nil) != want || err != nil && !reflect.DeepEqual(f, before) {
				t.Errorf("%s by %s: %v, %+v", state, by, err, f.Life)
			}
			if again := f; err == nil && (again.CloseDoors(100, "Come back for the replay.", true, by) != nil || again.Life.Revision != f.Life.Revision) {
				t.Errorf("the same again is a change: %+v", again.Life)
			}
		}
	}
	for _, by := range []Cause{By(Host), By(CoHost), By(Producer)} {
		f := at(Live, true)
		f.Life.HoldReplay = true
		if err := f.CloseDoors(7, "", true, by); err != nil || f.Life.Closed != 7 {
			t.Errorf("%s closes the doors of a room whose tape is held: %v", by, err)
		}
		if err := f.CloseDoors(7, "", false, by); (err == nil) != (by == By(Host)) || f.Life.HoldReplay != (by != By(Host)) {
			t.Errorf("%s lets the held tape go: %v, %+v", by, err, f.Life)
		}
	}
	f := Facts{State: Ended, Life: Life{HoldReplay: true}}
	if f.ShowsReplay() || f.Take(MoveReplay, ByClock, evening) == nil || f.ShowsReplay() {
		t.Errorf("the clock posted it: %+v", f)
	}
	if err := f.Take(MoveReplay, By(Host), evening); err != nil || !f.ShowsReplay() {
		t.Errorf("posted: %v, %+v", err, f)
	}
	if f = at(Ended, true); !f.ShowsReplay() {
		t.Error("a tape that nobody holds is not shown")
	}
}

func TestStartDelay(t *testing.T) {
	f := at(Live, true)
	if _, ok := f.StartDelay(); ok {
		t.Error("a delay without a word")
	}
	f.Life.LiveAt, f.Life.FirstWord = evening.Add(20*time.Millisecond), evening.Add(1300*time.Millisecond)
	if d, ok := f.StartDelay(); !ok || d != 1300*time.Millisecond {
		t.Errorf("after the announced start: %v", d)
	}
	f.Life.Plan = Plan{}
	if d, ok := f.StartDelay(); !ok || d != 1280*time.Millisecond {
		t.Errorf("without one: %v", d)
	}
}
