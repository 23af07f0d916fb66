package plan

import (
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func script(phases ...Phase) Script {
	p := Default()
	p.Phases = phases
	return p.Script()
}

func sec(s float64) Duration { return Duration(s * float64(time.Second)) }

func TestDue(t *testing.T) {
	ramp := script(Phase{Shape: Ramp, Listeners: 10, Over: sec(10)}, Phase{Shape: Hold, Over: sec(5)})
	storm := script(Phase{Shape: Storm, Listeners: 1000, Over: sec(10)})
	steep := script(Phase{Shape: Storm, Listeners: 1000, Over: sec(10), Front: 4})
	steady := script(Phase{Shape: Steady, Rate: 2, Stay: sec(3), Over: sec(10)})
	leave := script(Phase{Shape: Ramp, Listeners: 100, Over: sec(1)}, Phase{Shape: Leave, Listeners: 30, Over: sec(3)}, Phase{Shape: Leave})
	again := script(Phase{Shape: Ramp, Listeners: 100, Over: sec(1)}, Phase{Shape: Reconnect}, Phase{Shape: Hold, Over: sec(1)})
	at := func(s float64) time.Duration { return time.Duration(sec(s)) }
	for _, row := range []struct {
		what   string
		script Script
		act    Act
		at     time.Duration
		want   int
	}{
		{"the first of a ramp comes at once", ramp, Arrive, 0, 1},
		{"nobody comes before the drill", ramp, Arrive, -1, 0},
		{"a ramp is even", ramp, Arrive, at(4.5), 5},
		{"a ramp has an end", ramp, Arrive, at(12), 10},
		{"nobody leaves a ramp", ramp, Depart, at(12), 0},
		{"six in ten of a storm come in its first half", storm, Arrive, at(5), 623},
		{"a storm with more front, nearly nine in ten", steep, Arrive, at(5), 881},
		{"all of a storm come", storm, Arrive, at(10), 1000},
		{"a steady phase has its rate", steady, Arrive, at(4.9), 10},
		{"whoever stays 3 s of it leaves 3 s later", steady, Depart, at(4.9), 4},
		{"those who leave do so evenly", leave, Depart, at(2), 11},
		{"and no more than were asked to", leave, Depart, at(3.99), 30},
		{"then all who are left, at once", leave, Depart, at(4), 100},
		{"all are cut, at once", again, Cut, at(1), 100},
		{"and none before", again, Cut, at(0.999), 0},
	} {
		if got := row.script.Due(row.act, row.at); got != row.want {
			t.Errorf("%s: %d, want %d", row.what, got, row.want)
		}
	}
	if ramp.Duration != 15*time.Second || leave.Peak != 100 || len(leave.Phases) != 3 {
		t.Errorf("%+v, %+v", ramp, leave)
	}
}

func anyPhases(t *rapid.T) []Phase {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Phase {
		f := Phase{Over: Duration(rapid.Int64Range(1, 5e9).Draw(t, "over"))}
		n := rapid.IntRange(1, 300).Draw(t, "n")
		switch f.Shape = rapid.SampledFrom([]Shape{Ramp, Steady, Storm, Hold, Leave, Reconnect}).Draw(t, "shape"); f.Shape {
		case Ramp, Leave, Reconnect:
			f.Listeners = n
		case Storm:
			f.Listeners, f.Front = n, rapid.Float64Range(0, 20).Draw(t, "front")
		case Steady:
			f.Rate, f.Stay = float64(n), Duration(rapid.Int64Range(0, 3e9).Draw(t, "stay"))
		}
		return f
	}), 1, 6).Draw(t, "phases")
}

// Whatever the plan: due never falls, agrees with the time of each act, and shares together are the whole, each act once.
func TestScriptIsOneWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := script(anyPhases(t)...)
		for i := range s.Parts {
			p := &s.Parts[i]
			for k := range p.Count {
				if at := p.At(k); at < p.From || at > p.From+p.Over || p.Due(at) <= k || k > 0 && at < p.At(k-1) {
					t.Fatalf("act %d of %+v is due at %v", k, *p, at)
				}
			}
		}
		of := rapid.IntRange(1, 7).Draw(t, "of")
		seen := map[Moment]int{}
		total := 0
		for share := range of {
			c, last := s.Cursor(share, of), time.Duration(-1)
			for {
				next, more := c.Peek()
				m, ok := c.Next(s.Duration)
				if ok != more || ok && m != next {
					t.Fatalf("%v was next, and %v came", next, m)
				}
				if !ok {
					break
				}
				if m.At < last || m.At >= s.Duration || m.Number%of != share {
					t.Fatalf("share %d of %d has %+v after %v", share, of, m, last)
				}
				last = m.At
				seen[m]++
				total++
			}
		}
		want := 0
		for _, act := range []Act{Arrive, Depart, Cut} {
			want += s.Due(act, s.Duration-1)
		}
		if len(seen) != total || total != want {
			t.Fatalf("%d acts, %d different ones, and %d are due", total, len(seen), want)
		}
	})
}

func TestSources(t *testing.T) {
	p := Default()
	p.SourceCount = 3
	s := p.Spread("127.0.0.0/8").Of(true, false)
	got := []netip.Addr{s.At(0), s.At(1), s.At(2), s.At(3)}
	for i, want := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.1"} {
		if got[i].String() != want {
			t.Errorf("listener %d comes from %s, not %s", i, got[i], want)
		}
	}
	p.Sources = []string{"10.0.0.5", "fd00::/64", "192.0.2.0/30"}
	s = p.Spread("127.0.0.0/8")
	for i, want := range []string{"10.0.0.5", "fd00::1", "192.0.2.1", "10.0.0.5", "fd00::2", "192.0.2.2", "10.0.0.5", "fd00::3", "192.0.2.1"} {
		if got := s.At(i).String(); got != want {
			t.Errorf("listener %d comes from %s, not %s", i, got, want)
		}
	}
	if s.Of(false, true).Len() != 1 || s.Of(true, false).Len() != 2 {
		t.Error("families are not told apart")
	}
	if p = Default(); p.Spread().At(5).IsValid() {
		t.Error("without sources the kernel chooses")
	}
}

func TestSample(t *testing.T) {
	for _, row := range []struct {
		share float64
		want  int
	}{{0, 0}, {0.01, 10}, {0.07, 70}, {0.3, 300}, {1, 1000}} {
		p, n := Plan{Sample: row.share, Rest: Frames}, 0
		for i := range 1000 {
			if _, check := p.Role(i); check == Packets {
				n++
			}
		}
		if n != row.want {
			t.Errorf("%v of 1000: %d", row.share, n)
		}
	}
}

// Shares are exact, the sample is one of those who read well, and nobody is two things.
func TestRoles(t *testing.T) {
	for _, row := range []struct {
		slow, stuck, sample float64
		want                [4]int // of 10,000: slow, stuck, sampled, the others
	}{
		{0, 0, 0.01, [4]int{0, 0, 100, 9900}},
		{0.05, 0.02, 0.01, [4]int{500, 200, 93, 9207}},
		{0.01, 0, 0.01, [4]int{100, 0, 99, 9801}},
		{0, 0.5, 1, [4]int{0, 5000, 5000, 0}},
		{0.4, 0.6, 1, [4]int{4000, 6000, 0, 0}},
		{0.3, 0, 0, [4]int{3000, 0, 0, 7000}},
	} {
		p := Plan{Slow: row.slow, Stuck: row.stuck, Sample: row.sample, Rest: Chunks}
		var got [4]int
		for i := range 10_000 {
			switch manner, check := p.Role(i); {
			case manner == Slow:
				got[0]++
			case manner == Stuck:
				got[1]++
			case check == Packets:
				got[2]++
			default:
				got[3]++
			}
		}
		if got != row.want {
			t.Errorf("%+v: %v", row, got)
		}
	}
	if p := (Plan{Slow: 0.1}); p.Rate() != defaultSlowRate {
		t.Errorf("%d bytes a second", p.Rate())
	}
}
