//go:build linux

package fleet

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/result"
)

// private is a private port that says what it is.
func private(t *testing.T, about string) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/about", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, about) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

const said = `{"program":"epidaurus","version":"v2","revision":"abc","config":"00c0ffee","host":"elsewhere","pid":42}`

// Whoever listens at a private port is found, and believed in what it says of itself.
func TestFind(t *testing.T) {
	t.Parallel()
	server := private(t, said)
	all, err := Find(t.Context(), []int{os.Getpid()}, []string{server.URL + "/"})
	if err != nil || len(all) != 1 || all[0].pid != os.Getpid() || all[0].said.Config != "00c0ffee" || all[0].said.Build.Version != "v2" {
		t.Errorf("%+v, %v", all, err)
	}
	_, err = Find(t.Context(), []int{1 << 30}, nil)
	if err == nil {
		t.Error("nobody is somebody")
	}
	for _, bad := range []string{"", "127.0.0.1:8082", "http://127.0.0.1:1"} {
		_, err = Find(t.Context(), nil, []string{bad})
		if err == nil {
			t.Errorf("%q was found", bad)
		}
	}
}

// A result names all processes: their configurations together, and a build that is not like the first one's.
func TestDescribe(t *testing.T) {
	process := func(config, revision string) Process {
		return Process{said: result.Server{Host: "h", Name: "e-" + config, Config: config, Build: result.Build{Program: "e", Revision: revision}}}
	}
	of := func(all ...Process) result.Result {
		r := result.Result{Machines: []result.Machine{{Host: "h", Roles: []string{"generator"}}}}
		Describe(&r, all)
		return r
	}
	a, b, c := process("aa", "1"), process("bb", "1"), process("cc", "2")
	one, two, swapped, other := of(a), of(a, b), of(b, a), of(a, c)
	if one.Config != "aa" || len(two.Config) != 16 || two.Config != swapped.Config || two.Config == other.Config {
		t.Errorf("%q, %q, %q, %q", one.Config, two.Config, swapped.Config, other.Config)
	}
	if len(two.Notes) != 0 || len(other.Notes) != 1 || !strings.Contains(other.Notes[0], "e-cc is e (2)") || other.Server != a.said.Build {
		t.Errorf("%q, %q, %v", two.Notes, other.Notes, other.Server)
	}
	if roles := strings.Join(two.Machines[0].Roles, " "); roles != "generator server" {
		t.Error(roles)
	}
}

// Seen from outside, a configuration is another one when the text of its file is; what is written while the process runs is none.
func TestConfigurationFile(t *testing.T) {
	dir := t.TempDir()
	config, log := filepath.Join(dir, "icecast.xml"), filepath.Join(dir, "log")
	write := func(file, text string, at time.Time) {
		err := errors.Join(os.WriteFile(file, []byte(text), 0o600), os.Chtimes(file, at, at))
		if err != nil {
			t.Fatal(err)
		}
	}
	ago, later := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	look := func(text string) (first, again string) {
		write(config, text, ago)
		write(log, "begins", later)
		reader := exec.CommandContext(t.Context(), "tail", "-f", config, log)
		err := reader.Start()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = reader.Process.Kill(); _ = reader.Wait() }()
		_, first = Identify(reader.Process.Pid)
		write(log, "goes on", later)
		_, again = Identify(reader.Process.Pid)
		return first, again
	}
	first, again := look("<clients>500</clients>")
	other, _ := look("<clients>900</clients>")
	same, _ := look("<clients>500</clients>")
	if len(first) != 16 || first != again || first == other || first != same {
		t.Errorf("%q, then %q; of another text %q; of the same %q", first, again, other, same)
	}
	began, err := beginning(os.Getpid())
	if age := time.Since(began); err != nil || age < 0 || age > time.Hour {
		t.Errorf("this process is %v old, %v", age, err)
	}
}

func FuzzAbout(f *testing.F) {
	f.Add([]byte(said))
	f.Add([]byte(`{"program":"x","config":"","pid":-1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, ok := parseAbout(text)
		if ok && (a.PID <= 0 || a.Config == "" || len(a.String()) > 4*maxTold) {
			t.Errorf("%+v", a)
		}
	})
}
