package result

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func durations(t *rapid.T, name string) (h Histogram, n int64) {
	for _, us := range rapid.SliceOfN(rapid.Int64Range(0, 5_000_000), 0, 8).Draw(t, name) {
		h.Record(time.Duration(us) * time.Microsecond)
		n++
	}
	return h, n
}

func counts(t *rapid.T, name string) map[string]int64 {
	m := rapid.MapOfN(rapid.SampledFrom([]string{"busy", "full", "draining"}), rapid.Int64Range(1, 9), 0, 3).Draw(t, name)
	if len(m) == 0 {
		return nil
	}
	return m
}

// part draws what the agent of a name found.
func part(t *rapid.T, name string) Result {
	small := rapid.Int64Range(0, 1000)
	r := Result{
		Name: "storm", Plan: json.RawMessage(`{"n": 3}`), Target: Target{Kind: "epidaurus", URL: "http://x", Network: Loopback},
		Server: Build{Version: rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "version")}, Config: rapid.SampledFrom([]string{"", "a",
			"b"}).Draw(t, "config"),
		Started:   time.Unix(rapid.Int64Range(100, 110).Draw(t, "started"), 0).UTC(),
		Took:      Duration(time.Duration(small.Draw(t, "took")) * time.Second),
		Machines:  []Machine{{Host: rapid.SampledFrom([]string{"h1", "h2"}).Draw(t, "host"), Roles: []string{"generator"}, Cores: 2}},
		Listeners: Listeners{Parsed: small.Draw(t, "parsed"), Counted: small.Draw(t, "counted")},
		Wire:      Wire{SeatMillis: small.Draw(t, "seat"), Bytes: small.Draw(t, "bytes"), Events: small.Draw(t, "events")},
		Agents:    []Agent{{Name: name, Saturated: rapid.Bool().Draw(t, "saturated")}},
		Events:    []Event{{At: small.Draw(t, "event"), What: "storm"}},
		Stopped:   []string{rapid.SampledFrom([]string{"plan ended", "interrupted"}).Draw(t, "stopped")},
	}
	r.FirstSound, _ = durations(t, "first sound")
	r.Away, _ = durations(t, "away")
	r.Crossed, _ = durations(t, "crossed")
	r.Depth = Duration(small.Draw(t, "depth"))
	r.Handshakes = Handshakes{Full: small.Draw(t, "full"), Resumed: small.Draw(t, "resumed")}
	for at := range rapid.Int64Range(0, 4).Draw(t, "seconds") {
		r.Seconds = append(r.Seconds, Second{
			At: 100 + at, Due: small.Draw(t, "due"), Begun: small.Draw(t, "begun"), Seated: small.Draw(t, "seated"), Refused: counts(t, "refused"),
			Failed: counts(t, "failed"), Left: small.Draw(t, "left"), Seats: small.Draw(t, "seats"), Bytes: small.Draw(t,
				"b"), Gaps: small.Draw(t, "gaps"), Away: small.Draw(t, "away"),
		})
	}
	r.Slow = Misbehaved{Due: small.Draw(t, "slow"), Bytes: small.Draw(t, "slow bytes")}
	r.Stuck = Misbehaved{Due: small.Draw(t, "stuck"), Closed: small.Draw(t, "closed")}
	r.Edges = []Edge{{URL: rapid.SampledFrom([]string{"http://a", "http://b"}).Draw(t, "edge"), Seconds: []EdgeSecond{
		{End: time.Unix(100, 0).UTC(), Span: time.Second, Offered: 5, Refused: map[string]int64{"busy": 2}},
	}}}
	r.Servers = []Server{{Host: "h1", PID: 7, Name: "epidaurus",
		Seconds: []Usage{{At: 100, CPU: small.Draw(t, "cpu"), RSS: small.Draw(t, "rss")}}}}
	r.Settle()
	return r
}

func encoded(t rapid.TB, r Result) string {
	var out bytes.Buffer
	err := r.Write(&out)
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func merged(t rapid.TB, a, b Result) Result {
	r, err := Merge(a, b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMergeDoesNotCareForOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := part(t, "a"), part(t, "b"), part(t, "c")
		before := encoded(t, a)
		one, two := encoded(t, merged(t, merged(t, a, b), c)), encoded(t, merged(t, b, merged(t, c, a)))
		if one != two {
			t.Fatalf("two orders, two results:\n%s\n%s", one, two)
		}
		if encoded(t, a) != before {
			t.Fatal("merging changed a part")
		}
		if alone := encoded(t, merged(t, merged(t, a, Result{}), Result{})); alone != encoded(t, merged(t, Result{}, a)) {
			t.Fatal("the empty result is not neutral")
		}
	})
}

// Who merges goes on counting: what is returned must not change with that.
func TestMergeSharesNoCounts(t *testing.T) {
	a := Result{Seconds: []Second{{At: 1, Refused: map[string]int64{"full": 1}, Failed: map[string]int64{"cut": 1}}}}
	all := merged(t, a, Result{Seconds: []Second{{At: 2}}})
	a.Seconds[0].Refused["full"]++
	a.Seconds[0].Failed["cut"]++
	if s := all.Seconds[0]; s.Refused["full"] != 1 || s.Failed["cut"] != 1 {
		t.Errorf("the merged second counts on: %v, %v", s.Refused, s.Failed)
	}
}

func TestMergeAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := part(t, "a"), part(t, "b")
		all := merged(t, a, b)
		x, y, sum := a.Total(), b.Total(), all.Total()
		for _, f := range []struct {
			what    string
			a, b, r int64
		}{
			{"due", x.Due, y.Due, sum.Due},
			{"begun", x.Begun, y.Begun, sum.Begun},
			{"seated", x.Seated, y.Seated, sum.Seated},
			{"refused", x.AllRefused, y.AllRefused, sum.AllRefused},
			{"failed", x.AllFailed, y.AllFailed, sum.AllFailed},
			{"gaps", x.Gaps, y.Gaps, sum.Gaps},
			{"bytes", x.Bytes, y.Bytes, sum.Bytes},
			{"first sounds", a.FirstSound.Count(), b.FirstSound.Count(), all.FirstSound.Count()},
			{"resumed", a.Away.Count(), b.Away.Count(), all.Away.Count()},
			{"moved", a.Crossed.Count(), b.Crossed.Count(), all.Crossed.Count()},
			{"parsed", a.Listeners.Parsed, b.Listeners.Parsed, all.Listeners.Parsed},
			{"wire", a.Wire.Bytes, b.Wire.Bytes, all.Wire.Bytes},
			{"slow", a.Slow.Due, b.Slow.Due, all.Slow.Due},
			{"stuck closed", a.Stuck.Closed, b.Stuck.Closed, all.Stuck.Closed},
			{"handshakes", a.Handshakes.Full, b.Handshakes.Full, all.Handshakes.Full},
			{"agents", int64(len(a.Agents)), int64(len(b.Agents)), int64(len(all.Agents))},
		} {
			if f.a+f.b != f.r {
				t.Fatalf("%s: %d and %d are %d", f.what, f.a, f.b, f.r)
			}
		}
		if all.FirstSound.Max() != max(a.FirstSound.Max(), b.FirstSound.Max()) {
			t.Fatal("the longest first sound was lost")
		}
		if all.Valid && !(a.Valid && b.Valid) {
			t.Fatal("an invalid part became valid")
		}
	})
}

func TestMergeOfOtherDrills(t *testing.T) {
	a := Result{Name: "a", Plan: json.RawMessage(`{"n":1}`), Target: Target{URL: "http://a"}}
	for _, b := range []Result{{Name: "b"}, {Target: Target{URL: "http://b"}}, {Plan: json.RawMessage(`{"n":2}`)}} {
		_, err := Merge(a, b)
		if err == nil {
			t.Errorf("%+v was merged", b)
		}
	}
	same, err := Merge(a, Result{Plan: json.RawMessage(` { "n" : 1 } `)})
	if err != nil || string(same.Plan) != `{"n":1}` {
		t.Errorf("white space is a difference: %s, %v", same.Plan, err)
	}
}

// Two agents on one machine watch the same server: its CPU is not used twice.
func TestMergeCountsAServerOnce(t *testing.T) {
	a := Result{Servers: []Server{{Host: "h", PID: 1, Seconds: []Usage{{At: 1, CPU: 500, RSS: 10}}}}}
	b := Result{Servers: []Server{{Host: "h", PID: 1, Seconds: []Usage{{At: 1, CPU: 490, RSS: 12}}},
		{Host: "g", PID: 1, Seconds: []Usage{{At: 1, CPU: 7, RSS: 3}}}}}
	total := merged(t, a, b).Total()
	if total.ServerCPU != 507 || total.ServerRSS != 15 {
		t.Errorf("%d µs and %d bytes", total.ServerCPU, total.ServerRSS)
	}
}

func TestValidity(t *testing.T) {
	var late Histogram
	late.RecordN(time.Millisecond, 90)
	late.RecordN(time.Second, 10)
	agent := Agent{Name: "a1", Late: late, Share: 0.2}
	agent.Judge()
	if !agent.Saturated || len(agent.Reasons) != 1 || !strings.Contains(agent.Reasons[0], "behind the plan") {
		t.Fatalf("saturated %v, %q", agent.Saturated, agent.Reasons)
	}
	r := Result{Agents: []Agent{agent}, Server: Build{Version: "1.2", Revision: "abc"}, Config: "f"}
	r.Settle()
	r.Settle()
	if r.Valid || len(r.Invalid) != 1 {
		t.Errorf("valid %v, %q", r.Valid, r.Invalid)
	}
	if r.Expired("1.2 (abc)", "f") || !r.Expired("1.3 (abc)", "f") || !r.Expired("1.2 (abc)", "g") {
		t.Error("it expires at the wrong time")
	}
}

func TestHistogram(t *testing.T) {
	var h Histogram
	h.RecordN(100*time.Millisecond, 985)
	h.RecordN(2*time.Second, 15)
	h.Record(-time.Second)
	h.Record(48 * time.Hour)
	for _, f := range []struct {
		what      string
		got, want time.Duration
	}{
		{"p50", h.Quantile(0.5), 100 * time.Millisecond},
		{"p99", h.Quantile(0.99), 2 * time.Second},
		{"max", h.Max(), time.Hour},
	} {
		if f.got < f.want || f.got > f.want+f.want/500 {
			t.Errorf("%s is %v, not %v", f.what, f.got, f.want)
		}
	}
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var back Histogram
	err = json.Unmarshal(text, &back)
	if err != nil || !reflect.DeepEqual(back.Bars(), h.Bars()) || back.Count() != 1002 {
		t.Errorf("it came back as %v, %v", back.Bars(), err)
	}
	for _, bad := range []string{`{"count":1}`, `{"hdr":"AAAA"}`, `{"hdr":"x"}`, `[]`} {
		err = json.Unmarshal([]byte(bad), &back)
		if err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

func TestCPUPerSeat(t *testing.T) {
	r := Result{
		Seconds: []Second{{At: 1, Seats: 0}, {At: 2, Seats: 1000}, {At: 3, Seats: 3000}},
		Servers: []Server{{PID: 1, Seconds: []Usage{{At: 1, CPU: 9e6}, {At: 2, CPU: 10_000}, {At: 3, CPU: 20_000}}},
			{PID: 2, Seconds: []Usage{{At: 3, CPU: 10_000}}}},
	}
	if got := r.CPUPerSeat(); got != 10 {
		t.Errorf("%v µs, not 10", got)
	}
}

func FuzzRead(f *testing.F) {
	r := Result{Name: "x", Seconds: []Second{{At: 1, Due: 2, Refused: map[string]int64{"busy": 1}}}}
	r.FirstSound.Record(time.Millisecond)
	r.Settle()
	f.Add([]byte(encoded(f, r)))
	f.Add([]byte(`{"format":1,"valid":true,"first_sound":{"hdr":"HISTFAAAAA"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		again, err := Read(strings.NewReader(encoded(t, got)))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if encoded(t, again) != encoded(t, got) {
			t.Fatal("it changed on the way")
		}
	})
}
