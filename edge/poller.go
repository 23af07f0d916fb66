//go:build linux

package edge

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/internal/epoll"
)

// poller is a section's epoll and what wakes it. All methods but wake belong to the section's goroutine.
//
// It waits by Go's own poller, which watches the epoll, and calls the kernel past the scheduler: a goroutine that blocks in a system call
// fifty times a second keeps the runtime's monitor awake, which then costs a fifth of what the writes do.
type poller struct {
	set    epoll.Set
	file   *os.File // owner of the epoll
	conn   syscall.RawConn
	look   func(fd uintptr) bool // what wait asks for
	found  int                   // by look
	events [256]unix.EpollEvent
}

// attention is what a seat is always watched for: input, which is thrown away, and hang-up.
const attention = unix.EPOLLIN | unix.EPOLLRDHUP

func newPoller() (*poller, error) {
	set, err := epoll.New()
	if err != nil {
		return nil, err
	}
	err = unix.SetNonblock(set.FD, true) // else os.NewFile would not give it to Go's poller
	if err != nil {
		set.Close()
		return nil, fmt.Errorf("make an epoll: %w", err)
	}
	p := &poller{set: set, file: os.NewFile(uintptr(set.FD), "epoll")}
	p.look = func(uintptr) bool { return p.ready() > 0 }
	p.conn, err = p.file.SyscallConn()
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// wait returns what is ready, after at most timeout; a negative timeout is none. What it returns is valid until the next call.
func (p *poller) wait(timeout time.Duration) []unix.EpollEvent {
	if timeout == 0 {
		return p.events[:p.ready()]
	}
	var deadline time.Time
	if timeout > 0 {
		deadline = time.Now().Add(timeout)
	}
	p.found = 0
	err := p.file.SetReadDeadline(deadline)
	if err == nil {
		err = p.conn.Read(p.look)
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		panic(fmt.Sprintf("edge: wait for an epoll: %v", err)) // only a wrong descriptor can be the reason
	}
	return p.events[:p.found]
}

// ready fills events with what is ready now, and returns how many they are.
func (p *poller) ready() int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.set.FD), uintptr(unsafe.Pointer(&p.events[0])), uintptr(len(p.events)), 0, 0, 0)
	switch errno {
	case 0:
		p.found = int(n)
	case unix.EINTR:
		p.found = 0
	default:
		panic(fmt.Sprintf("edge: epoll_wait: %v", errno)) // only a wrong descriptor can be the reason
	}
	return p.found
}

// add begins to watch a seat's socket.
func (p *poller) add(fd, slot int32) error {
	return p.set.Control(unix.EPOLL_CTL_ADD, int(fd), slot, 0, attention)
}

// watchOutput says whether the section wants to know that a socket can take bytes again.
func (p *poller) watchOutput(fd, slot int32, on bool) error {
	events := uint32(attention)
	if on {
		events |= unix.EPOLLOUT
	}
	return p.set.Control(unix.EPOLL_CTL_MOD, int(fd), slot, 0, events)
}

// wake makes a wait return. Any goroutine may call it while the poller is open.
func (p *poller) wake() { p.set.Wake() }

// calm takes the wake-ups so far as heard.
func (p *poller) calm() { p.set.Calm() }

func (p *poller) close() {
	unix.Close(p.set.Waker)
	p.file.Close()
}
