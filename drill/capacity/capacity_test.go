package capacity

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/epidaurus-live/epidaurus/drill/result"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
)

func million() Ask {
	return Ask{
		Listeners: 1_000_000, Bitrate: 24_000, Hours: 2, Cadence: 3840 * time.Millisecond, Cores: 16, Memory: 32e9, Line: 10e9, Headroom: 0.4,
	}
}

func line(t rapid.TB, n Need, name string) Line {
	t.Helper()
	for _, l := range n.Lines {
		if l.Name == name {
			return l
		}
	}
	t.Fatalf("there is no line %q", name)
	return Line{}
}

// The whole sheet for a million by the baseline, as a person would do it by hand.
func TestCompute(t *testing.T) {
	n, err := Compute(million(), Baseline())
	if err != nil {
		t.Fatal(err)
	}
	const write = 24_000/8*3.84 + 96 + 4*192 + 10
	for _, row := range []struct {
		name  string
		value float64
		unit  string
		kind  result.Kind
	}{
		{"bytes of a write", write, "B", result.Modelled},
		{"on the line, each listener", (write + 9*90) / 3.84, "B/s", result.Modelled},
		{"line", (write + 9*90) / 3.84 * 8e6, "bit/s", result.Modelled},
		{"traffic", (write + 9*90) / 3.84 * 1e6 * 7200, "B", result.Modelled},
		{"writes", 1e6 / 3.84, "1/s", result.Modelled},
		{"CPU of a write", 7.7 + 0.84*write/1000, "µs", result.Modelled},
		{"cores at work", 1 / 3.84 * (7.7 + 0.84*write/1000), "cores", result.Extrapolated},
		{"memory", 1e6 * (480 + 5000 + write*0.2/3.84), "B", result.Extrapolated},
		{"machines by the line", (write + 9*90) / 3.84 * 8e6 / 6e9, "machines", result.Extrapolated},
		{"machines", 6, "machines", result.Extrapolated},
	} {
		l := line(t, n, row.name)
		if math.Abs(l.Value-row.value) > row.value/500 || l.Unit != row.unit || l.Kind != row.kind {
			t.Errorf("%s: %v %s %s, want %v %s %s (%s)", row.name, l.Value, l.Unit, l.Kind, row.value, row.unit, row.kind, l.Formula)
		}
	}
	if n.Machines != 6 || n.Limit != "the line" {
		t.Errorf("%d machines by %s", n.Machines, n.Limit)
	}
}

// drilled is 10,000 listeners at 0.96 s, 10 µs each, 1 KB of memory each.
func drilled() result.Result {
	r := result.Result{
		Name: "steady", Target: result.Target{Network: result.Loopback}, Cadence: result.Duration(960 * time.Millisecond),
		Started: time.Unix(1795700000, 0), Wire: result.Wire{SeatMillis: 1000, Bytes: 3200},
		Seconds: []result.Second{{At: 1}, {At: 2, Seats: 10_000}},
		Servers: []result.Server{{Seconds: []result.Usage{{At: 1, RSS: 50e6}, {At: 2, CPU: 100_000, RSS: 60e6}}}},
	}
	r.Settle()
	return r
}

func TestFromDrill(t *testing.T) {
	c, err := FromDrill(drilled(), "steady.json")
	if err != nil {
		t.Fatal(err)
	}
	if c.PerSecond != 10*time.Microsecond || c.Seat != 1000 || c.Listeners != 10_000 || !strings.Contains(c.Source, "loopback, no NIC") {
		t.Errorf("%+v", c)
	}
	a := million()
	a.Cadence = 960 * time.Millisecond
	n, err := Compute(a, c)
	if err != nil {
		t.Fatal(err)
	}
	// The same cadence and about the same bytes: what was measured, a hundred times.
	if cores := line(t, n, "cores at work"); math.Abs(cores.Value-10) > 0.3 || cores.Kind != result.Extrapolated {
		t.Errorf("%+v", cores)
	}
	if line(t, n, "CPU of a listener-second, in the drill").Kind != result.Measured {
		t.Error("what was measured is not called so")
	}
	a.Cadence = 3840 * time.Millisecond
	slower, err := Compute(a, c)
	if err != nil {
		t.Fatal(err)
	}
	if was, is := line(t, n, "cores at work").Value, line(t, slower, "cores at work").Value; is > was*0.6 || is < was/4 {
		t.Errorf("%v cores at 0.96 s, %v at 3.84 s", was, is)
	}
	a.Listeners = 9000
	fewer, err := Compute(a, c)
	if err != nil || line(t, fewer, "cores at work").Kind != result.Modelled {
		t.Errorf("fewer than measured is extrapolated (%v)", err)
	}
}

func TestFromDrillErrors(t *testing.T) {
	unwatched := drilled()
	unwatched.Servers = nil
	_, err := FromDrill(unwatched, "x.json")
	if !errors.Is(err, ErrNothingMeasured) {
		t.Errorf("error %v", err)
	}
	invalid := drilled()
	invalid.Invalid = []string{"saturated"}
	invalid.Settle()
	_, err = FromDrill(invalid, "x.json")
	if err == nil || !strings.Contains(err.Error(), "x.json is of an invalid run") {
		t.Errorf("error %v", err)
	}
}

// More of anything never needs less.
func TestMoreNeedsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := million()
		a.Listeners = rapid.Int64Range(1, 10_000_000).Draw(t, "listeners")
		a.Cadence = rapid.SampledFrom(Cadences()).Draw(t, "cadence")
		a.TLS = rapid.Bool().Draw(t, "tls")
		b := a
		b.Listeners += rapid.Int64Range(0, 1_000_000).Draw(t, "more")
		b.Bitrate += rapid.Float64Range(0, 100_000).Draw(t, "bits")
		one, err := Compute(a, Baseline())
		if err != nil {
			t.Fatal(err)
		}
		two, err := Compute(b, Baseline())
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"line", "traffic", "cores at work", "memory", "machines"} {
			if line(t, two, name).Value < line(t, one, name).Value*0.999999 {
				t.Fatalf("%s: %v for more, %v for less", name, line(t, two, name).Value, line(t, one, name).Value)
			}
		}
	})
}

func TestAskErrors(t *testing.T) {
	for _, row := range []struct {
		change func(*Ask)
		want   string
	}{
		{func(a *Ask) { a.Listeners = 0 }, "listeners: 0 is no audience"},
		{func(a *Ask) { a.Bitrate = 24 }, "write 6k to 512k"},
		{func(a *Ask) { a.Bitrate = math.NaN() }, "is no bitrate"},
		{func(a *Ask) { a.Hours = -1 }, "hours: -1 is no length"},
		{func(a *Ask) { a.Cadence = time.Second }, "write one of 240ms, 480ms, 960ms, 1.92s, 3.84s, 7.68s, 15.36s"},
		{func(a *Ask) { a.Cores = 0 }, "cores: 0"},
		{func(a *Ask) { a.Memory = 1 }, "memory: 1 bytes"},
		{func(a *Ask) { a.Line = 10 }, "line: 10 bit/s"},
		{func(a *Ask) { a.Headroom = 1 }, "headroom: 1"},
	} {
		a := million()
		row.change(&a)
		_, err := Compute(a, Baseline())
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("error %v, want one with %q", err, row.want)
		}
	}
}

func TestParse(t *testing.T) {
	count := func(s string) (float64, error) { n, err := ParseCount(s); return float64(n), err }
	for _, row := range []struct {
		parse func(string) (float64, error)
		text  string
		want  float64 // -1: an error
	}{
		{count, "1e6", 1e6}, {count, "300k", 3e5}, {count, "1M", 1e6}, {count, "42", 42}, {count, "1.5", -1}, {count, "many", -1}, {count,
			"-1", -1}, {count, "1e99", -1},
		{ParseBits, "24k", 24e3}, {ParseBits, "10Gbit", 1e10}, {ParseBits, "2.5gbit/s", 2.5e9}, {ParseBits, "10Gbps", 1e10}, {ParseBits,
			"fast", -1}, {ParseBits, "", -1},
		{ParseBytes, "32GB", 32e9}, {ParseBytes, "1GiB", 1 << 30}, {ParseBytes, "x", -1},
		{ParseShare, "40%", 0.4}, {ParseShare, "0.25", 0.25}, {ParseShare, "NaN", -1},
	} {
		got, err := row.parse(row.text)
		if (err != nil) != (row.want < 0) || err == nil && math.Abs(got-row.want) > 1e-9*row.want {
			t.Errorf("%q: %v, %v; want %v", row.text, got, err, row.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("1e6")
	f.Add("10Gbit/s")
	f.Add("40%")
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range []func(string) (float64, error){ParseBits, ParseBytes, ParseShare} {
			v, err := parse(text)
			if err == nil && !(v >= 0 && !math.IsInf(v, 0)) {
				t.Fatalf("%q is %v", text, v)
			}
		}
		n, err := ParseCount(text)
		if err == nil && n < 0 {
			t.Fatalf("%q is %d", text, n)
		}
	})
}

// What is around the sound is what the packer writes.
func TestFragmentsAreAsLarge(t *testing.T) {
	for _, cadence := range Cadences() {
		packets := make([][]byte, cadence/frame)
		for i := range packets {
			packets[i] = make([]byte, 60)
		}
		got := len(fmp4.AppendFragment(nil, 1, packets, nil))
		if want := fragmentHead + (fragmentFrame+60)*len(packets); got != want {
			t.Errorf("%v: %d bytes, not %d", cadence, got, want)
		}
	}
}

func TestText(t *testing.T) {
	n, err := Compute(million(), Baseline())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = n.Text(&out, million())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"1,000,000 listeners, 24 kbit/s, 2 h, cadence 3.84s, plain", "measured on the development machine", "extrapolated", "modelled",
		"24,000 bit/s ÷ 8 × 3.84s + 874 B around 192 frames", "6 machines, one of them to spare; the line decides.",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}
