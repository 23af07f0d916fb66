//go:build linux

package crowd

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/internal/epoll"
)

// poller is a loop's epoll and what wakes it. All methods but wake belong to the loop's goroutine.
type poller struct {
	set    epoll.Set
	events [512]unix.EpollEvent
}

const (
	wantInput  = unix.EPOLLIN | unix.EPOLLRDHUP
	wantOutput = unix.EPOLLOUT
)

func newPoller() (*poller, error) {
	set, err := epoll.New()
	if err != nil {
		return nil, err
	}
	return &poller{set: set}, nil
}

// wait returns what is ready, after at most timeout. What it returns is valid until the next call.
func (p *poller) wait(timeout time.Duration) []unix.EpollEvent {
	ms := int((max(timeout, 0) + time.Millisecond - 1) / time.Millisecond)
	n, err := unix.EpollWait(p.set.FD, p.events[:], ms)
	if err != nil && !errors.Is(err, unix.EINTR) {
		panic(fmt.Sprintf("crowd: epoll_wait: %v", err)) // only a wrong descriptor can be the reason
	}
	return p.events[:max(n, 0)]
}

// control says what a slot's socket is watched for.
func (p *poller) control(op int, fd int, slot, generation int32, events uint32) error {
	return p.set.Control(op, fd, slot, generation, events)
}

// wake makes a wait return. Any goroutine may call it while the poller is open.
func (p *poller) wake() { p.set.Wake() }

// calm takes the wake-ups so far as heard.
func (p *poller) calm() { p.set.Calm() }

func (p *poller) close() { p.set.Close() }

// dial begins a connection. The port of its end is chosen when it connects, so that each pair of addresses has all ports for itself. A
// narrow one takes little that nobody reads.
func dial(source netip.Addr, target netip.AddrPort, narrow bool) (fd int, err error) {
	family := unix.AF_INET
	if target.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if narrow { // before there is a window
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, badBuffer)
		if err != nil {
			unix.Close(fd)
			return -1, os.NewSyscallError("setsockopt", err)
		}
	}
	if source.IsValid() {
		err = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		if err == nil {
			err = unix.Bind(fd, sockaddr(netip.AddrPortFrom(source, 0)))
		}
		if err != nil {
			unix.Close(fd)
			return -1, os.NewSyscallError("bind", err)
		}
	}
	err = unix.Connect(fd, sockaddr(target))
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		unix.Close(fd)
		return -1, os.NewSyscallError("connect", err)
	}
	return fd, nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// connected returns why a connection did not come about, or nil.
func connected(fd int) error {
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return err
	}
	if code != 0 {
		return unix.Errno(code)
	}
	return nil
}

// discard throws away what a socket has, without copying it, and says how much that was: 0 at its end.
func discard(fd int, scratch []byte) (n int, err error) {
	const all = 1 << 24
	// With MSG_TRUNC the kernel writes nothing to the memory that is named (tcp(7)).
	const flags = unix.MSG_TRUNC | unix.MSG_DONTWAIT
	r, _, code := unix.Syscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&scratch[0])), all, flags, 0, 0)
	if code != 0 {
		return 0, code
	}
	return int(r), nil
}

// abort closes a connection as one whose network is gone: with a reset.
func abort(fd int) {
	_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 0}) // then it is closed politely
	unix.Close(fd)
}
