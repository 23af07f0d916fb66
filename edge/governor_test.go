//go:build linux

package edge

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/epidaurus-live/epidaurus/tape"
)

// seconds lets a governor see the same load for so long.
func (g *governor) seconds(n int, l load) {
	for range n {
		g.observe(l, len(tape.Variants))
	}
}

var (
	calm    = load{cpu: 0.1}
	busy    = load{cpu: 0.95}
	between = load{cpu: 0.5}
)

func TestGovernorLengthensTheCadenceOnly(t *testing.T) {
	for _, tt := range []struct {
		name string
		load load
		want step
	}{
		{"Calm", calm, 0},
		{"Between", between, 0},
		{"Busy", busy, 6},
		{"LateByOurWork", load{cpu: 0.5, late: 150 * time.Millisecond}, 6},
		{"LateByOthersWork", load{cpu: 0.1, late: 150 * time.Millisecond}, 0},
		{"BusyMachine", load{cpu: 0.2, others: 0.79}, 6},
		{"MachineOfOthers", load{cpu: 0.1, others: 0.89}, 0},
		{"FullLine", load{cpu: 0.1, line: 0.99}, 0},
	} {
		g := newGovernor(0, 6)
		g.seconds(300, tt.load)
		if g.step != tt.want {
			t.Errorf("%s: step %d, want %d", tt.name, g.step, tt.want)
		}
	}
}

func TestGovernorReactsInSecondsAndTakesBackInMinutes(t *testing.T) {
	g := newGovernor(0, 6)
	g.seconds(1, busy)
	if g.step != 0 {
		t.Error("one busy second changed the cadence")
	}
	g.seconds(1, busy)
	if g.step != 1 {
		t.Fatalf("step %d after two busy seconds", g.step)
	}
	g.seconds(2, busy)
	if g.step != 1 {
		t.Error("a step was judged before it could show")
	}
	g.seconds(20, calm)
	if g.step != 1 {
		t.Error("relief was taken back within 20 s")
	}
	g.seconds(20, calm)
	if g.step != 0 {
		t.Error("relief was not taken back after 40 s")
	}
}

// Where each step back is too much, steps back become rare.
func TestGovernorLearnsFromRegret(t *testing.T) {
	g := newGovernor(0, 6)
	changes := 0
	for range 3600 {
		before := g.step
		l := calm
		if g.step == 0 {
			l = busy
		}
		g.observe(l, len(tape.Variants))
		if g.step != before {
			changes++
		}
	}
	if changes > 40 {
		t.Errorf("the cadence changed %d times in an hour", changes)
	}
}

func TestGovernorStepsTheVariant(t *testing.T) {
	g := newGovernor(0, 6)
	g.seconds(20, load{line: 0.97, offers: 1000})
	if g.variant != 2 {
		t.Fatalf("a full line carries variant %d", g.variant)
	}
	g.seconds(60, load{line: 0.5, offers: 1000})
	if g.variant != 2 {
		t.Error("twice the bytes would not fit, and the variant rose")
	}
	g.seconds(500, load{line: 0.2, offers: 1000})
	if g.variant != 0 {
		t.Errorf("variant %d on a free line", g.variant)
	}
	g.seconds(20, load{offers: 1000, behind: 0.4})
	if g.variant != 2 {
		t.Errorf("variant %d where seats stay behind", g.variant)
	}
	if g.step != 0 {
		t.Error("a full line changed the cadence")
	}
}

// A few slow listeners in a small house are no full line.
func TestGovernorKnowsAFewListenersFromALine(t *testing.T) {
	g := newGovernor(0, 6)
	g.seconds(60, load{offers: 20, behind: 1})
	if g.variant != 0 {
		t.Errorf("variant %d", g.variant)
	}
}

func TestGovernorStaysInItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shortest := step(rapid.IntRange(0, 6).Draw(t, "shortest"))
		longest := step(rapid.IntRange(int(shortest), 6).Draw(t, "longest"))
		g := newGovernor(shortest, longest)
		for range rapid.IntRange(1, 400).Draw(t, "seconds") {
			before := g
			g.observe(load{
				cpu:    rapid.Float64Range(0, 1.2).Draw(t, "cpu"),
				others: rapid.Float64Range(0, 1).Draw(t, "others"),
				late:   time.Duration(rapid.IntRange(0, 400).Draw(t, "late")) * time.Millisecond,
				line:   rapid.Float64Range(0, 1.2).Draw(t, "line"), behind: rapid.Float64Range(0, 1).Draw(t, "stuck"), offers: 1000,
			}, len(tape.Variants))
			if g.step < shortest || g.step > longest || g.wish < g.step || g.wish > longest || g.variant < 0 || g.variant > 2 {
				t.Fatalf("%+v", g)
			}
			if max(g.step, before.step)-min(g.step, before.step) > 1 {
				t.Fatal("more than one step in a second")
			}
		}
	})
}

func TestMachineCPU(t *testing.T) {
	for _, tt := range []struct {
		stat string
		want time.Duration
	}{
		{"cpu  100 20 30 9999 8888 4 5 700 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n", 1590 * time.Millisecond},
		{"cpu  1 2 x 4 5 6 7\n", 0},
		{"cpu0 1 2 3 4 5 6 7\n", 0},
		{"", 0},
	} {
		if got := parseMachineCPU(tt.stat); got != tt.want {
			t.Errorf("%q: %v, want %v", tt.stat, got, tt.want)
		}
	}
	if machineCPU() == 0 {
		t.Error("this machine does not tell its CPU time")
	}
}

// A line carries more than what seats are sent, and the more the smaller the writes are.
func TestOnTheWire(t *testing.T) {
	for _, row := range []struct {
		writes, sent uint64
		want         float64
	}{{0, 0, 0}, {1, 100, 190}, {10, 1000, 1900}, {1, 2896, 2896 + 3*90}} {
		if got := onTheWire(row.writes, row.sent); got != row.want {
			t.Errorf("%d writes of %d bytes are %v on the wire, want %v", row.writes, row.sent, got, row.want)
		}
	}
}
