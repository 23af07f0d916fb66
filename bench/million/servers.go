//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/house"
	"github.com/epidaurus-live/epidaurus/bench/internal/machine"
)

// servers are the edges that a bench fills.
type servers interface {
	addresses() []string
	stats() (house.Stats, error) // of all together
	stop()
}

func startServers(n int, p plan) (servers, error) {
	if p.serve != "" {
		return startCommands(n, p)
	}
	h, err := house.Start(n, house.Config{Cadence: p.cadence, Sections: 1, TLS: p.tls != "", Congestion: p.congestion})
	s := houses{h, p.tls != ""}
	if err != nil {
		s.stop()
	}
	return s, err
}

// houses are edges of the bench itself, one section each: there are more of them than cores.
type houses struct {
	house.Houses
	secure bool
}

func (h houses) addresses() []string         { return h.Addresses(h.secure) }
func (h houses) stats() (house.Stats, error) { return h.Stats() }
func (h houses) stop()                       { h.Stop() }

// commands are processes of somebody else's program.
type commands struct {
	all   []*exec.Cmd
	ports []int
}

func startCommands(n int, p plan) (*commands, error) {
	c := &commands{}
	for i := range n {
		port := p.port + i
		fill := strings.NewReplacer("{port}", strconv.Itoa(port), "{i}", strconv.Itoa(i))
		words := strings.Fields(fill.Replace(p.serve))
		cmd := exec.Command(words[0], words[1:]...)
		cmd.Stderr = os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
		err := cmd.Start()
		if err != nil {
			c.stop()
			return nil, fmt.Errorf("start %s: %w", words[0], err)
		}
		c.all, c.ports = append(c.all, cmd), append(c.ports, port)
	}
	for _, at := range c.addresses() {
		err := answers(at)
		if err != nil {
			c.stop()
			return nil, err
		}
	}
	return c, nil
}

// answers waits until somebody listens.
func answers(at string) (err error) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		conn, dialErr := net.Dial("tcp", at)
		if dialErr == nil {
			return conn.Close()
		}
		err = dialErr
	}
	return fmt.Errorf("nobody listens at %s: %w", at, err)
}

func (c *commands) addresses() (all []string) {
	for _, port := range c.ports {
		all = append(all, fmt.Sprintf("127.0.0.1:%d", port))
	}
	return all
}

func (c *commands) stats() (sum house.Stats, err error) {
	for _, cmd := range c.all {
		cpu, err := machine.Of(cmd.Process.Pid)
		if err != nil {
			return sum, err
		}
		sum = sum.Plus(house.Stats{CPU: cpu, RSS: machine.RSS(cmd.Process.Pid)})
	}
	return sum, nil
}

func (c *commands) stop() {
	for _, cmd := range c.all {
		_ = cmd.Process.Signal(syscall.SIGTERM)
	}
	for _, cmd := range c.all {
		late := time.AfterFunc(15*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // how it ended does not matter any more
		late.Stop()
	}
}
