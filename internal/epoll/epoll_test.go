//go:build linux

package epoll

import (
	"testing"

	"golang.org/x/sys/unix"
)

// A wake-up is an event of its own until it is heard, however many there were; what is watched comes with its slot and generation.
func TestSet(t *testing.T) {
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	wait := func() []unix.EpollEvent {
		events := make([]unix.EpollEvent, 8)
		n, err := unix.EpollWait(s.FD, events, 0)
		if err != nil {
			t.Fatal(err)
		}
		return events[:n]
	}
	if got := wait(); len(got) != 0 {
		t.Errorf("%+v before anything happened", got)
	}
	s.Wake()
	s.Wake()
	if got := wait(); len(got) != 1 || got[0].Fd != WakeSlot {
		t.Errorf("%+v after two wake-ups", got)
	}
	s.Calm()
	s.Calm()
	if got := wait(); len(got) != 0 {
		t.Errorf("%+v after they were heard", got)
	}
	var ends [2]int
	err = unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ends[0])
	defer unix.Close(ends[1])
	err = s.Control(unix.EPOLL_CTL_ADD, ends[1], 7, 9, unix.EPOLLOUT)
	if got := wait(); err != nil || len(got) != 1 || got[0].Fd != 7 || got[0].Pad != 9 {
		t.Errorf("%+v, %v", got, err)
	}
	if s.Control(unix.EPOLL_CTL_ADD, ends[1], 7, 9, unix.EPOLLOUT) == nil {
		t.Error("a socket is watched twice")
	}
	if n := testing.AllocsPerRun(100, func() { _ = s.Control(unix.EPOLL_CTL_MOD, ends[1], 7, 9, 0); s.Wake(); s.Calm() }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
