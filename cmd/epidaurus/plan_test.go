package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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

// keptDrill writes a result into a folder as of so many seconds ago.
func keptDrill(t *testing.T, folder, name string, ago int, change func(*result.Result)) {
	t.Helper()
	r := result.Result{
		Name: name, Seconds: []result.Second{{At: 1, Seats: 1000}},
		Servers: []result.Server{{Seconds: []result.Usage{{At: 1, CPU: 20_000, RSS: 1e6}}}},
		Server:  result.Build{Program: "epidaurus", Version: presentBuild("").build},
	}
	if change != nil {
		change(&r)
	}
	r.Settle()
	var text bytes.Buffer
	err := errors.Join(r.Write(&text), os.MkdirAll(folder, 0o700))
	file := filepath.Join(folder, name+".json")
	if err == nil {
		err = os.WriteFile(file, text.Bytes(), 0o600)
	}
	at := time.Unix(1795700000-int64(ago), 0)
	if err == nil {
		err = os.Chtimes(file, at, at)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The newest result is what counts, of those that still say something about this build.
func TestPlanByDrill(t *testing.T) {
	t.Chdir(t.TempDir())
	data := t.TempDir()
	folder := filepath.Join(data, "drills")
	keptDrill(t, folder, "old", 1000, nil)
	keptDrill(t, "drills", "new", 500, nil)
	keptDrill(t, folder, "other-build", 3, func(r *result.Result) { r.Server.Version = "v0.0.1" })
	keptDrill(t, folder, "invalid", 2, func(r *result.Result) { r.Invalid = []string{"too slow"} })
	keptDrill(t, folder, "unwatched", 1, func(r *result.Result) { r.Servers = nil })
	out, err := runPlan(t, "--listeners", "1e6", "--data", data)
	if err != nil || !strings.Contains(out, `drill "new"`) || !strings.Contains(out, "20 µs") {
		t.Errorf("%v\n%s", err, out)
	}
	flat := strings.Join(strings.Fields(out), " ")
	for _, why := range []string{
		"other-build.json is of another build, v0.0.1: run the drill again", "invalid.json is of an invalid run",
		"unwatched.json: this drill did not watch",
	} {
		if !strings.Contains(flat, why) {
			t.Errorf("no word of %q:\n%s", why, out)
		}
	}
	out, err = runPlan(t, "--listeners", "1e6", "--drill", filepath.Join(folder, "old.json"))
	if err != nil || !strings.Contains(out, `drill "old"`) {
		t.Errorf("%v\n%s", err, out)
	}
}

// A result expires when the build or the configuration of the server that runs on the folder changes.
func TestResultExpires(t *testing.T) {
	r := result.Result{Server: result.Build{Program: "epidaurus", Version: "v1", Revision: "abc"}, Config: "f"}
	for _, row := range []struct {
		now  present
		want string
	}{
		{present{"v1 (abc)", []string{"f"}}, ""}, {present{"v1 (abc)", nil}, ""}, {present{}, ""},
		{present{"v1 (abd)", []string{"f"}}, "of another build, v1 (abc)"}, {present{"v1 (abc)", []string{"g"}}, "of another configuration"},
	} {
		got := row.now.expired(r)
		if !strings.HasPrefix(got, row.want) || (got == "") != (row.want == "") {
			t.Errorf("%+v: %q, want %q", row.now, got, row.want)
		}
	}
	// Of several processes the one here is one, and all are of its build.
	r.Config = "fg"
	r.Servers = []result.Server{{PID: 1, Build: r.Server, Config: "f"}, {PID: 2, Build: r.Server, Config: "g"}}
	for config, want := range map[string]bool{"f": false, "g": false, "h": true, "fg": false} {
		if got := (present{"v1 (abc)", []string{"x", config}}).expired(r); (got != "") != want {
			t.Errorf("configuration %s: %q", config, got)
		}
	}
	r.Servers[1].Build.Revision = "abd"
	if got := (present{"v1 (abc)", []string{"f"}}).expired(r); !strings.HasPrefix(got, "of another build, v1 (abd)") {
		t.Errorf("another process is of another build: %q", got)
	}
}

// Who serves from a folder is who holds its lock, and not who left a number in it.
func TestServingFrom(t *testing.T) {
	data := t.TempDir()
	if pid, _ := servingFrom(data); pid != 0 {
		t.Errorf("process %d serves from an empty folder", pid)
	}
	lock, err := os.Create(filepath.Join(data, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	fmt.Fprintf(lock, "%d\nf00d\n", os.Getpid())
	if pid, _ := servingFrom(data); pid != 0 {
		t.Errorf("process %d serves without the lock", pid)
	}
	err = unix.Flock(int(lock.Fd()), unix.LOCK_EX)
	if err != nil {
		t.Fatal(err)
	}
	if pid, config := servingFrom(data); pid != os.Getpid() || config != "f00d" {
		t.Errorf("process %d of %q, want this one", pid, config)
	}
	if now := presentBuild(data); len(now.configs) != 2 {
		t.Errorf("%+v", now)
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
