//go:build linux

package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/result"
)

// private is a private port that says what it is, and whose process has used 0.5 s of CPU more at each look. From the fourth look on it calls
// all that is seen.
func private(t *testing.T, about string, seen ...func()) *httptest.Server {
	t.Helper()
	var looks atomic.Int64
	mux := http.NewServeMux()
	if about != "" {
		mux.HandleFunc("/about", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, about) })
	}
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		n := looks.Add(1)
		fmt.Fprintf(w, "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total %g\nprocess_resident_memory_bytes 3.5e+07\n",
			10+float64(n)/2)
		for _, call := range seen {
			if n >= 4 {
				call()
			}
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

const said = `{"program":"epidaurus","version":"v2","revision":"abc","config":"00c0ffee","host":"elsewhere","pid":42}`

// What a process of another machine uses and is, its private port says.
func TestProcessElsewhere(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := Process{private: private(t, said, cancel).URL}
	p.ask(t.Context())
	seen, notes := Watch(ctx, []Process{p})
	if len(seen) != 1 || len(notes) != 0 || len(seen[0].Seconds) == 0 {
		t.Fatalf("%+v, %q", seen, notes)
	}
	s, build := seen[0], result.Build{Program: "epidaurus", Version: "v2", Revision: "abc"}
	if s.Host != "elsewhere" || s.PID != 42 || s.Name != "epidaurus" || s.Build != build || s.Config != "00c0ffee" {
		t.Errorf("%+v", s)
	}
	if u := s.Seconds[0]; u.CPU != 500_000 || u.RSS != 35_000_000 {
		t.Errorf("%+v", u)
	}
}

// One that cannot be read any more is told of.
func TestProcessGone(t *testing.T) {
	t.Parallel()
	server := private(t, said)
	p := Process{private: server.URL}
	server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
	defer cancel()
	_, notes := Watch(ctx, []Process{p})
	if len(notes) != 1 || !strings.Contains(notes[0], "was not read in ") {
		t.Errorf("%q", notes)
	}
}

// Whose machine this is, decides how a process is found. An address of another one is no port of this one.
func TestFind(t *testing.T) {
	t.Parallel()
	here, err := addressesHere(t.Context(), "127.0.0.7")
	if err != nil || len(here) != 1 {
		t.Errorf("%v, %v", here, err)
	}
	here, err = addressesHere(t.Context(), "192.0.2.1")
	if err != nil || len(here) != 0 {
		t.Errorf("%v, %v", here, err)
	}
	server := private(t, said)
	elsewhere := strings.Replace(server.URL, "127.0.0.1", "192.0.2.1", 1)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = Find(ctx, nil, []string{elsewhere})
	if err == nil || !strings.Contains(err.Error(), "uses cannot be read") {
		t.Errorf("a process of this machine was taken for another's: %v", err)
	}
	// Here it is found by its port, and believed in what it says of itself.
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
		out, err := reader.StdoutPipe()
		if err == nil {
			err = reader.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = reader.Process.Kill(); _ = reader.Wait() }()
		_, err = out.Read(make([]byte, 1)) // before it runs, its command line may still be empty
		if err != nil {
			t.Fatal(err)
		}
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

func FuzzMetrics(f *testing.F) {
	f.Add([]byte("process_cpu_seconds_total 1.5\nprocess_resident_memory_bytes 3e+07 1700000000\n"))
	f.Add([]byte("process_cpu_seconds_total 1e300\nprocess_resident_memory_bytes NaN\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		cpu, resident, err := parseMetrics(text)
		if cpu < 0 || resident < 0 || err != nil && cpu+time.Duration(resident) != 0 {
			t.Errorf("%v, %d, %v", cpu, resident, err)
		}
	})
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
