package stage

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const packetTime = 20 * time.Millisecond

// arrive lets n packets arrive, but for those that lost says; late is by how much the k-th comes behind its time.
func arrive(r *reception, from, n int, lost func(k int) bool, late func(k int) time.Duration) {
	for k := from; k < from+n; k++ {
		if !lost(k) {
			r.observe(uint16(k), uint32(k*960), time.Duration(k)*packetTime+late(k))
		}
	}
}

func never(int) bool             { return false }
func inTime(int) time.Duration   { return 0 }
func every(n int) func(int) bool { return func(k int) bool { return k%n == 0 } }

func TestReception(t *testing.T) {
	for _, tt := range []struct {
		what   string
		from   int
		lost   func(int) bool
		late   func(int) time.Duration
		loss   float64
		jitter time.Duration
	}{
		{"a good line", 0, never, inTime, 0, 0},
		{"one in ten is lost", 1, every(10), inTime, 0.1, 0},
		{"around the end of the numbers", 65_400, never, inTime, 0, 0},
		{"every second one is 40 ms late", 0, never, func(k int) time.Duration { return time.Duration(k%2) * 40 * time.Millisecond }, 0, 40 * time.Millisecond},
	} {
		var r reception
		arrive(&r, tt.from, 1000, tt.lost, tt.late)
		loss, jitter, ok := r.take()
		if !ok || math.Abs(loss-tt.loss) > 0.01 || (jitter-tt.jitter).Abs() > 2*time.Millisecond {
			t.Errorf("%s: loss %.3f, jitter %v, %v", tt.what, loss, jitter, ok)
		}
	}
}

// Each look says what was lost since the one before; too few packets say nothing, and are not forgotten.
func TestReceptionByLooks(t *testing.T) {
	var r reception
	if _, _, ok := r.take(); ok {
		t.Error("it knows something before the first packet")
	}
	arrive(&r, 0, 100, never, inTime)
	if loss, _, ok := r.take(); !ok || loss != 0 {
		t.Errorf("the first look: %.3f, %v", loss, ok)
	}
	arrive(&r, 100, 100, every(2), inTime)
	if loss, _, ok := r.take(); !ok || math.Abs(loss-0.5) > 0.02 {
		t.Errorf("the second: %.3f, %v", loss, ok)
	}
	arrive(&r, 200, 20, never, inTime)
	if _, _, ok := r.take(); ok {
		t.Error("20 packets are enough")
	}
	arrive(&r, 220, 80, func(k int) bool { return k < 230 }, inTime)
	if loss, _, ok := r.take(); !ok || math.Abs(loss-0.1) > 0.02 {
		t.Errorf("with those of before: %.3f, %v", loss, ok)
	}
	arrive(&r, 40_000, 100, never, inTime) // another sender
	if loss, _, ok := r.take(); !ok || loss != 0 {
		t.Errorf("a sender that began anew: %.3f, %v", loss, ok)
	}
}

// Whatever comes, in whatever order, a share is a share.
func TestReceptionOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r reception
		for range rapid.IntRange(0, 300).Draw(t, "packets") {
			r.observe(rapid.Uint16().Draw(t, "seq"), rapid.Uint32().Draw(t, "ts"), time.Duration(rapid.Int64Range(0, 1e13).Draw(t, "at")))
			if loss, jitter, _ := r.take(); loss < 0 || loss > 1 || jitter < 0 || math.IsNaN(loss) {
				t.Fatalf("loss %v, jitter %v", loss, jitter)
			}
		}
	})
}
