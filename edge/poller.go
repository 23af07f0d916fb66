//go:build linux

package edge

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// poller is a section's epoll and the eventfd that wakes it. All methods but wake belong to the section's goroutine.
type poller struct {
	epoll  int
	waker  int
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
	waker, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epoll)
		return nil, fmt.Errorf("make an eventfd: %w", err)
	}
	p := &poller{epoll: epoll, waker: waker}
	err = p.control(unix.EPOLL_CTL_ADD, waker, wakeSlot, unix.EPOLLIN)
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// wait returns what is ready, after at most timeout; a negative timeout is none. What it returns is valid until the next call.
func (p *poller) wait(timeout time.Duration) []unix.EpollEvent {
	ms := -1
	if timeout >= 0 {
		ms = int((timeout + time.Millisecond - 1) / time.Millisecond)
	}
	n, err := unix.EpollWait(p.epoll, p.events[:], ms)
	if err != nil && !errors.Is(err, unix.EINTR) {
		panic(fmt.Sprintf("edge: epoll_wait: %v", err)) // only a wrong descriptor can be the reason
	}
	return p.events[:max(n, 0)]
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
	err := unix.EpollCtl(p.epoll, op, fd, &unix.EpollEvent{Events: events, Fd: slot})
	if err != nil {
		return fmt.Errorf("watch a socket: %w", err)
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
	_, _ = unix.Read(p.waker, count[:]) // fails only when there is none
}

func (p *poller) close() {
	unix.Close(p.waker)
	unix.Close(p.epoll)
}
