package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/goal"
	"github.com/epidaurus-live/epidaurus/drill/result"
)

var (
	update = flag.Bool("update", false, "write testdata anew")
	pages  = flag.String("pages", "", "write the pages of the tests to this folder, to look at them")
)

// storm is a made-up join storm: 30,000 in three seconds into two processes while 1,000 already listen.
func storm() result.Result {
	random := rand.New(rand.NewPCG(1, 2))
	r := result.Result{
		Name:   "Join storm of a scheduled start",
		Plan:   json.RawMessage(`{"name":"storm","arrivals":[{"shape":"burst","listeners":30000,"over":"3s"}]}`),
		Target: result.Target{Kind: "epidaurus", URL: "http://127.0.0.1:8080/r/first-room", Network: result.Loopback, TLS: "none"},
		Server: result.Build{Program: "epidaurus", Version: "v0.3.0", Revision: "c68c3e2"}, Config: "sha256:4b1f0c2a",
		Commands: []string{"epidaurus drill storm.toml --goal 'gaps=0,first_sound_p99<1s,refused<1%,cpu_per_seat<20us'"},
		Started:  time.Unix(1795700000, 0).UTC(), Took: result.Duration(72 * time.Second),
		Machines: []result.Machine{{Host: "epi-1", Roles: []string{"generator", "server"}, Cores: 2, Memory: 24 << 30, Kernel: "6.18",
			CPU: "AMD EPYC"}},
		Listeners: result.Listeners{Parsed: 31_000},
		Events:    []result.Event{{At: 1795700020, What: "the doors open: 30,000 in 3 s"}, {At: 1795700060, What: "2,000 leave"}},
		Stopped:   []string{"the plan ended"},
	}
	seats, gone := int64(0), 0.0
	servers := []result.Server{{Host: "epi-1", PID: 4711, Name: "epidaurus"}, {Host: "epi-1", PID: 4712, Name: "epidaurus"}}
	for i := range int64(72) {
		s := result.Second{At: 1795700000 + i}
		switch {
		case i < 4:
			s.Due, s.Begun, s.Seated = 250, 250, 250
		case i >= 20 && i < 23:
			s.Due, s.Begun, s.Seated = 10_000, 9_900+int64(random.IntN(100)), 9_400+50*(i-20)
			s.Refused = map[string]int64{"busy": 40 + 10*(i-20)}
		case i == 23:
			s.Begun, s.Seated = 150, 1_650-8
			s.Refused = map[string]int64{"busy": 12, "full": 3}
			s.Failed = map[string]int64{"connect": 5}
		case i >= 60 && i < 62:
			s.Left = 1000
		}
		seats += s.Seated - s.Left
		s.Seats, s.Frames, s.Bytes = seats, 50*seats, 3300*seats+20_000*s.Seated
		r.Seconds = append(r.Seconds, s)
		gone += float64(seats)
		for k := range servers {
			cpu := 4e-6*float64(seats) + 22e-6*float64(s.Seated) + 0.01*random.Float64()
			servers[k].Seconds = append(servers[k].Seconds, result.Usage{At: s.At, CPU: int64(cpu * 1e6), RSS: 60e6 + 700*seats/2 + int64(k)*4e6})
		}
		r.Wire.Bytes += s.Bytes
	}
	r.Servers = servers
	r.Edges = storms(r.Seconds)
	r.Wire.SeatMillis, r.Wire.Events, r.Wire.Heads, r.Wire.Bursts = int64(gone*1000), int64(gone*14), int64(gone*9), int64(gone*210)
	for range 31_000 {
		r.FirstSound.Record(time.Duration(90e6 * math.Exp(0.75*random.NormFloat64())))
	}
	agent := result.Agent{Name: "a1", Host: "epi-1", Share: 0.61}
	agent.Late.RecordN(3*time.Millisecond, 1000)
	agent.Lag.RecordN(8*time.Millisecond, 1000)
	agent.Judge()
	r.Agents = []result.Agent{agent}
	goals, err := goal.Parse("gaps=0,first_sound_p99<1s,refused<1%,stalls=0,cpu_per_seat<20us,joins_per_second>10000")
	if err != nil {
		panic(err)
	}
	r.Settle()
	r.Goals = goal.Judge(r, goals)
	r.Projections = []result.Projection{{
		Figure: "server CPU", Unit: "cores", Kind: result.Extrapolated, From: 31_000, Measured: 0.31, To: 1_000_000, Value: 10.1,
		Assumptions: []string{"CPU grows as seats do, at the same cadence",
			"the network card costs nothing: the measured network was loopback"},
	}}
	return r
}

// storms is what two edges would have counted.
func storms(seconds []result.Second) []result.Edge {
	edges := []result.Edge{{URL: "http://127.0.0.1:8082"}, {URL: "http://127.0.0.1:9082"}}
	for i, s := range seconds {
		for k := range edges {
			e := result.EdgeSecond{
				End: time.Unix(s.At+1, int64(k)*1e8).UTC(), Span: time.Second, Offered: (s.Begun + s.Refused["busy"]) / 2,
				Seated: s.Seated / 2, Seats: s.Seats / 2, BytesOut: s.Bytes / 2, WorstLate: time.Duration(1+(i*7+k)%5) * time.Millisecond,
			}
			if n := s.Refused["busy"] / 2; n > 0 {
				e.Refused, e.WorstLate = map[string]int64{"busy": n}, 40*time.Millisecond
			}
			edges[k].Seconds = append(edges[k].Seconds, e)
		}
	}
	return edges
}

// broken is a drill in which everything went wrong.
func broken() result.Result {
	r := storm()
	r.Name = "Reconnect storm, TLS"
	r.Target.TLS = "full"
	r.Listeners = result.Listeners{Parsed: 500, Counted: 30_500}
	r.Handshakes = result.Handshakes{Full: 30_000, Resumed: 1200}
	r.Handshakes.Took.RecordN(30*time.Millisecond, 31_200)
	for i := range r.Seconds {
		if i >= 24 && i < 30 {
			r.Seconds[i].Gaps, r.Seconds[i].Stalls, r.Seconds[i].Silent, r.Seconds[i].Cuts = int64(40*(i-23)), int64(30-i), 12, 100
		}
	}
	for i := range 9 {
		s := r.Servers[0]
		s.PID = 5000 + i
		r.Servers = append(r.Servers, s)
	}
	r.Agents[0].Late.RecordN(800*time.Millisecond, 100)
	r.Agents[0].Share = 0.99
	r.Agents[0].Judge()
	r.Slow = result.Misbehaved{Due: 500, Seated: 498, Failed: 2, Bytes: 1_200_000}
	r.Stuck = result.Misbehaved{Due: 200, Seated: 190, Refused: 10, Closed: 190, Bytes: 97_000}
	r.Stopped = []string{"arrivals stopped: the generator could not keep up", "interrupted"}
	r.Settle()
	goals, err := goal.Parse("gaps=0,stalls=0,lost=0,handshake_p99<50ms")
	if err != nil {
		panic(err)
	}
	r.Goals = goal.Judge(r, goals)
	return r
}

func cases() map[string]result.Result {
	return map[string]result.Result{"storm": storm(), "broken": broken(), "empty": {}}
}

func written(t testing.TB, r result.Result) string {
	t.Helper()
	var out bytes.Buffer
	err := Write(&out, r)
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

var (
	styles  = regexp.MustCompile(`(?s)<style>.*?</style>`)
	drawing = regexp.MustCompile(`(<path[^>]*?) d="[^"]*"( stroke-dasharray="[^"]*")?`)
	arcs    = regexp.MustCompile(`(<path class="(?:lit|free|away)"/>)+`)
	places  = regexp.MustCompile(` style="(?:left|top):[^"]*"`)
)

// structure is what a page says and of what it is made, without the geometry of its plots.
func structure(page string) string {
	s := styles.ReplaceAllString(page, "<style/>")
	s = drawing.ReplaceAllString(s, "$1")
	s = arcs.ReplaceAllString(s, "<arcs/>")
	s = places.ReplaceAllString(s, "")
	return strings.ReplaceAll(s, "><", ">\n<")
}

func TestPage(t *testing.T) {
	for name, r := range cases() {
		t.Run(name, func(t *testing.T) {
			page := written(t, r)
			if *pages != "" {
				err := os.WriteFile(filepath.Join(*pages, name+".html"), []byte(page), 0o644)
				if err != nil {
					t.Fatal(err)
				}
			}
			golden(t, "testdata/"+name+".golden", structure(page))
			var text bytes.Buffer
			err := Text(&text, r)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "testdata/"+name+".txt", text.String())
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		err := os.WriteFile(file, []byte(got), 0o644)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) == got {
		return
	}
	a, b := strings.Split(string(want), "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Fatalf("%s, line %d: was %q and is %q; if that is meant: go test ./drill/report -update", file, i+1, a[i], b[i])
		}
	}
	t.Fatalf("%s: %d lines, now %d", file, len(a), len(b))
}

// Nothing is fetched, and nothing runs.
func TestPageIsSelfContained(t *testing.T) {
	for name, r := range cases() {
		page := written(t, r)
		for _, outside := range []string{"<script", "src=", "@import", "url(", "<link rel=\"stylesheet", "<iframe", "ZgotmplZ"} {
			if strings.Contains(page, outside) {
				t.Errorf("%s: the page has %q", name, outside)
			}
		}
		for _, href := range regexp.MustCompile(`href="[^"]*`).FindAllString(page, -1) {
			if !strings.HasPrefix(href, `href="data:`) {
				t.Errorf("%s: the page refers to %s", name, href)
			}
		}
	}
}

// A room's title, a server's version and a process's name are what a stranger wrote.
func TestHostileResult(t *testing.T) {
	const evil = "</style></svg></title><script>alert(1)</script><img src=x onerror=alert(1)>" +
		"\"'`onload=alert(1) javascript:alert(1) {{.}}\x1b[2J\u202e"
	r := broken()
	r.Name, r.Config = evil, evil
	r.Target = result.Target{Kind: evil, URL: "javascript:" + evil, Network: evil, TLS: evil}
	r.Server = result.Build{Program: evil, Version: evil}
	r.Commands, r.Stopped, r.Notes, r.Invalid = []string{evil}, []string{evil}, []string{evil}, []string{evil}
	r.Machines = []result.Machine{{Host: evil, Roles: []string{evil}, Kernel: evil, CPU: evil}}
	r.Events[0].What, r.Servers[0].Name, r.Agents[0].Name = evil, evil, evil
	r.Seconds[3].Refused = map[string]int64{evil: 9}
	r.Seconds[3].Failed = map[string]int64{evil: 9}
	r.Plan, _ = json.Marshal(map[string]string{"x": evil})
	r.Projections[0].Figure, r.Projections[0].Unit, r.Projections[0].Kind, r.Projections[0].Assumptions = evil, evil, evil, []string{evil}
	r.Goals = []result.Verdict{{Goal: evil, Unit: evil, Why: evil}}
	page := written(t, r)
	if strings.Count(page, "</style>") != 1 {
		t.Error("the style can be ended from outside")
	}
	for _, tag := range []string{"<script", "<img", "<iframe"} {
		if strings.Contains(page, tag) {
			t.Errorf("a result can write %s", tag)
		}
	}
	// In an attribute, a quote would end it.
	for _, attribute := range regexp.MustCompile(`aria-label="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if strings.ContainsAny(attribute[1], "<>") {
			t.Errorf("an attribute holds %q", attribute[1])
		}
	}
	var text bytes.Buffer
	err := Text(&text, r)
	if err != nil || strings.ContainsAny(text.String(), "\x1b\u202e") {
		t.Errorf("a terminal can be moved: %v", err)
	}
}

// A result may have any seconds at all.
func TestStrangeTimes(t *testing.T) {
	for _, ats := range [][]int64{{0}, {5, 5}, {9, 3}, {math.MinInt64, math.MaxInt64}, {0, math.MaxInt64}, {1, 86_400 * 7}} {
		r := result.Result{Events: []result.Event{{At: math.MaxInt64}, {At: math.MinInt64}},
			Servers: []result.Server{{Seconds: []result.Usage{{At: 7}}}}}
		for _, at := range ats {
			r.Seconds = append(r.Seconds, result.Second{At: at, Due: 1, Seated: 5, Bytes: math.MaxInt64})
		}
		page := written(t, r)
		if strings.Contains(page, "NaN") || strings.Contains(page, "Inf") || len(page) > 1<<20 {
			t.Errorf("%v: the page cannot be drawn (%d bytes)", ats, len(page))
		}
	}
}

func TestTheatre(t *testing.T) {
	_, marks := banks()
	for _, row := range []struct {
		due, seated, away int64
		lit, back         int
	}{
		{1000, 1000, 0, marks, 0},
		{1_000_000, 999_999, 1, marks - 1, 1},
		{1_000_000, 1, 1, 1, 1},
		{0, 0, 0, 0, 0},
		{10, 50, 50, marks, 0},
	} {
		arcs, _ := theatre(row.due, row.seated, row.away)
		lit, back := marksOf(row.seated, max(row.due, 1), marks), 0
		if lit != row.lit {
			t.Errorf("%+v: %d marks are lit", row, lit)
		}
		for _, a := range arcs {
			if a.Class == "away" {
				back++
			}
		}
		if (back > 0) != (row.back > 0) {
			t.Errorf("%+v: %d arcs are turned away", row, back)
		}
	}
}

func TestFormats(t *testing.T) {
	for _, row := range [][2]string{
		{count(0), "0"}, {count(1234567), "1,234,567"}, {count(-1000), "−1,000"}, {short(1500), "1.5k"}, {short(30_000), "30k"},
		{size(2345), "2.35 kB"}, {size(6.7e9), "6.7 GB"}, {span(412345 * time.Microsecond), "412 ms"}, {span(1500 * time.Millisecond), "1.5 s"},
		{share(1, 1_000_000), "< 0.01 %"}, {share(999_999, 1_000_000), "> 99.99 %"}, {share(1, 3), "33.33 %"}, {share(0, 0), "–"},
		{figure(20, "us"), "20 µs"}, {figure(0.5, "%"), "0.5 %"}, {trim(1234.5), "1234"}, {trim(0.012345), "0.0123"}, {clock(150), "2:30"},
		{fmt.Sprint(plural(1, "cut", "cuts"), plural(2, "cut", "cuts")), "1 cut2 cuts"},
	} {
		if row[0] != row[1] {
			t.Errorf("%q, want %q", row[0], row[1])
		}
	}
}

// The axis reaches over what it shows, by few steps.
func TestScale(t *testing.T) {
	for _, top := range []float64{0, 0.001, 1, 3, 7, 9600, 31_000, 999_999, math.Inf(1), math.NaN()} {
		end, ticks := scale(top, short)
		if end < top && !math.IsInf(top, 1) || len(ticks) < 3 || len(ticks) > 8 {
			t.Errorf("%v: to %v with %d ticks", top, end, len(ticks))
		}
	}
}
