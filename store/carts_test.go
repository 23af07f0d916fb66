package store

import (
	"testing"

	"github.com/epidaurus-live/epidaurus/room"
)

func TestDelay(t *testing.T) {
	s := openIn(t, t.TempDir())
	addRoom(t, s, "abc")
	for _, ms := range []int{10000, 30000, 0} {
		err := s.SetDelay(t.Context(), "abc", ms)
		if err != nil {
			t.Fatal(err)
		}
		if got := factsOf(t, s).DelayMS; got != ms {
			t.Errorf("the delay is %d ms, want %d", got, ms)
		}
	}
	wantCode(t, s.SetDelay(t.Context(), "nowhere", 1), CodeNotFound)
}

func TestCarts(t *testing.T) {
	s := openIn(t, t.TempDir())
	addRoom(t, s, "abc")
	for _, step := range []struct {
		name  room.Cart
		sound string // empty: none
		want  int    // carts
	}{{room.CartJingle, "one", 1}, {room.CartJingle, "two", 1}, {room.CartTone, "beep", 2}, {room.CartJingle, "", 1}, {room.CartJingle, "", 1}} {
		var sound []byte
		if step.sound != "" {
			sound = []byte(step.sound)
		}
		err := s.SetCart(t.Context(), "abc", step.name, sound)
		if err != nil {
			t.Fatal(err)
		}
		carts, err := s.Carts(t.Context(), "abc")
		if err != nil || len(carts) != step.want || string(carts[step.name]) != step.sound {
			t.Errorf("after %+v the carts are %q (%v)", step, carts, err)
		}
	}
	wantCode(t, s.SetCart(t.Context(), "nowhere", room.CartTone, []byte("x")), CodeNotFound)
	err := s.DropRoom(t.Context(), "abc")
	if err != nil {
		t.Fatal(err)
	}
	if carts, err := s.Carts(t.Context(), "abc"); err != nil || len(carts) != 0 {
		t.Errorf("a room that is gone has carts %q (%v)", carts, err)
	}
}
