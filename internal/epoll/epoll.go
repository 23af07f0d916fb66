//go:build linux

// Package epoll is what an event loop waits with: an epoll, and an eventfd by which other goroutines wake it. How it waits is the loop's own.
package epoll

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// WakeSlot marks the events of the waker.
const WakeSlot = -1

// Set is an epoll with a waker in it. All methods but Wake belong to the goroutine that waits.
//
// Calls that do not block go to the kernel past Go's scheduler, which would take the longer ones for calls that block.
type Set struct {
	FD    int // the epoll
	Waker int // the eventfd
}

// New makes a set. Close ends it.
func New() (Set, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return Set{}, fmt.Errorf("make an epoll: %w", err)
	}
	waker, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epoll)
		return Set{}, fmt.Errorf("make an eventfd: %w", err)
	}
	s := Set{FD: epoll, Waker: waker}
	err = s.Control(unix.EPOLL_CTL_ADD, waker, WakeSlot, 0, unix.EPOLLIN)
	if err != nil {
		s.Close()
		return Set{}, err
	}
	return s, nil
}

// Control says what a socket is watched for. The kernel gives slot (the event's Fd) and generation (its Pad) back untouched.
func (s *Set) Control(op, fd int, slot, generation int32, events uint32) error {
	event := unix.EpollEvent{Events: events, Fd: slot, Pad: generation}
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(s.FD), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(&event)), 0, 0)
	if errno != 0 {
		return fmt.Errorf("watch a socket: %w", errno)
	}
	return nil
}

// Wake makes a wait return. Any goroutine may call it while the set is open.
func (s *Set) Wake() {
	one := [8]byte{1}
	_, _ = unix.Write(s.Waker, one[:]) // fails only when a wake-up is due already
}

// Calm takes the wake-ups so far as heard.
func (s *Set) Calm() {
	var count [8]byte
	_, _, _ = unix.RawSyscall(unix.SYS_READ, uintptr(s.Waker), uintptr(unsafe.Pointer(&count)), uintptr(len(count))) // fails only when there is none
}

// Close ends it.
func (s *Set) Close() {
	unix.Close(s.Waker)
	unix.Close(s.FD)
}
