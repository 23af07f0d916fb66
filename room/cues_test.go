package room

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// stateOf is what became of a person's cue.
func stateOf(q *Cues, id CueID, p PersonID) CueState {
	for _, c := range q.All() {
		for _, t := range c.To {
			if c.ID == id && t.Person == p {
				return t.State
			}
		}
	}
	return ""
}

func TestCueIsTakenOrLapses(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var q Cues
	send := func(id CueID, to ...CueTo) {
		t.Helper()
		if _, err := q.Send(Cue{ID: id, By: "pru", Name: CueWrapUp, To: to}, now); err != nil {
			t.Fatal(err)
		}
	}
	send("c1", CueTo{"ada", "Ada", CueSent}, CueTo{"bob", "Bob", CueUndelivered}, CueTo{"cyd", "Cyd", CueUndelivered})
	if err := q.Take("c1", "zoe", now); !errors.Is(err, ErrCueUnknown) {
		t.Errorf("a cue for others is acknowledged: %v", err)
	}
	for range 2 {
		if err := q.Take("c1", "ada", now); err != nil {
			t.Errorf("acknowledge: %v", err)
		}
	}
	if len(q.Shown("ada", now)) != 0 || len(q.Shown("bob", now)) != 1 {
		t.Error("what was acknowledged is shown, or what was not is not")
	}
	if !q.Reach("bob", now) || q.Reach("bob", now) || stateOf(&q, "c1", "bob") != CueSent {
		t.Errorf("who came back has it as %s", stateOf(&q, "c1", "bob"))
	}

	now = now.Add(CueLife)
	if changed, next := q.Expire(now); !changed || !next.Equal(now.Add(CueKept-CueLife)) {
		t.Errorf("at its end: %v, next at %v", changed, next)
	}
	for person, want := range map[PersonID]CueState{"ada": CueTaken, "bob": CueLapsed, "cyd": CueUndelivered} {
		if got := stateOf(&q, "c1", person); got != want {
			t.Errorf("%s ends as %s, want %s", person, got, want)
		}
	}
	if err := q.Take("c1", "bob", now); !errors.Is(err, ErrCueUnknown) {
		t.Errorf("acknowledged after its end: %v", err)
	}
	if q.Reach("cyd", now) {
		t.Error("a cue whose time is over is delivered")
	}
	if changed, next := q.Expire(now.Add(CueKept)); !changed || !next.IsZero() || len(q.All()) != 0 {
		t.Errorf("it is kept for ever: %v", q.All())
	}
	if _, err := q.Send(Cue{ID: "c2", By: "pru"}, now); !errors.Is(err, ErrCueNobody) {
		t.Errorf("to nobody: %v", err)
	}
}

// Whoever sends what at any pace: nobody sees more than three, the newest of them, and no more are kept than may be.
func TestCuesAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_800_000_000, 0)
		var q Cues
		for i := range rapid.IntRange(1, 60).Draw(t, "cues") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			id := CueID(fmt.Sprint("c", i))
			by := PersonID(rapid.SampledFrom([]string{"pru", "ada"}).Draw(t, "by"))
			wait, err := q.Send(Cue{ID: id, By: by, Text: "louder", To: []CueTo{{"bob", "Bob", CueSent}}}, now)
			if (err != nil) != (wait > 0) {
				t.Fatalf("wait %v with %v", wait, err)
			}
			shown := q.Shown("bob", now)
			if err == nil && shown[0].ID != id {
				t.Fatalf("%s was sent, %s is shown", id, shown[0].ID)
			}
			if len(shown) > CuesOpen || len(q.All()) > CuesKept {
				t.Fatalf("%d are shown, %d kept", len(shown), len(q.All()))
			}
			q.Expire(now)
		}
	})
}

func TestCheckCue(t *testing.T) {
	if got, err := CheckCue("  mind the\nclock "); err != nil || got != "mind the clock" {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range []string{"", " \u200b ", string(make([]byte, 3)), fmt.Sprintf("%0141d", 0)} {
		if _, err := CheckCue(bad); err == nil {
			t.Errorf("%q is a cue", bad)
		}
	}
}
