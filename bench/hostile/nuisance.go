//go:build linux

package main

import (
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/bench/internal/child"
	"github.com/epidaurus-live/epidaurus/bench/internal/frames"
	"github.com/epidaurus-live/epidaurus/tape"
)

const nuisanceRole = "nuisance"

// mob is who means harm, and how many.
type mob struct {
	Stuck, Slow, Headers, Hellos, Grabs int
	Plain, TLS                          []string
	Path                                string
	For                                 time.Duration
}

// mobReport is how far they got.
type mobReport struct {
	Stuck   int `json:"stuck_held"`
	Slow    int `json:"slow_held"`
	Headers int `json:"headers_held"`
	Hellos  int `json:"hellos_held"`
	Grabs   int `json:"grabs_answered"`
	Again   int `json:"came_again"`
	Refused int `json:"not_let_in"`
}

// nuisance is the process of those who mean harm.
type nuisance struct {
	mob   mob
	mu    sync.Mutex
	count mobReport // guarded by mu
	next  int       // guarded by mu; of source addresses
}

func newNuisance(m mob) (map[string]child.Order, error) {
	n := &nuisance{mob: m}
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", m.Path)
	// Each kind has a goroutine that ends with the process.
	go n.hold(m.Stuck, m.Plain, func() []byte { return request }, 0, &n.count.Stuck)
	go n.hold(m.Slow, m.Plain, func() []byte { return request }, 2000, &n.count.Slow)
	go n.hold(m.Headers, m.Plain, func() []byte { return request[:len(request)-2] }, 0, &n.count.Headers)
	go n.hold(m.Hellos, m.TLS, func() []byte { return []byte{22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3} }, 0, &n.count.Hellos)
	go n.grab()
	return map[string]child.Order{"report": child.Do(func(struct{}) (mobReport, error) {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.count, nil
	})}, nil
}

// hold keeps count connections open that say something and then read so many bytes a second: whoever is closed comes again.
func (n *nuisance) hold(count int, to []string, say func() []byte, read int, held *int) {
	fds := make([]int, count)
	buffer := make([]byte, max(read, 1))
	for first := true; ; first = false {
		open := 0
		for i, fd := range fds {
			if fd > 0 && !gone(fd, buffer[:read]) {
				open++
				continue
			}
			if fd > 0 {
				unix.Close(fd)
			}
			fds[i] = n.connect(to[i%len(to)], say(), !first)
			if fds[i] > 0 {
				open++
			}
		}
		n.mu.Lock()
		*held = open
		n.mu.Unlock()
		time.Sleep(time.Second)
	}
}

// gone reads as much as fits and reports whether the server closed. Who reads nothing looks only for the end.
func gone(fd int, buffer []byte) bool {
	if len(buffer) > 0 {
		got, _, err := unix.Recvfrom(fd, buffer, unix.MSG_DONTWAIT)
		return err != nil && err != unix.EAGAIN || err == nil && got == 0
	}
	ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	_, err := unix.Poll(ready, 0)
	return err == nil && ready[0].Revents != 0
}

// connect opens a connection with a small receive window and says something. It returns 0 where that fails.
func (n *nuisance) connect(to string, say []byte, again bool) int {
	n.mu.Lock()
	n.next++
	from := n.next / 8
	n.count.Again += map[bool]int{true: 1}[again]
	n.mu.Unlock()
	at, err := net.ResolveTCPAddr("tcp4", to)
	if err != nil {
		return 0
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: 5})
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	err = unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 200, byte(from / 250), byte(1 + from%250)}})
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: at.Port, Addr: [4]byte(at.IP.To4())})
	}
	if err == nil {
		_, err = unix.SendmsgN(fd, say, nil, nil, unix.MSG_NOSIGNAL)
	}
	if err != nil {
		unix.Close(fd)
		n.mu.Lock()
		n.count.Refused++
		n.mu.Unlock()
		return 0
	}
	return fd
}

// grab asks for the largest burst again and again, evenly over the time, and hangs up when it begins to come.
func (n *nuisance) grab() {
	begin := time.Now()
	first := make([]byte, 64)
	for i := range n.mob.Grabs {
		time.Sleep(time.Until(begin.Add(n.mob.For * time.Duration(i) / time.Duration(n.mob.Grabs))))
		from := frames.Now() - 59*tape.FramesPerSec
		ask := fmt.Appendf(nil, "GET %s?from=%d HTTP/1.1\r\nHost: bench\r\n\r\n", n.mob.Path, from)
		fd := n.connect(n.mob.Plain[i%len(n.mob.Plain)], ask, false)
		if fd == 0 {
			continue
		}
		_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1})
		got, err := unix.Read(fd, first)
		unix.Close(fd)
		if err == nil && got > 12 && string(first[9:12]) == "200" {
			n.mu.Lock()
			n.count.Grabs++
			n.mu.Unlock()
		}
	}
}
