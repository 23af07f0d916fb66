package tape_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/epidaurus-live/epidaurus/tape"
)

func packet(term tape.Term, n tape.Number) []byte { return fmt.Appendf(nil, "%d:%d", term, n) }

func frame(term tape.Term, n tape.Number) tape.Frame {
	return tape.Frame{N: n, Term: term, Packet: packet(term, n)}
}

func put(t *testing.T, r *tape.Ring, term tape.Term, from, to tape.Number) {
	t.Helper()
	for n := from; n < to; n++ {
		if _, kept := r.Put(frame(term, n)); !kept {
			t.Fatalf("frame %d of term %d was refused", n, term)
		}
	}
}

func TestRing(t *testing.T) {
	t.Run("ServesWhatItGot", func(t *testing.T) {
		r := tape.NewRing(100)
		r.Takeover(tape.Takeover{Term: 1, First: 10})
		put(t, r, 1, 10, 20)
		if r.Oldest() != 10 || r.Head() != 20 || r.Newest() != 20 {
			t.Errorf("oldest %d, head %d, newest %d; want 10, 20, 20", r.Oldest(), r.Head(), r.Newest())
		}
		got := r.AppendPackets(nil, 12, 14)
		if len(got) != 2 || !bytes.Equal(got[0], packet(1, 12)) || !bytes.Equal(got[1], packet(1, 13)) {
			t.Errorf("packets of 12 and 13: %q", got)
		}
	})
	t.Run("RefusesUnknownTerm", func(t *testing.T) {
		r := tape.NewRing(100)
		if _, kept := r.Put(frame(1, 0)); kept {
			t.Error("a frame was kept before any takeover was known")
		}
		r.Takeover(tape.Takeover{Term: 1, First: 5})
		for _, f := range []tape.Frame{frame(1, 4), frame(2, 6), {N: 6, Term: 1}} {
			if _, kept := r.Put(f); kept {
				t.Errorf("frame %d of term %d, before the takeover, of another term or without packet, was kept", f.N, f.Term)
			}
		}
	})
	t.Run("HeadWaitsForHoles", func(t *testing.T) {
		r := tape.NewRing(100)
		r.Takeover(tape.Takeover{Term: 1})
		put(t, r, 1, 0, 5)
		put(t, r, 1, 7, 10)
		if r.Head() != 5 || r.Newest() != 10 {
			t.Fatalf("head %d, newest %d; want 5, 10", r.Head(), r.Newest())
		}
		if missing := r.SkipTo(7); missing != 2 || r.Head() != 10 {
			t.Fatalf("skipped %d to head %d; want 2 to 10", missing, r.Head())
		}
		if got := r.AppendPackets(nil, 4, 8); !bytes.Equal(got[1], tape.SilencePacket) || !bytes.Equal(got[3], packet(1, 7)) {
			t.Errorf("a hole is not silence: %q", got)
		}
		put(t, r, 1, 5, 7)
		if r.Missing(0, 10) != 0 {
			t.Error("frames that came after all are not served")
		}
	})
	t.Run("KeepsTheLast", func(t *testing.T) {
		r := tape.NewRing(10)
		r.Takeover(tape.Takeover{Term: 1})
		put(t, r, 1, 0, 35)
		if r.Oldest() != 25 || r.Missing(25, 35) != 0 {
			t.Errorf("oldest %d, missing %d", r.Oldest(), r.Missing(25, 35))
		}
		if _, kept := r.Put(frame(1, 24)); kept {
			t.Error("a frame older than the ring was kept")
		}
		put(t, r, 1, 100, 101)
		if r.Oldest() != 100 || r.Head() != 101 || r.Missing(91, 100) != 9 {
			t.Errorf("after a jump: oldest %d, head %d", r.Oldest(), r.Head())
		}
	})
	t.Run("TakeoverDropsWhatTheOldMakerWentOnSaying", func(t *testing.T) {
		r := tape.NewRing(100)
		r.Takeover(tape.Takeover{Term: 1})
		put(t, r, 1, 0, 30)
		r.Takeover(tape.Takeover{Term: 2, First: 20})
		if r.Head() != 20 || r.Newest() != 20 {
			t.Errorf("head %d, newest %d; want 20, 20", r.Head(), r.Newest())
		}
		if _, kept := r.Put(frame(1, 20)); kept {
			t.Error("the old maker was heard after the takeover")
		}
		put(t, r, 2, 20, 25)
	})
}

// A ring answers with what it was given, whatever the order, the lengths and the holes, and however often it went round.
func TestRingAnswersWithWhatItWasGiven(t *testing.T) {
	const size = 100
	rapid.Check(t, func(t *rapid.T) {
		r := tape.NewRing(size)
		r.Takeover(tape.Takeover{Term: 1, First: -1000})
		given := map[tape.Number][]byte{}
		next := tape.Number(rapid.IntRange(-300, 300).Draw(t, "first"))
		for i := range rapid.IntRange(1, 400).Draw(t, "frames") {
			next += tape.Number(rapid.SampledFrom([]int{1, 1, 1, 1, 2, -3, -40, 60}).Draw(t, "step"))
			p := bytes.Repeat([]byte{byte(i), byte(i >> 8)}, rapid.IntRange(1, 60).Draw(t, "length"))
			if _, kept := r.Put(tape.Frame{N: next, Term: 1, Packet: p}); kept {
				given[next] = p
			}
			span := r.Span()
			got := r.AppendPackets(nil, span.Newest-size-50, span.Newest+50)
			for j, p := range got {
				n := span.Newest - size - 50 + tape.Number(j)
				want, ok := given[n]
				if !ok || n < span.Oldest {
					want = tape.SilencePacket
				}
				if !bytes.Equal(p, want) {
					t.Fatalf("frame %d of %+v: %x, want %x", n, span, p, want)
				}
			}
		}
	})
}

// Two edges that hear two makers in opposite order serve equal bytes: what a ring answers depends on what it heard, not on the order.
func TestRingOrderDoesNotMatter(t *testing.T) {
	type message struct {
		takeover tape.Takeover
		frame    tape.Frame
	}
	rapid.Check(t, func(t *rapid.T) {
		makers := rapid.IntRange(2, 4).Draw(t, "makers")
		var all []message
		first := tape.Number(0)
		for term := tape.Term(1); term <= tape.Term(makers); term++ {
			take := tape.Takeover{Term: term, First: first}
			// A maker who lost his lease goes on for a while before he notices.
			end := first + tape.Number(rapid.IntRange(5, 40).Draw(t, "frames"))
			for n := first; n < end; n++ {
				all = append(all, message{take, frame(term, n)})
			}
			first += tape.Number(rapid.IntRange(0, 30).Draw(t, "next first"))
		}
		hear := func(ms []message) *tape.Ring {
			r := tape.NewRing(400)
			for _, m := range ms {
				r.Takeover(m.takeover) // every message on the bus says which takeover it belongs to
				r.Put(m.frame)
			}
			return r
		}
		a, b := hear(all), hear(rapid.Permutation(all).Draw(t, "order"))
		pa, pb := a.AppendPackets(nil, 0, 200), b.AppendPackets(nil, 0, 200)
		for n := range pa {
			if !bytes.Equal(pa[n], pb[n]) {
				t.Fatalf("frame %d: %q and %q", n, pa[n], pb[n])
			}
		}
	})
}

// Who tries Next first has the same ring as who puts every frame.
func TestNextIsPut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain, quick := tape.NewSparseRing(20, 8), tape.NewSparseRing(20, 8)
		n, term, taken := tape.Number(0), tape.Term(0), 0
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				term++
				o := tape.Takeover{Term: term, First: max(0, n+tape.Number(rapid.IntRange(-6, 2).Draw(t, "first")))}
				plain.Takeover(o)
				quick.Takeover(o)
				n = min(n, o.First)
			case 1:
				to := n + tape.Number(rapid.IntRange(-8, 3).Draw(t, "skip to"))
				if a, b := plain.SkipTo(to), quick.SkipTo(to); a != b {
					t.Fatalf("%d and %d frames are missing before %d", a, b, to)
				}
			case 2:
				f := frame(term, n+tape.Number(rapid.IntRange(-6, 6).Draw(t, "elsewhere")))
				if a, b := plain.Fill(plain.Takeovers(), []tape.Frame{f}), quick.Fill(quick.Takeovers(), []tape.Frame{f}); a != b {
					t.Fatalf("of frame %d that came from elsewhere %d and %d are new", f.N, a, b)
				}
			default:
				n += tape.Number(max(0, rapid.IntRange(-12, 9).Draw(t, "skipped")))
				f := frame(term-tape.Term(rapid.IntRange(0, 1).Draw(t, "late")/int(max(term, 1))), n)
				_, kept := plain.Put(f)
				next := quick.Next(f)
				if next {
					taken++
				}
				_, put := quick.Put(f)
				if kept != (next || put) || next && put {
					t.Fatalf("frame %d of term %d: put %v; next %v, then put %v", f.N, f.Term, kept, next, put)
				}
				n++
			}
			if plain.Span() != quick.Span() {
				t.Fatalf("the rings span %+v and %+v", plain.Span(), quick.Span())
			}
			a, b := plain.AppendFrames(nil, 0, n+20), quick.AppendFrames(nil, 0, n+20)
			if !slices.EqualFunc(a, b, func(a, b tape.Frame) bool { return a.N == b.N && a.Term == b.Term && bytes.Equal(a.Packet, b.Packet) }) {
				t.Fatalf("the rings hold %v and %v", a, b)
			}
			if a, b := plain.Takeovers(), quick.Takeovers(); !slices.Equal(a, b) {
				t.Fatalf("the rings know takeovers %v and %v", a, b)
			}
		}
	})
}

// What was left over from when a variant was made last is gone when it is made again.
func TestSparseRingBeginsAnew(t *testing.T) {
	r := tape.NewSparseRing(300, 100)
	r.Takeover(tape.Takeover{Term: 1})
	if r.Missing(0, 10) != 10 || r.Head() != 0 {
		t.Error("an empty ring has frames")
	}
	put(t, r, 1, 10, 60)
	put(t, r, 1, 150, 152) // 90 are missing: a hole
	if s := r.Span(); s.Oldest != 10 || s.Head != 60 {
		t.Errorf("behind a hole the ring spans %+v", s)
	}
	put(t, r, 1, 252, 254) // 100 are missing
	if s := r.Span(); s.Oldest != 252 || s.Head != 254 || r.Missing(10, 60) != 50 {
		t.Errorf("behind a pause the ring spans %+v", s)
	}
}

func BenchmarkRing(b *testing.B) {
	p := make([]byte, 120)
	put := func(r *tape.Ring, f tape.Frame) { r.Put(f) }
	for name, keep := range map[string]func(*tape.Ring, tape.Frame){"Put": put, "Next": func(r *tape.Ring, f tape.Frame) { r.Next(f) }} {
		b.Run(name, func(b *testing.B) {
			r := tape.NewRing(3000)
			r.Takeover(tape.Takeover{Term: 1})
			put(r, tape.Frame{Term: 1, Packet: p})
			b.ReportAllocs()
			for n := tape.Number(1); b.Loop(); n++ {
				keep(r, tape.Frame{N: n, Term: 1, Packet: p})
			}
		})
	}
}
