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
	Bytes []byte        // to each socket, once per round
	Step  time.Duration // from one turn to the next
	For   time.Duration
	Whole bool // write the rest of what a socket did not take at once, since a stream depends on it
}

// Turns are the sockets of each turn of a round.
type Turns [][]int32

// Even makes n turns that are as even as can be.
func Even(fds []int32, n int) Turns {
	turns := make(Turns, n)
	for i, fd := range fds {
		turns[i*n/len(fds)] = append(turns[i*n/len(fds)], fd)
	}
	return turns
}

// Result is what came of it.
type Result struct {
	Writes uint64        `json:"writes"`
	Short  uint64        `json:"short"`  // the socket took less than all
	Failed uint64        `json:"failed"` // the socket was gone
	Late   time.Duration `json:"-"`      // the greatest lateness of a turn
}

// Plus adds two results.
func (r Result) Plus(o Result) Result {
	return Result{r.Writes + o.Writes, r.Short + o.Short, r.Failed + o.Failed, max(r.Late, o.Late)}
}

// Spread runs as many loops as there are parts, at once.
func Spread(parts []Turns, p Plan) Result {
	results := make([]Result, len(parts))
	var wait sync.WaitGroup
	for i, turns := range parts {
		wait.Go(func() { results[i] = Run(turns, p) })
	}
	wait.Wait()
	var all Result
	for _, r := range results {
		all = all.Plus(r)
	}
	return all
}

// Run writes to the sockets turn by turn. What is due is a function of the clock, so a late loop catches up.
func Run(turns Turns, p Plan) (r Result) {
	count := int(p.For / p.Step)
	begin := time.Now()
	for done := 0; done < count; {
		due := min(count, int(time.Since(begin)/p.Step)+1)
		for ; done < due; done++ {
			r.Late = max(r.Late, time.Since(begin)-time.Duration(done)*p.Step)
			for _, fd := range turns[done%len(turns)] {
				r.write(fd, p)
			}
		}
		time.Sleep(time.Until(begin.Add(time.Duration(done) * p.Step)))
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
