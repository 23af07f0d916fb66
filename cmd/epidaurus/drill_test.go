package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/goal"
	"github.com/epidaurus-live/epidaurus/drill/plan"
	"github.com/epidaurus-live/epidaurus/drill/result"
)

func drillPlan(t *testing.T, args ...string) (plan.Plan, error) {
	t.Helper()
	var c cli
	_, err := parserFor(t, &c).Parse(append([]string{"drill"}, args...))
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Drill.Run.plan()
	if err == nil {
		err = p.Validate()
	}
	return p, err
}

// Flags make a plan, and are stronger than a file's.
func TestDrillPlan(t *testing.T) {
	p, err := drillPlan(t, "http://localhost:1/r/x", "--listeners", "7", "--ramp", "2s", "--hold", "3s", "--sample", "0")
	if s := p.Script(); err != nil || s.Arrivals != 7 || s.Duration != 5*time.Second || p.Sample != 0 || p.TLS.Mode != plan.TLSNone {
		t.Errorf("%+v, %v", p, err)
	}
	p, err = drillPlan(t, "https://localhost:1/r/x", "--plan", "storm", "--variant", "opus-24", "--rest", "bytes", "--insecure")
	if err != nil || p.Name != "storm" || p.Script().Arrivals != 11_000 || p.Rest != plan.Bytes || p.TLS.Mode != plan.TLSFull ||
		p.Variant != "opus-24" {
		t.Errorf("%+v, %v", p, err)
	}
	file := t.TempDir() + "/mine.toml"
	err = os.WriteFile(file, []byte("target = \"http://localhost:2/r/y\"\nphase = [{shape=\"ramp\", listeners=3, over=\"1s\"}]\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	p, err = drillPlan(t, "run", file, "--kind", "http")
	if err != nil || p.Target != "http://localhost:2/r/y" || p.Kind != plan.HTTP {
		t.Errorf("%+v, %v", p, err)
	}
	for _, row := range []struct {
		args []string
		want string
	}{
		{[]string{"--plan", "tsunami", "http://localhost/r/x"}, "plans that come with the program"},
		{[]string{"--plan", "storm", "--listeners", "5", "http://localhost/r/x"}, "for a drill without a plan"},
		{[]string{"--kind", "webrtc", "http://localhost/r/x"}, `kind: "webrtc"`},
		{nil, "target: "},
	} {
		_, err = drillPlan(t, row.args...)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%q: error %v, want one with %q", row.args, err, row.want)
		}
	}
}

// The exit code says whether goals were met, and whether the run counts.
func TestDrillJudges(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/mpeg")
		_, _ = w.Write(make([]byte, 5000))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer server.Close()
	t.Chdir(t.TempDir())
	drill := func(args ...string) (string, error) {
		var c cli
		quick := []string{"drill", server.URL + "/stream", "--kind=http", "--listeners=5", "--ramp=100ms", "--hold=500ms"}
		parsed, err := parserFor(t, &c).Parse(append(quick, args...))
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		err = parsed.Run(&program{ctx: t.Context(), stdout: &out})
		return out.String(), err
	}
	out, err := drill()
	var r result.Result
	if bad := json.Unmarshal([]byte(out), &r); bad != nil || r.Total().Seated != 5 {
		t.Errorf("%.200s, %v", out, bad)
	}
	if code := exitCode(err); code != exitOK && code != exitInvalid { // a busy machine may make it invalid
		t.Error(err)
	}
	kept, err := filepath.Glob("drills/*")
	if err != nil || len(kept) != 2 || !strings.HasSuffix(kept[0], "Z-http.html") || !strings.HasSuffix(kept[1], "Z-http.json") {
		t.Errorf("kept %q, %v", kept, err)
	}
	if back, err := readResult("drills/" + filepath.Base(kept[1])); err != nil || back.Total().Seated != 5 {
		t.Errorf("%+v, %v", back.Total(), err)
	}
	dir := t.TempDir()
	out, err = drill("--no-keep", "--out", dir+"/r.json", "--html", dir+"/r.html", "--goal", "seated>1000")
	if code := exitCode(err); code != exitFailure && code != exitInvalid || !strings.Contains(out, "seated>1000") {
		t.Errorf("%s, %v", out, err)
	}
	for _, file := range []string{"/r.json", "/r.html"} {
		text, err := os.ReadFile(dir + file)
		if err != nil || len(text) < 1000 {
			t.Errorf("%s: %d bytes, %v", file, len(text), err)
		}
	}
	if again, _ := filepath.Glob("drills/*"); len(again) != len(kept) {
		t.Errorf("kept although it should not: %q", again)
	}
	_, err = drill("--goal", "happiness>9")
	if exitCode(err) != exitUsage {
		t.Errorf("a goal that is none: %v", err)
	}
	abroad := &drillRunCommand{Target: "http://192.0.2.1/r/x", Listeners: 1}
	err = abroad.Run(&program{ctx: t.Context(), stdout: &bytes.Buffer{}})
	if err == nil || !strings.Contains(err.Error(), "--i-own-this-server") {
		t.Errorf("a server of others: %v", err)
	}
}

// Goals that are missed and runs that do not count have codes of their own; who does not count counts for nothing else.
func TestDrillExitCodes(t *testing.T) {
	good := result.Result{Name: "x", Seconds: []result.Second{{At: 1, Due: 5, Seated: 5, Seats: 5}}}
	bad := good
	bad.Invalid = []string{"agent a: used 99 % of its CPU"}
	for _, row := range []struct {
		r    result.Result
		goal string
		want int
	}{
		{good, "seated>=5", exitOK}, {good, "seated>=6", exitFailure}, {good, "gaps=0", exitFailure}, // nobody looked for gaps
		{bad, "seated>=5", exitInvalid}, {bad, "seated>=6", exitInvalid},
	} {
		row.r.Settle()
		goals, err := goal.Parse(row.goal)
		if err != nil {
			t.Fatal(err)
		}
		data := t.TempDir()
		err = (&drillRunCommand{Data: data, Keep: true}).finish(&program{ctx: t.Context(), stdout: io.Discard}, row.r, goals)
		if code := exitCode(err); code != row.want {
			t.Errorf("valid %v, %s: exit %d, want %d", row.r.Valid, row.goal, code, row.want)
		}
		kept, err := drillFiles([]string{data + "/drills"})
		if err != nil || len(kept) != 1 {
			t.Fatalf("kept %q, %v", kept, err)
		}
		if back, err := readResult(kept[0]); err != nil || back.Valid != row.r.Valid || len(back.Goals) != 1 {
			t.Errorf("%+v, %v", back, err)
		}
	}
}

// Whatever a plan is called and however fast drills follow, each result has a file of its own.
func TestKeptNames(t *testing.T) {
	folder := t.TempDir()
	r := result.Result{Name: "../Join Storm\x00 été", Started: time.Date(2026, 11, 26, 20, 0, 0, 0, time.UTC)}
	r.Settle()
	for range 2 {
		file, err := keepResult(folder, r)
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if err != nil || filepath.Dir(file) != folder || !strings.HasPrefix(name, "20261126T200000Z-join-storm") {
			t.Errorf("%q, %v", file, err)
		}
	}
	files, err := filepath.Glob(folder + "/*.json")
	if err != nil || len(files) != 2 {
		t.Errorf("%q, %v", files, err)
	}
	if name := fileName("日本"); name != "drill" {
		t.Errorf("%q", name)
	}
}

// exitCode is what an error ends the program with.
func exitCode(err error) int {
	var code exitError
	switch {
	case errors.As(err, &code):
		return int(code)
	case err != nil:
		return exitFailure
	}
	return exitOK
}
