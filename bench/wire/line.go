//go:build linux

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// ethernet is what a packet has in front of IP, which an interface counts.
const ethernet = 14

// line is a namespace with one listener in it, and the interface that leads there. It ends with the context.
type line struct {
	name   string // of the interface, on the servers' side
	server string // address of the servers in it
	pid    int    // of what keeps the namespace
}

func newLine(ctx context.Context, i int) (*line, error) {
	keeper := exec.CommandContext(ctx, "sleep", "infinity")
	keeper.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	err := begin(keeper)
	if err != nil {
		return nil, fmt.Errorf("a network namespace (as root): %w", err)
	}
	l := &line{name: fmt.Sprintf("wire%d", i), server: fmt.Sprintf("10.77.%d.1", i), pid: keeper.Process.Pid}
	there := l.name + "c"
	// Without offload each packet is one of the wire's.
	for _, words := range []string{
		"ip link add " + l.name + " type veth peer name " + there + " netns " + strconv.Itoa(l.pid),
		"ip addr add " + l.server + "/24 dev " + l.name,
		"ip link set " + l.name + " gso_max_segs 1 up",
	} {
		err = do(ctx, strings.Fields(words)...)
		if err != nil {
			return nil, err
		}
	}
	for _, words := range []string{
		"ip link set lo up", fmt.Sprintf("ip addr add 10.77.%d.2/24 dev %s", i, there), "ip link set " + there + " gso_max_segs 1 up",
	} {
		err = do(ctx, l.inside(strings.Fields(words)...)...)
		if err != nil {
			return nil, err
		}
	}
	return l, nil
}

// inside is a command in the namespace.
func (l *line) inside(words ...string) []string {
	return append([]string{"nsenter", "-t", strconv.Itoa(l.pid), "-n"}, words...)
}

// start runs a listener.
func (l *line) start(ctx context.Context, words ...string) error {
	all := l.inside(words...)
	return begin(exec.CommandContext(ctx, all[0], all[1:]...)) //nolint:gosec // ours
}

// running are the commands that were begun. They end with their context; who cancels it waits for them.
var running sync.WaitGroup

// begin starts a command in a group of its own, so that what it starts ends with it: Debian's Chromium is a script that stays.
func begin(c *exec.Cmd) error {
	if c.SysProcAttr == nil {
		c.SysProcAttr = &syscall.SysProcAttr{}
	}
	c.SysProcAttr.Setpgid = true
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.Env = append(os.Environ(), "EPIDAURUS_BENCH_APART=")
	err := c.Start()
	if err == nil {
		running.Go(func() { _ = c.Wait() }) // what it says of being killed is no news
	}
	return err
}

func do(ctx context.Context, words ...string) error {
	out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput() //nolint:gosec // ours
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(words, " "), err, out)
	}
	return nil
}

// counts are an interface's, without Ethernet.
type counts struct{ down, up, packets uint64 }

func (c counts) less(o counts) counts {
	return counts{c.down - o.down, c.up - o.up, c.packets - o.packets}
}

func countAll(ctx context.Context, lines []*line) ([]counts, error) {
	out, err := exec.CommandContext(ctx, "ip", "-s", "-j", "link", "show").Output()
	if err != nil {
		return nil, fmt.Errorf("read the interfaces: %w", err)
	}
	type way struct{ Bytes, Packets uint64 }
	var links []struct {
		Name  string               `json:"ifname"`
		Stats struct{ RX, TX way } `json:"stats64"`
	}
	err = json.Unmarshal(out, &links)
	if err != nil {
		return nil, fmt.Errorf("read the interfaces: %w", err)
	}
	all := make([]counts, len(lines))
	for i, l := range lines {
		for _, link := range links {
			if link.Name == l.name {
				s := link.Stats
				all[i] = counts{s.TX.Bytes - ethernet*s.TX.Packets, s.RX.Bytes - ethernet*s.RX.Packets, s.TX.Packets + s.RX.Packets}
			}
		}
	}
	return all, nil
}
