//go:build linux

package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/result"
)

// Reading private ports.
const (
	privatePatience = 5 * time.Second
	maxAbout        = 64 << 10
	maxTold         = 200 // bytes of a text that a server says of itself
)

// Process is a process of the target, on this machine.
type Process struct {
	pid     int
	private string // the URL of its private port; "": it was named by its number
	said    result.Server
}

// Find makes out processes of the target by their numbers on this machine and by the URLs of their private ports, and
// what they are: a server of ours says it at its private port, and of others it is [Identify] that does.
func Find(ctx context.Context, pids []int, privates []string) ([]Process, error) {
	err := Alive(pids)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname() // a machine without a name has an empty one
	var all []Process
	for _, pid := range pids {
		p := Process{pid: pid, said: result.Server{Host: host, PID: pid, Name: processName(pid)}}
		p.said.Build, p.said.Config = Identify(pid)
		all = append(all, p)
	}
	for _, private := range privates {
		p, err := findPrivate(ctx, host, private)
		if err != nil {
			return nil, err
		}
		same := func(q Process) bool { return p.pid > 0 && q.pid == p.pid }
		all = append(slices.DeleteFunc(all, same), p) // it says more of itself than its number does
	}
	return all, nil
}

// findPrivate finds the process at a private port.
func findPrivate(ctx context.Context, host, private string) (p Process, err error) {
	p.private = strings.TrimSuffix(private, "/")
	p.pid, err = Behind(private)
	if err != nil {
		return p, err
	}
	p.said = result.Server{Host: host, PID: p.pid, Name: processName(p.pid)}
	p.said.Build, p.said.Config = Identify(p.pid)
	ctx, cancel := context.WithTimeout(ctx, privatePatience)
	defer cancel()
	p.ask(ctx)
	return p, nil
}

// ask lets a server of ours say what it is. Others stay what they were taken for.
func (p *Process) ask(ctx context.Context) {
	text, err := get(ctx, p.private+"/about", maxAbout)
	if err != nil {
		return
	}
	a, ok := parseAbout(text)
	if !ok {
		return
	}
	p.said.Build, p.said.Config = a.Build, a.Config
}

// about is what a server says of itself at /about (docs/PROTOCOL.md).
type about struct {
	result.Build
	Config string `json:"config"`
	Host   string `json:"host"`
	PID    int    `json:"pid"`
}

func parseAbout(text []byte) (a about, ok bool) {
	err := json.Unmarshal(text, &a)
	for _, s := range []string{a.Program, a.Version, a.Revision, a.Config, a.Host} {
		if len(s) > maxTold {
			return about{}, false
		}
	}
	return a, err == nil && a.Program != "" && a.Config != "" && a.PID > 0
}

// get reads what is at an address.
func get(ctx context.Context, address string, most int64) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %d", address, answer.StatusCode)
	}
	return io.ReadAll(io.LimitReader(answer.Body, most))
}

// Describe writes into a result what the processes are. Call it when their use is in it.
func Describe(r *result.Result, all []Process) {
	if len(all) == 0 {
		return
	}
	r.Server = result.Build{}
	var configs []string
	for _, p := range all {
		if p.said.Config != "" {
			configs = append(configs, p.said.Config)
		}
		b, known := p.said.Build, p.said.Build != result.Build{}
		switch {
		case known && r.Server == result.Build{}:
			r.Server = b
		case known && (b.Version != r.Server.Version || b.Revision != r.Server.Revision):
			r.Notes = append(r.Notes, fmt.Sprintf("the server's processes are of several builds: %s is %s", p.said.Name, b))
		}
		for i := range r.Machines {
			if m := &r.Machines[i]; m.Host == p.said.Host && !slices.Contains(m.Roles, "server") {
				m.Roles = append(m.Roles, "server")
			}
		}
	}
	r.Config = fingerprint(configs)
}

// fingerprint is one of several, in whatever order they come; a single one is its own.
func fingerprint(configs []string) string {
	slices.Sort(configs)
	configs = slices.Compact(configs)
	switch len(configs) {
	case 0:
		return ""
	case 1:
		return configs[0]
	}
	sum := sha256.Sum256([]byte(strings.Join(configs, " ")))
	return hex.EncodeToString(sum[:8])
}
