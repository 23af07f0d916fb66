//go:build linux

// Package loop is the floor that the edge is measured against: a loop of send calls.
package loop

import (
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Plan is what a loop writes.
type Plan struct {
	Bytes    []byte        // to each socket, once per interval
	Interval time.Duration // in which every socket has its turn, evenly spread
	For      time.Duration
	Step     time.Duration // how often the loop looks what is due
	Whole    bool          // write the rest of what a socket did not take at once, since a stream depends on it
}

// Result is what came of it.
type Result struct {
	Writes uint64        `json:"writes"`
	Short  uint64        `json:"short"`  // the socket took less than all
	Failed uint64        `json:"failed"` // the socket was gone
	Late   time.Duration `json:"-"`      // the greatest lateness of a write
}

// Plus adds two results.
func (r Result) Plus(o Result) Result {
	return Result{r.Writes + o.Writes, r.Short + o.Short, r.Failed + o.Failed, max(r.Late, o.Late)}
}

// Spread runs as many loops as there are parts, at once.
func Spread(parts [][]int32, p Plan) Result {
	results := make([]Result, len(parts))
	var wait sync.WaitGroup
	for i, fds := range parts {
		wait.Go(func() { results[i] = Run(fds, p) })
	}
	wait.Wait()
	var all Result
	for _, r := range results {
		all = all.Plus(r)
	}
	return all
}

// Run writes to the sockets in their order. What is due is a function of the clock, so a late loop catches up.
func Run(fds []int32, p Plan) (r Result) {
	if len(fds) == 0 {
		return r
	}
	begin := time.Now()
	for done, last := 0, false; !last; {
		elapsed := time.Since(begin)
		last = elapsed >= p.For
		due := int(float64(min(elapsed, p.For)) / float64(p.Interval) * float64(len(fds)))
		if due > done {
			scheduled := time.Duration(float64(done) / float64(len(fds)) * float64(p.Interval))
			r.Late = max(r.Late, elapsed-scheduled-p.Step)
		}
		for ; done < due; done++ {
			r.write(fds[done%len(fds)], p)
		}
		time.Sleep(max(0, p.Step-(time.Since(begin)-elapsed)))
	}
	return r
}

func (r *Result) write(fd int32, p Plan) {
	r.Writes++
	n, errno := Send(fd, p.Bytes)
	switch {
	case errno != 0 && errno != unix.EAGAIN:
		r.Failed++
	case n < len(p.Bytes):
		r.Short++
		if p.Whole {
			r.finish(fd, p.Bytes[n:])
		}
	}
}

// finish waits for a socket that a listener stopped reading from: rare, and counted as short.
func (r *Result) finish(fd int32, rest []byte) {
	for len(rest) > 0 {
		_, err := unix.Poll([]unix.PollFd{{Fd: fd, Events: unix.POLLOUT}}, 1000)
		n, errno := Send(fd, rest)
		if err != nil && err != unix.EINTR || errno != 0 && errno != unix.EAGAIN {
			r.Failed++
			return
		}
		rest = rest[n:]
	}
}

// Send hands p to a socket without waiting.
func Send(fd int32, p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}
