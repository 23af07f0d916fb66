//go:build linux

// Package bare finds out what the machine holds when nothing but the kernel works: server processes that write by a loop of send calls,
// client processes that throw away.
package bare

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/bench/internal/child"
	"github.com/epidaurus-live/epidaurus/bench/internal/crowd"
	"github.com/epidaurus-live/epidaurus/bench/internal/figure"
	"github.com/epidaurus-live/epidaurus/bench/internal/loop"
	"github.com/epidaurus-live/epidaurus/bench/internal/machine"
)

// Role is what a server process is called.
const Role = "bare"

// Roles are those that a program needs which calls Run.
func Roles() map[string]child.Role {
	return map[string]child.Role{Role: child.Make(serve), crowd.Role: crowd.Made}
}

// Config says how much.
type Config struct {
	Connections int
	PerProcess  int // at most
	Bytes       int
	Every       time.Duration
	For         time.Duration
	Connectors  int    // connections that are made at once
	Congestion  string // default: the system's
}

// Result is what came of it.
type Result struct {
	Asked     int           `json:"asked"`
	Held      int           `json:"held"`
	Processes int           `json:"processes_each_side"`
	Bytes     int           `json:"bytes"`
	Every     string        `json:"every"`
	Connect   float64       `json:"connect_s"`
	Seconds   float64       `json:"seconds"`
	Servers   machine.CPU   `json:"servers_cpu"`
	Clients   machine.CPU   `json:"clients_cpu"`
	Cores     float64       `json:"cores_of_all"`
	PerWrite  float64       `json:"server_us_per_write"`
	Memory    int64         `json:"memory_bytes"` // by which MemAvailable fell
	RSS       int64         `json:"rss_bytes"`
	Writes    uint64        `json:"writes"`
	Short     uint64        `json:"short_writes"`
	Failed    uint64        `json:"failed_writes"`
	Late      float64       `json:"worst_late_s"`
	Lost      int           `json:"lost"`
	Stopped   string        `json:"stopped_by"` // what kept it from holding all; empty: nothing
	Machine   machine.Facts `json:"machine"`
}

// hello is what a server writes at the beginning, so that a client knows that it was accepted.
const hello = "HTTP/1.1 200 OK\r\n\r\n"

type server struct {
	l     int
	bytes []byte

	mu  sync.Mutex
	fds []int32 // guarded by mu
}

type serverConfig struct {
	Bytes      int
	Congestion string
}

type written struct {
	CPU    machine.CPU
	RSS    int64
	Held   int
	Result loop.Result
	Late   float64
}

type order struct{ Every, For time.Duration }

func serve(c serverConfig) (map[string]child.Order, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if c.Congestion != "" {
		err = unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, c.Congestion) // accepted sockets inherit it
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	if err == nil {
		err = unix.Listen(fd, 65535) // the kernel takes somaxconn where that is less
	}
	if err != nil {
		return nil, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return nil, err
	}
	s := &server{l: fd, bytes: make([]byte, c.Bytes)}
	go s.accept() // ends with the process
	at := fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port)
	return map[string]child.Order{
		"where": child.Do(func(struct{}) (string, error) { return at, nil }),
		"write": child.Do(s.write),
	}, nil
}

func (s *server) accept() {
	for {
		fd, _, err := unix.Accept4(s.l, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			time.Sleep(10 * time.Millisecond) // no file or no memory is left: the client's count tells
			continue
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // cannot fail on a TCP socket
		loop.Send(int32(fd), []byte(hello))
		s.mu.Lock()
		s.fds = append(s.fds, int32(fd))
		s.mu.Unlock()
	}
}

func (s *server) write(o order) (written, error) {
	s.mu.Lock()
	fds := s.fds
	s.mu.Unlock()
	before := machine.Self()
	turns := max(1, int(o.Every/(20*time.Millisecond)))
	r := loop.Run(loop.Even(fds, turns), loop.Plan{Bytes: s.bytes, Step: o.Every / time.Duration(turns), For: o.For})
	return written{machine.Self().Less(before), machine.RSS(0), len(fds), r, r.Late.Seconds()}, nil
}

// Run connects, writes for a time and says what it took.
func Run(c Config) (Result, error) {
	n := (c.Connections + c.PerProcess - 1) / c.PerProcess
	r := Result{Asked: c.Connections, Processes: n, Bytes: c.Bytes, Every: c.Every.String(), Machine: machine.About()}
	free := machine.Available()
	servers, err := child.StartAll(Role, n, func(int) any { return serverConfig{c.Bytes, c.Congestion} })
	if err != nil {
		return r, err
	}
	defer servers.Stop()
	places, err := child.Tell[string](servers, "where", nil)
	if err != nil {
		return r, err
	}
	clients, err := crowd.Start(n, crowd.Config{Paths: []string{"/"}, Nap: crowd.Gather(c.Every)}, func(i int, c *crowd.Config) {
		c.Targets = []string{places[i]}
	})
	if err != nil {
		return r, err
	}
	defer clients.Stop()
	seated, took, err := clients.Join(crowd.Join{Count: c.Connections, Connectors: c.Connectors}, 5*time.Minute)
	r.Connect = took.Seconds()
	if err != nil || seated.Failed > 0 {
		r.Stopped = fmt.Sprintf("%d of %d connected: %v", seated.Seated, c.Connections, errors.Join(err, fmt.Errorf("%v", seated.Errors)))
	}
	figure.Say("bare: %d connections in %.1f s", seated.Seated, r.Connect)
	return r, r.write(c, servers, clients, free)
}

func (r *Result) write(c Config, servers child.Group, clients crowd.Crowds, free int64) error {
	before, err := clients.Report()
	if err != nil {
		return err
	}
	begin := time.Now()
	all, err := child.Tell[written](servers, "write", func(int) any { return order{c.Every, c.For} })
	if err != nil {
		return err
	}
	r.Seconds = time.Since(begin).Seconds()
	r.Memory = free - machine.Available()
	after, err := clients.Report()
	if err != nil {
		return err
	}
	var sum loop.Result
	for _, w := range all {
		sum = sum.Plus(w.Result)
		r.Servers = r.Servers.Plus(w.CPU)
		r.RSS += w.RSS
		r.Late = max(r.Late, w.Late)
	}
	r.Clients, r.RSS, r.Lost = after.CPU.Less(before.CPU), r.RSS+after.RSS, after.Lost
	r.Held = after.Seated - after.Lost
	r.Writes, r.Short, r.Failed = sum.Writes, sum.Short, sum.Failed
	r.Cores = figure.Round((r.Servers.Total() + r.Clients.Total()) / r.Seconds)
	r.PerWrite = figure.Round(r.Servers.Total() / float64(max(r.Writes, 1)) * 1e6)
	if r.Stopped == "" && r.Late > c.Every.Seconds() {
		r.Stopped = "the CPU: a whole round of writes came late"
	}
	return nil
}

// DefaultPerProcess leaves a process some files of its own.
func DefaultPerProcess() int { return min(19_000, machine.OpenFiles()-200) }
