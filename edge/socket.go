//go:build linux

package edge

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// maxInput is how many bytes a seat may send after its request, which has nothing to say: they are read and thrown away.
	maxInput = 16 << 10

	// inputBuffer keeps the kernel from holding much of what nobody wants to read.
	inputBuffer = 4 << 10

	// unsentLimit bounds what the kernel holds unsent for one seat. A burst fits in two turns, and a stuck listener shows within
	// seconds instead of a minute, and costs 32 KiB instead of up to some MiB.
	unsentLimit = 32 << 10
)

// bareTCP finds the socket of a connection. What wraps it has a NetConn, as tls.Conn does, and holds nothing back by the time that a
// request was read from it.
func bareTCP(conn net.Conn) (*net.TCPConn, error) {
	for {
		switch c := conn.(type) {
		case *net.TCPConn:
			return c, nil
		case *tls.Conn:
			return nil, errors.New("there is TLS within TLS")
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil, fmt.Errorf("a %T has no socket of its own", conn)
		}
	}
}

// prepare sets the options of a seat's connection and returns its descriptor. The connection stays the descriptor's owner: it must be
// kept while the descriptor is used, and only its Close closes it.
func prepare(conn *net.TCPConn, stuck time.Duration) (fd int32, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("reach the socket: %w", err)
	}
	var failed error
	err = raw.Control(func(f uintptr) {
		fd, failed = int32(f), seatOptions(int(f), stuck)
	})
	if err != nil || failed != nil {
		return 0, fmt.Errorf("prepare the socket: %w", errors.Join(err, failed))
	}
	return fd, nil
}

// seatOptions sets the options of a seat's socket, or of the one that it is accepted from.
func seatOptions(fd int, stuck time.Duration) error {
	return errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(stuck.Milliseconds())),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLimit),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, inputBuffer),
	)
}

// send hands p to a socket without waiting, and returns how much it took. A full socket is no error.
//
// The call is made past Go's scheduler, which takes one of this length for one that blocks: its monitor would give the processor away in
// the middle of every other one, and wake threads to do so.
func send(fd int32, p []byte) (n int, err error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return 0, nil
		}
		return 0, errno
	}
}

// receive reads what a socket has, without waiting. n is 0 where there is nothing now, open is false where there will be nothing more.
func receive(fd int32, p []byte) (n int, open bool) {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		switch errno {
		case 0:
			return int(n), n > 0
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return 0, true
		}
		return 0, false
	}
}

// drop makes the coming Close throw away what is unsent, instead of leaving it with the kernel for a listener who takes nothing.
func drop(fd int32) {
	// Fails only where there is nothing to throw away.
	_ = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}

// Descriptors that seats leave to the rest of the process.
const (
	reserveMost = 1024 // to stage, desk, metrics, bus and database
	reservePart = 4    // at least one in so many, where the limit is low
	waitingMost = 4096 // to connections that have no seat yet, or want none
	waitingPart = 8    // at most one in so many
	filesMost   = 1 << 30

	spareOfFree = 2 // one in so many of those that no seat has taken is lent to connections between two requests
)

// SeatsFor is how many seats an edge gives at most where its process may open so many files.
func SeatsFor(files int) int {
	_, seats := shareFiles(min(files, filesMost), 0)
	return seats
}

// FilesFor is the least number of open files with which an edge gives so many seats.
func FilesFor(seats int) int {
	files := seats
	for SeatsFor(files) < seats && files < filesMost {
		files++ // never beyond what is left to the rest of the process, which is bounded
	}
	return files
}

// boundByFiles sets MaxWaiting and MaxSeats to what fits below the process's limit of open files, or less where they are less.
func (c *Config) boundByFiles() error {
	var limit unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	if err != nil {
		return fmt.Errorf("edge: read the limit of open files: %w", err)
	}
	waiting, seats := shareFiles(int(min(limit.Cur, filesMost)), c.MaxWaiting)
	c.MaxWaiting = waiting
	orDefault(&c.MaxSeats, seats)
	if c.MaxSeats > seats {
		c.Log.Warn("fewer seats than wished: raise the limit of open files (ulimit -n, LimitNOFILE=)", "wished", c.MaxSeats, "seats", seats)
		c.MaxSeats = seats
	}
	return nil
}

// shareFiles divides so many descriptors. wished is how many may wait; 0: the usual number.
func shareFiles(open, wished int) (waiting, seats int) {
	waiting = min(waitingMost, open/waitingPart)
	if wished > 0 {
		waiting = min(wished, open/reservePart)
	}
	return waiting, open - min(reserveMost, open/reservePart) - waiting - passedMost(waiting)
}
