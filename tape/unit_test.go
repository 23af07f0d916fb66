package tape_test

import (
	"slices"
	"testing"

	"github.com/epidaurus-live/epidaurus/tape"
)

// Each unit is carried by the frame in which it begins, and by no other.
func TestUnitsLieInTheFramesInWhichTheyBegin(t *testing.T) {
	next := tape.Unit(0)
	for n := tape.Number(0); n < 10*tape.SegmentFrames; n++ {
		if n%tape.SegmentFrames == 0 && next != tape.Unit(n/tape.SegmentFrames*tape.SegmentUnits) {
			t.Fatalf("segment %d begins with unit %d", n/tape.SegmentFrames, next)
		}
		u, ok := n.Unit()
		begins := int64(next) * tape.UnitSamples
		if inside := begins >= n.Samples() && begins < (n+1).Samples(); inside != ok {
			t.Fatalf("frame %d has a unit: %v, but unit %d begins at sample %d", n, ok, next, begins)
		}
		if !ok {
			continue
		}
		if u != next || u.Frame() != n {
			t.Fatalf("frame %d carries unit %d, want %d; unit %d is in frame %d", n, u, next, u, u.Frame())
		}
		next++
	}
	if tape.SegmentUnits != 90 || tape.SegmentUnits*tape.UnitSamples != tape.SegmentFrames*tape.FrameSamples {
		t.Error("a segment is not as long in units as in frames")
	}
}

func TestAppendUnits(t *testing.T) {
	unit := []byte{0, 1, 2, 3, 4}
	packets := [][]byte{unit, tape.NoUnit, tape.SilencePacket, make([]byte, 769), unit}
	got := tape.AppendUnits(nil, 14, packets)
	want := [][]byte{unit, tape.SilentUnit, tape.SilentUnit, unit} // frame 15 has none
	if !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got % x, want % x", got, want)
	}
}
