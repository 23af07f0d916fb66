package tape_test

import (
	"bytes"
	"crypto/sha256"
	"reflect"
	"testing"

	"github.com/epidaurus-live/epidaurus/tape"
)

func aSeal() tape.Seal {
	return tape.Seal{
		Stretch: tape.Stretch{From: 100, To: 192}, Term: 3,
		Sums: []tape.VariantSum{
			{Variant: tape.Opus48, Sum: tape.SumOf(100, [][]byte{[]byte("a")})},
			{Variant: tape.Opus12, Sum: tape.SumOf(100, [][]byte{[]byte("b")})},
		},
		Gaps: []tape.Stretch{{From: 100, To: 101}, {From: 110, To: 192}},
	}
}

// The definition of a sum, spelled out: another program has to come to the same.
func TestSum(t *testing.T) {
	want := sha256.Sum256([]byte("epidaurus seal 1" + "\x00\x00\x00\x00\x00\x00\x01\x02" + "\x00\x03abc" + "\x00\x00" + "\x00\x01d"))
	got := tape.SumOf(258, [][]byte{[]byte("abc"), nil, []byte("d")})
	if !bytes.Equal(got[:], want[:16]) {
		t.Errorf("the sum is %x, want %x", got, want[:16])
	}
	if got == tape.SumOf(258, [][]byte{[]byte("ab"), []byte("c"), []byte("d")}) || got == tape.SumOf(259, [][]byte{[]byte("abc"), nil, []byte("d")}) {
		t.Error("other packets or another place have the same sum")
	}
}

func TestSealComesBack(t *testing.T) {
	s := aSeal()
	got, err := tape.ParseSeal(3, 191, tape.AppendSeal(nil, s))
	if err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("%+v came back as %+v, %v", s, got, err)
	}
	if sum, ok := got.SumOf(tape.Opus12); !ok || sum != s.Sums[1].Sum {
		t.Error("a variant's sum is not found")
	}
	if _, ok := got.SumOf(tape.Opus24); ok {
		t.Error("a variant that is not sealed has a sum")
	}
}

func TestSealsThatAreNone(t *testing.T) {
	change := func(fn func(*tape.Seal)) []byte {
		s := aSeal()
		fn(&s)
		return tape.AppendSeal(nil, s)
	}
	for name, p := range map[string][]byte{
		"Empty":            {},
		"NoFrames":         change(func(s *tape.Seal) { s.From = s.To }),
		"TwoSegments":      change(func(s *tape.Seal) { s.From = 95 }),
		"SameVariantTwice": change(func(s *tape.Seal) { s.Sums[1].Variant = tape.Opus48 }),
		"NamelessVariant":  change(func(s *tape.Seal) { s.Sums[1].Variant = "" }),
		"GapOutside":       change(func(s *tape.Seal) { s.Gaps[1].To = 193 }),
		"EmptyGap":         change(func(s *tape.Seal) { s.Gaps[1].To = s.Gaps[1].From }),
		"GapsInDisorder":   change(func(s *tape.Seal) { s.Gaps[0], s.Gaps[1] = s.Gaps[1], s.Gaps[0] }),
		"Cut":              tape.AppendSeal(nil, aSeal())[:40],
		"Longer":           append(tape.AppendSeal(nil, aSeal()), 0),
	} {
		if s, err := tape.ParseSeal(3, 191, p); err == nil {
			t.Errorf("%s: %+v was taken", name, s)
		}
	}
}

func TestSegmentOf(t *testing.T) {
	for n, want := range map[tape.Number]tape.Number{0: 0, 95: 0, 96: 1, -1: -1, -96: -1, -97: -2} {
		if got := tape.SegmentOf(n); got != want {
			t.Errorf("frame %d is in segment %d, want %d", n, got, want)
		}
	}
}

func FuzzSeal(f *testing.F) {
	f.Add(uint32(3), int64(191), tape.AppendSeal(nil, aSeal()))
	f.Add(uint32(1), int64(95), []byte{96, 0, 0})
	f.Add(uint32(1), int64(-1), []byte{})
	f.Fuzz(func(t *testing.T, term uint32, last int64, p []byte) {
		s, err := tape.ParseSeal(tape.Term(term), tape.Number(last), p)
		if err == nil && !bytes.Equal(tape.AppendSeal(nil, s), p) {
			t.Error("a seal does not come back as it was")
		}
	})
}

// What a maker and each edge pay for a segment of one variant.
func BenchmarkSumOf(b *testing.B) {
	packets := make([][]byte, tape.SegmentFrames)
	for i := range packets {
		packets[i] = make([]byte, 120)
	}
	b.ReportAllocs()
	for b.Loop() {
		tape.SumOf(0, packets)
	}
}
