//go:build linux

// Package cluster runs a stage and its edges as processes of the program that is measured, and asks them what strangers may.
package cluster

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/figure"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
)

// patience is how long a node may take for what is no part of the test.
const patience = 30 * time.Second

// asking is for private ports and the room's host.
var asking = &http.Client{Timeout: 10 * time.Second}

// Node is one process of the cluster. It may be started again.
type Node struct {
	Name    string
	Private string // host:port
	Origin  string // where listeners reach it, and a stage where its host does

	args  []string
	lines chan string
	cmd   *exec.Cmd
}

// Start starts it, and waits until it is ready.
func (n *Node) Start(program string) error {
	n.cmd = exec.Command(program, n.args...)
	n.cmd.Env = append(os.Environ(), "EPIDAURUS_LOG=text", "EPIDAURUS_LOG_LEVEL=warn")
	n.cmd.Stderr = os.Stderr
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	out, err := n.cmd.StdoutPipe()
	if err == nil {
		err = n.cmd.Start()
	}
	if err != nil {
		n.cmd = nil
		return fmt.Errorf("start %s: %w", n.Name, err)
	}
	n.lines = make(chan string, 100) // more than a node says
	go func(lines chan<- string) {
		defer close(lines)
		for text := bufio.NewScanner(out); text.Scan(); {
			lines <- strings.TrimSpace(text.Text())
		}
	}(n.lines)
	return Wait(patience, n.Name+" is ready", func() (bool, error) {
		resp, err := asking.Get("http://" + n.Private + "/readyz")
		if err != nil {
			return false, nil //nolint:nilerr // it is not there yet
		}
		return resp.StatusCode == http.StatusOK, resp.Body.Close()
	})
}

func (n *Node) Runs() bool { return n.cmd != nil }

// PID is its process, while it runs.
func (n *Node) PID() int { return n.cmd.Process.Pid }

// Kill ends it as a crash would.
func (n *Node) Kill() {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait() // it was killed
	n.cmd = nil
}

// Stop ends it in order.
func (n *Node) Stop() {
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(15*time.Second, func() { _ = n.cmd.Process.Kill() })
	_ = n.cmd.Wait() // how it ended does not matter any more
	late.Stop()
	n.cmd = nil
}

// Seats is how many it has.
func (n *Node) Seats() (int, error) {
	resp, err := asking.Get("http://" + n.Private + "/drain")
	if err != nil {
		return 0, fmt.Errorf("ask %s for its seats: %w", n.Name, err)
	}
	var said struct{ Seats int }
	err = errors.Join(json.NewDecoder(resp.Body).Decode(&said), resp.Body.Close())
	return said.Seats, err
}

// Drain begins to empty it.
func (n *Node) Drain(over time.Duration) error {
	resp, err := asking.Post("http://"+n.Private+"/drain?over="+over.String(), "", nil)
	if err != nil {
		return fmt.Errorf("drain %s: %w", n.Name, err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("drain %s: %s", n.Name, resp.Status)
	}
	return resp.Body.Close()
}

var errFull = errors.New("every seat is taken, so nobody is told anything")

// List is the edges that it names to a listener who comes now; none while it tells none.
func (n *Node) List(room string) ([]string, error) {
	resp, err := asking.Get(n.Origin + "/r/" + room + "/live.mp4")
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", n.Name, err)
	}
	defer resp.Body.Close() //nolint:errcheck // nothing was written
	if resp.StatusCode != http.StatusOK {
		var refusal struct{ Code string }
		_ = json.NewDecoder(resp.Body).Decode(&refusal) // what is no problem has no code
		if refusal.Code == "full" {
			return nil, errFull
		}
		return nil, nil
	}
	f, err := fmp4.NewReader(resp.Body).Next()
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", n.Name, err)
	}
	for _, e := range f.Events {
		if e.Kind != "edges" {
			continue
		}
		var said struct{ Edges []string }
		err = json.Unmarshal(e.Data, &said)
		return said.Edges, err
	}
	return nil, nil
}

// Cluster is a stage and its edges.
type Cluster struct {
	Stage    *Node
	Edges    []*Node
	HostLink string
	Room     string
}

// Start starts a stage and n edges, at ports that are free from one on; flags are more flags of each edge.
func Start(program, dir string, port, n int, flags []string) (c Cluster, err error) {
	ports, err := freePorts(port, 3+2*n)
	if err != nil {
		return c, err
	}
	at := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", ports[i]) }
	data := filepath.Join(dir, "stage")
	c.Stage = &Node{Name: "the stage", Private: at(1), Origin: "http://" + at(0), args: []string{
		"serve", "--roles", "stage", "--data", data, "--stage", at(0), "--private", at(1), "--bus-listen", at(2),
		"--stage-url", "http://" + at(0), "--public-url", "http://" + at(3),
	}}
	err = c.Stage.Start(program)
	if err != nil {
		return c, err
	}
	c.HostLink, err = c.Stage.link()
	for i := 0; i < n && err == nil; i++ {
		listen, private := at(3+2*i), at(4+2*i)
		args := []string{
			"serve", "--roles", "edge", "--data", filepath.Join(dir, fmt.Sprintf("edge-%d", i)), "--listen", listen, "--private", private,
			"--public-url", "http://" + listen, "--nats", "tls://" + at(2), "--nats-ca", filepath.Join(data, "cluster-ca.pem"),
			"--cluster-secret-file", filepath.Join(data, "cluster.secret"), "--per-address", "0",
		}
		e := &Node{Name: fmt.Sprintf("edge %d", i), Private: private, Origin: "http://" + listen, args: append(args, flags...)}
		c.Edges = append(c.Edges, e)
		err = e.Start(program)
	}
	return c, err
}

// link waits for the link that makes its first visitor the host.
func (n *Node) link() (string, error) {
	late := time.After(patience)
	for {
		select {
		case line, ok := <-n.lines:
			if !ok {
				return "", errors.New("the stage ended before it gave a host's link")
			}
			if strings.Contains(line, "#claim=") {
				return line, nil
			}
		case <-late:
			return "", errors.New("the stage gives no host's link")
		}
	}
}

// Stop ends all that is left.
func (c *Cluster) Stop() {
	for _, e := range c.Edges {
		e.Stop()
	}
	if c.Stage != nil {
		c.Stage.Stop()
	}
}

// Listed waits until all edges that run and have a seat to ask from name these edges, and no others. Those without a free seat may be left out.
func (c *Cluster) Listed(when string, which ...int) error {
	return Wait(patience, "each edge names each "+when, func() (bool, error) {
		full := make(map[string]bool)
		var lists [][]string
		for _, e := range c.Edges {
			if !e.Runs() {
				continue
			}
			list, err := e.List(c.Room)
			switch {
			case errors.Is(err, errFull):
				full[e.Origin] = true
			case err != nil:
				return false, err
			default:
				lists = append(lists, list)
			}
		}
		var want []string
		for _, i := range which {
			want = append(want, c.Edges[i].Origin)
		}
		known := func(list []string) []string {
			list = slices.DeleteFunc(list, func(origin string) bool { return full[origin] })
			slices.Sort(list)
			return list
		}
		want = known(want)
		other := func(list []string) bool { return !slices.Equal(known(list), want) }
		return len(lists) > 0 && !slices.ContainsFunc(lists, other), nil
	})
}

// Seated is how many are on all edges that run.
func (c *Cluster) Seated() (sum int, err error) {
	for _, e := range c.Edges {
		if !e.Runs() {
			continue
		}
		n, err := e.Seats()
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// Wait looks every 50 ms until something is so.
func Wait(limit time.Duration, what string, so func() (bool, error)) error {
	for late := time.Now().Add(limit); time.Now().Before(late); time.Sleep(50 * time.Millisecond) {
		yes, err := so()
		if err != nil {
			return fmt.Errorf("wait until %s: %w", what, err)
		}
		if yes {
			figure.Say("%s", what)
			return nil
		}
	}
	return fmt.Errorf("within %s it was not so that %s", limit, what)
}

// freePorts finds ports that nobody uses. They are below those that the kernel gives to connections, so that an edge finds its own again.
func freePorts(from, n int) (free []int, err error) {
	for port := from; len(free) < n; port++ {
		if port > from+1000 {
			return nil, fmt.Errorf("of ports %d to %d too few are free: say others with -port", from, port)
		}
		tcp, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		udp, err := net.ListenPacket("udp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			free = append(free, port)
			err = udp.Close()
		}
		err = errors.Join(err, tcp.Close())
		if err != nil {
			continue
		}
	}
	return free, nil
}
