package tape_test

import (
	"bytes"
	"testing"

	"github.com/epidaurus-live/epidaurus/tape"
)

func frames(term tape.Term, from, to tape.Number) (all []tape.Frame) {
	for n := from; n < to; n++ {
		all = append(all, frame(term, n))
	}
	return all
}

func TestRingFill(t *testing.T) {
	begun := func() *tape.Ring {
		r := tape.NewRing(100)
		r.Takeover(tape.Takeover{Term: 2, First: 500})
		put(t, r, 2, 510, 520)
		return r
	}
	t.Run("WhatWasBefore", func(t *testing.T) {
		r := begun()
		older := []tape.Takeover{{Term: 1, First: 400}, {Term: 2, First: 500}}
		if n := r.Fill(older, append(frames(1, 490, 500), frames(2, 500, 510)...)); n != 20 {
			t.Errorf("%d frames were added, want 20", n)
		}
		if s := r.Span(); s != (tape.Span{Oldest: 490, Head: 520, Newest: 520}) || r.Missing(490, 520) != 0 {
			t.Errorf("the ring spans %+v", s)
		}
		// The takeover stays known as long as frames of it may come.
		put(t, r, 2, 520, 521)
		if r.Fill(nil, frames(1, 480, 490)) != 10 {
			t.Error("the older maker was forgotten")
		}
	})
	t.Run("AHole", func(t *testing.T) {
		r := begun()
		put(t, r, 2, 525, 530)
		if n := r.Fill(nil, frames(2, 518, 527)); n != 5 || r.Head() != 530 {
			t.Errorf("%d frames were added, the head is %d", n, r.Head())
		}
	})
	t.Run("NothingThatDoesNotBelong", func(t *testing.T) {
		r := begun()
		wrong := append(frames(1, 520, 525), frames(2, 100, 102)...)
		wrong = append(wrong, frames(2, 1<<40, 1<<40+2)...)
		wrong = append(wrong, tape.Frame{N: 520, Term: 2}, frame(3, 521))
		if n := r.Fill([]tape.Takeover{{Term: 3, First: 0}}, wrong); n != 0 || r.Newest() != 520 || r.Missing(510, 520) != 0 {
			t.Errorf("%d frames were added, newest %d", n, r.Newest())
		}
		if tape.NewRing(10).Fill(nil, frames(1, 0, 1)) != 0 {
			t.Error("a ring that has not begun was filled")
		}
	})
	t.Run("ReplaceChangesWhatDiffers", func(t *testing.T) {
		r := begun()
		other := frames(2, 512, 515)
		other[1].Packet = []byte("other")
		if r.Fill(nil, other) != 0 || r.Replace(nil, other) != 1 {
			t.Error("want one frame changed, and by Replace only")
		}
		if got := r.AppendPackets(nil, 513, 514); !bytes.Equal(got[0], []byte("other")) {
			t.Errorf("frame 513 is %q", got[0])
		}
	})
	t.Run("Frames", func(t *testing.T) {
		r := begun()
		got := r.AppendFrames(nil, 0, 512)
		if len(got) != 2 || got[0].N != 510 || got[1].Term != 2 {
			t.Errorf("%+v", got)
		}
		if owner, ok := r.Owner(515); owner != 2 || !ok || len(r.Takeovers()) != 1 {
			t.Errorf("frame 515 belongs to %d, %v; %v", owner, ok, r.Takeovers())
		}
	})
}
