package room

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestChatKeepsTheLast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_800_000_000, 0)
		var c Chat
		said := rapid.IntRange(0, 3*ChatKept).Draw(t, "lines")
		for i := range said {
			now = now.Add(ChatEvery)
			if n, _, err := c.Say(ChatLine{By: "ada", Text: "hello"}, now); err != nil || n != i+1 {
				t.Fatalf("line %d is %d (%v)", i+1, n, err)
			}
		}
		known := rapid.IntRange(0, said).Draw(t, "known")
		lines := c.After(known)
		if want := min(said-known, ChatKept); len(lines) != want || c.Last() != said {
			t.Fatalf("%d lines behind %d of %d, want %d", len(lines), known, said, want)
		}
		for i, l := range lines {
			if l.N != said-len(lines)+i+1 {
				t.Fatalf("line %d of %d is number %d", i, len(lines), l.N)
			}
		}
	})
}

// Who writes too fast is told how long to wait, and then may; others are not slowed down.
func TestChatPace(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var c Chat
	say := func(by PersonID) (time.Duration, error) {
		_, wait, err := c.Say(ChatLine{By: by, Text: "x"}, now)
		return wait, err
	}
	for range ChatBurst {
		if _, err := say("ada"); err != nil {
			t.Fatal(err)
		}
	}
	wait, err := say("ada")
	if !errors.Is(err, ErrChatPace) || wait != ChatEvery {
		t.Errorf("one more: %v, wait %v", err, wait)
	}
	if _, err := say("bob"); err != nil {
		t.Errorf("another one: %v", err)
	}
	now = now.Add(wait)
	if _, err := say("ada"); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	if _, err := say("ada"); !errors.Is(err, ErrChatPace) {
		t.Errorf("and once more: %v", err)
	}
}
