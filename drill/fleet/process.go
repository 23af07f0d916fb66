//go:build linux

package fleet

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/result"
)

// Reading private ports.
const (
	privatePatience = 5 * time.Second
	readPatience    = 900 * time.Millisecond // of what is read each second
	maxAbout        = 64 << 10
	maxMetrics      = 4 << 20
	maxTold         = 200 // bytes of a text that a server says of itself
)

// Process is a process of the target. What it uses is read in /proc where it is one of this machine, else at its private port.
type Process struct {
	pid     int    // of this machine; 0: it is elsewhere, or in a container
	private string // the URL of its private port; "": it was named by its number
	said    result.Server
}

// Find makes out processes of the target by their numbers on this machine and by the URLs of their private ports, which may be anywhere,
// and what they are: a server of ours says it at its private port, and of others it is [Identify] that does.
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
	u, err := url.Parse(private)
	if err != nil || u.Host == "" {
		return p, fmt.Errorf("private: %q is no address: say one such as http://127.0.0.1:8082", private)
	}
	ctx, cancel := context.WithTimeout(ctx, privatePatience)
	defer cancel()
	p.private = strings.TrimSuffix(private, "/")
	here, err := addressesHere(ctx, u.Hostname())
	if err != nil {
		return p, fmt.Errorf("private: %w", err)
	}
	var behind error
	if len(here) > 0 {
		p.pid, behind = Behind(private, here)
	}
	if p.pid > 0 {
		p.said = result.Server{Host: host, PID: p.pid, Name: processName(p.pid)}
		p.said.Build, p.said.Config = Identify(p.pid)
	} else {
		p.said = result.Server{Host: u.Host, Name: u.Host}
		_, _, err = p.usage(ctx)
		if err != nil {
			return p, errors.Join(behind, fmt.Errorf("private: what the process at %s uses cannot be read: %w", u.Host, err))
		}
	}
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
	if p.pid == 0 {
		p.said.Host, p.said.PID, p.said.Name = a.Host, a.PID, a.Program
	}
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

// usage reads what the process has used, and holds.
func (p *Process) usage(ctx context.Context) (cpu time.Duration, resident int64, err error) {
	if p.pid > 0 {
		return usage(p.pid)
	}
	text, err := get(ctx, p.private+"/metrics", maxMetrics)
	if err != nil {
		return 0, 0, err
	}
	return parseMetrics(text)
}

// parseMetrics finds a process's CPU time and memory in what Prometheus reads.
func parseMetrics(text []byte) (cpu time.Duration, resident int64, err error) {
	const cpuName, memoryName = "process_cpu_seconds_total", "process_resident_memory_bytes"
	found := map[string]float64{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if name != cpuName && name != memoryName {
			continue
		}
		value, _, _ = strings.Cut(value, " ") // a time may follow
		v, err := strconv.ParseFloat(value, 64)
		const most = 1 << 53
		if err == nil && v >= 0 && v < most {
			found[name] = v
		}
	}
	if len(found) < 2 {
		return 0, 0, fmt.Errorf("/metrics has no %s or no %s", cpuName, memoryName)
	}
	const longest = 1 << 33 // seconds, in nanoseconds below 2^63
	return time.Duration(min(found[cpuName], longest) * float64(time.Second)), int64(found[memoryName]), nil
}

// addressesHere are the addresses of a host, where it is this machine; none where it is another.
func addressesHere(ctx context.Context, host string) ([]netip.Addr, error) {
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var here []netip.Addr
	for _, a := range all {
		a = a.Unmap().WithZone("")
		ours := func(o net.Addr) bool {
			prefix, err := netip.ParsePrefix(o.String())
			return err == nil && prefix.Addr() == a
		}
		if a.IsLoopback() || a.IsUnspecified() || slices.ContainsFunc(own, ours) {
			here = append(here, a)
		}
	}
	return here, nil
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
