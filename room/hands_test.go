package room

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestHandsAreFair(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	var q Hands
	raise := func(id HandID, origin string) error {
		_, err := q.Raise(Hand{ID: id, Name: "Lena", Origin: origin}, now)
		return err
	}
	for i := range MaxHands {
		err := raise(HandID(fmt.Sprint("h", i)), "")
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := raise("more", ""); !errors.Is(err, ErrHandsFull) {
		t.Errorf("one more: %v", err)
	}
	if err := raise("h0", ""); err != nil {
		t.Errorf("who is in raises again: %v", err)
	}
	if _, ahead, err := q.Look("h7", now); ahead != 7 || err != nil {
		t.Errorf("%d are ahead of the eighth (%v)", ahead, err)
	}
	q.Lower("h3")
	if _, ahead, _ := q.Look("h7", now); ahead != 6 {
		t.Errorf("%d are ahead of the eighth when one went", ahead)
	}
	if err := raise("more", ""); err != nil {
		t.Errorf("a place is free: %v", err)
	}

	// Whose page is gone is out after a while; who asks stays.
	now = now.Add(HandSilence - time.Second)
	_, _, _ = q.Look("h7", now)
	now = now.Add(2 * time.Second)
	if changed, _ := q.Expire(now); !changed || len(q.Up()) != 1 || q.Up()[0].ID != "h7" {
		t.Errorf("left are %d", len(q.Up()))
	}

	// An invitation lapses, and rests before the next.
	err := q.Invite("h7", now)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // its page asks all the time
		now = now.Add(HandAnswer / 3)
		_, _, _ = q.Look("h7", now)
	}
	q.Expire(now)
	if h, _, _ := q.Look("h7", now); h.State != HandMissed {
		t.Errorf("the invitation is %s", h.State)
	}
	if _, err := q.Accept("h7", "p1", now); !errors.Is(err, ErrHandUnknown) {
		t.Errorf("accepted too late: %v", err)
	}
	if err := raise("h7", ""); !errors.Is(err, ErrHandRest) {
		t.Errorf("raised at once again: %v", err)
	}
	now = now.Add(HandRest)
	q.Expire(now)
	if err := raise("h7", ""); err != nil {
		t.Errorf("raised after the rest: %v", err)
	}
}

// Whatever happens, the queue keeps its bounds and its order, an origin has one hand up, and who is on stage was invited before.
func TestHandsKeepTheirRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q Hands
		now := time.Unix(1_800_000_000, 0)
		invited := map[HandID]bool{}
		id := rapid.Map(rapid.IntRange(0, 130), func(i int) HandID { return HandID(fmt.Sprint("h", i)) })
		t.Repeat(map[string]func(*rapid.T){
			"raise": func(t *rapid.T) {
				origin := rapid.SampledFrom([]string{"", "", "net1", "net2"}).Draw(t, "origin")
				_, _ = q.Raise(Hand{ID: id.Draw(t, "id"), Name: "X", Origin: origin}, now)
			},
			"lower": func(t *rapid.T) { q.Lower(id.Draw(t, "id")) },
			"invite": func(t *rapid.T) {
				if h := id.Draw(t, "id"); q.Invite(h, now) == nil {
					invited[h] = true
				}
			},
			"let go": func(t *rapid.T) { _ = q.LetGo(id.Draw(t, "id"), now) },
			"accept": func(t *rapid.T) {
				h := id.Draw(t, "id")
				if got, err := q.Accept(h, "p", now); err == nil && (!invited[h] || got.Person != "p") {
					t.Fatalf("%s was never invited, and is %+v", h, got)
				}
			},
			"wait": func(t *rapid.T) {
				now = now.Add(rapid.SampledFrom([]time.Duration{time.Second, 20 * time.Second, 2 * time.Minute}).Draw(t, "d"))
				if _, next := q.Expire(now); !next.IsZero() && !next.After(now) {
					t.Fatalf("the next moment, %v, is past", next)
				}
			},
			"": func(t *rapid.T) {
				up := q.Up()
				if len(up) > MaxHands {
					t.Fatalf("%d hands are up", len(up))
				}
				origins := map[string]bool{}
				for i, h := range up {
					if h.Origin != "" && origins[h.Origin] {
						t.Fatalf("two hands of %s are up", h.Origin)
					}
					origins[h.Origin] = true
					if i > 0 && h.Raised.Before(up[i-1].Raised) {
						t.Fatal("the queue is out of order")
					}
				}
			},
		})
	})
}

func TestCheckLine(t *testing.T) {
	for in, want := range map[string]string{"": "", " \u200b ": "", "  on  tides ": "on tides"} {
		if got, err := CheckLine(in); got != want || err != nil {
			t.Errorf("CheckLine(%q) = %q, %v", in, got, err)
		}
	}
	if _, err := CheckLine(strings.Repeat("a", MaxLine+1)); err == nil {
		t.Error("a line that is too long is taken")
	}
}

func TestOrigin(t *testing.T) {
	key, other := Key{1}, Key{2}
	one := key.Origin("harbour", "c0000201")
	if one == "" || one != key.Origin("harbour", "c0000201") || key.Origin("harbour", "") != "" {
		t.Errorf("an origin is %q", one)
	}
	for what, not := range map[string]string{
		"of another address": key.Origin("harbour", "c0000202"), "in another room": key.Origin("quay", "c0000201"), "by another key": other.Origin("harbour", "c0000201"),
	} {
		if one == not {
			t.Errorf("%s it is the same", what)
		}
	}
}
