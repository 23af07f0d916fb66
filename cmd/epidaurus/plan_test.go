package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/capacity"
	"github.com/epidaurus-live/epidaurus/drill/result"
)

func runPlan(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var c cli
	_, err := parserFor(t, &c).Parse(append([]string{"plan"}, args...))
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = c.Plan.Run(&program{ctx: t.Context(), stdout: &out})
	return out.String(), err
}

func TestPlan(t *testing.T) {
	out, err := runPlan(t, "--listeners", "1e6", "--data", t.TempDir())
	if err != nil || !strings.Contains(out, "measured on the development machine") || !strings.Contains(out, "6 machines") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = runPlan(t, "--listeners", "1M", "--json", "--data", t.TempDir())
	var need capacity.Need
	if err == nil {
		err = json.Unmarshal([]byte(out), &need)
	}
	if err != nil || need.Machines != 6 || len(need.Lines) < 10 {
		t.Errorf("%v: %+v", err, need)
	}
}

// The newest result of the data folder is what counts.
func TestPlanByDrill(t *testing.T) {
	data := t.TempDir()
	folder := filepath.Join(data, "drills")
	err := os.Mkdir(folder, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"new", "old"} {
		r := result.Result{
			Name: name, Seconds: []result.Second{{At: 1, Seats: 1000}},
			Servers: []result.Server{{Seconds: []result.Usage{{At: 1, CPU: 20_000, RSS: 1e6}}}},
		}
		r.Settle()
		file := filepath.Join(folder, name+".json")
		var text bytes.Buffer
		err = r.Write(&text)
		if err == nil {
			err = os.WriteFile(file, text.Bytes(), 0o600)
		}
		at := time.Unix(1795700000-int64(i)*1000, 0)
		if err == nil {
			err = os.Chtimes(file, at, at)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	out, err := runPlan(t, "--listeners", "1e6", "--data", data)
	if err != nil || !strings.Contains(out, `drill "new"`) || !strings.Contains(out, "20 µs") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = runPlan(t, "--listeners", "1e6", "--drill", filepath.Join(folder, "old.json"))
	if err != nil || !strings.Contains(out, `drill "old"`) {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestPlanErrors(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.json")
	err := os.WriteFile(bad, []byte("{"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ flags, want string }{
		{"", `"" is no number of listeners`},
		{"--listeners many", `listeners: "many" is no number of listeners: write one such as 1e6`},
		{"--listeners 0", "0 is no audience"},
		{"--listeners 1 --bitrate 24", "write 6k to 512k"},
		{"--listeners 1 --cadence 1s", "write one of 240ms"},
		{"--listeners 1 --drill /nowhere.json", "drill: open /nowhere.json"},
		{"--listeners 1 --drill " + bad, "bad.json: not a drill's result"},
	} {
		_, err := runPlan(t, strings.Fields(row.flags)...)
		if err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%q: error %v, want one with %q", row.flags, err, row.want)
		}
	}
}
