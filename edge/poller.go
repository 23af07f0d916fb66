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
)

// poller is a section's epoll and the eventfd that wakes it. All methods but wake belong to the section's goroutine.
//
// It waits by Go's own poller, which watches the epoll, and calls the kernel past the scheduler: a goroutine that blocks in a system call
// fifty times a second keeps the runtime's monitor awake, which then costs a fifth of what the writes do.
type poller struct {
	file   *os.File // owner of the epoll
	conn   syscall.RawConn
	epoll  int
	waker  int
	look   func(fd uintptr) bool // what wait asks for
	found  int                   // by look
	events [256]unix.EpollEvent
}

// wakeSlot marks the events of the waker.
const wakeSlot = -1

// attention is what a seat is always watched for: input, which is thrown away, and hang-up.
const attention = unix.EPOLLIN | unix.EPOLLRDHUP

func newPoller() (*poller, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll: %w", err)
	}
	err = unix.SetNonblock(epoll, true) // else os.NewFile would not give it to Go's poller
	if err != nil {
		unix.Close(epoll)
		return nil, fmt.Errorf("make an epoll: %w", err)
	}
	p := &poller{file: os.NewFile(uintptr(epoll), "epoll"), epoll: epoll}
	p.waker, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		p.file.Close()
		return nil, fmt.Errorf("make an eventfd: %w", err)
	}
	p.look = func(uintptr) bool { return p.ready() > 0 }
	p.conn, err = p.file.SyscallConn()
	if err == nil {
		err = p.control(unix.EPOLL_CTL_ADD, p.waker, wakeSlot, unix.EPOLLIN)
	}
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
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epoll), uintptr(unsafe.Pointer(&p.events[0])), uintptr(len(p.events)), 0, 0, 0)
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
	return p.control(unix.EPOLL_CTL_ADD, int(fd), slot, attention)
}

// watchOutput says whether the section wants to know that a socket can take bytes again.
func (p *poller) watchOutput(fd, slot int32, on bool) error {
	events := uint32(attention)
	if on {
		events |= unix.EPOLLOUT
	}
	return p.control(unix.EPOLL_CTL_MOD, int(fd), slot, events)
}

func (p *poller) control(op, fd int, slot int32, events uint32) error {
	// The kernel gives the Fd field back untouched: it carries the seat's slot.
	event := unix.EpollEvent{Events: events, Fd: slot}
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(p.epoll), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(&event)), 0, 0)
	if errno != 0 {
		return fmt.Errorf("watch a socket: %w", errno)
	}
	return nil
}

// wake makes a wait return. Any goroutine may call it while the poller is open.
func (p *poller) wake() {
	one := [8]byte{1}
	_, _ = unix.Write(p.waker, one[:]) // fails only when a wake-up is due already
}

// calm takes the wake-ups so far as heard.
func (p *poller) calm() {
	var count [8]byte
	_, _, _ = unix.RawSyscall(unix.SYS_READ, uintptr(p.waker), uintptr(unsafe.Pointer(&count)), uintptr(len(count))) // fails only when there is none
}

func (p *poller) close() {
	unix.Close(p.waker)
	p.file.Close()
}
