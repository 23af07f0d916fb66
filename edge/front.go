//go:build linux

package edge

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/tape"
)

// front is the listeners' port in plain text. It gives seats to requests of the usual form itself: no goroutine, no reader and no
// net.Conn is made for them, which is most of what a join costs otherwise. It understands just enough of HTTP to know which requests
// these are. All others, and whoever gets no seat, it leaves to the net/http server that accepts from it, as if it were not there.
type front struct {
	// immutable
	edge   *Edge
	file   *os.File // owner of the listening socket
	raw    syscall.RawConn
	addr   net.Addr
	passed chan passed   // to whoever accepts
	closed chan struct{} // closed by Close
	done   chan struct{} // closed when greet has returned
	close  func() error

	buffer [frontBuffer]byte // owned by greet
}

// passed is a connection that is left to net/http, and what was read from it.
type passed struct {
	fd   int
	read []byte
}

const (
	// frontBuffer is the longest request that front looks at: bufio.Reader's size, so that what was read fits into one of its reads.
	frontBuffer = 4 << 10

	// frontTurn is how many connections are accepted before front looks whether it was closed.
	frontTurn = 64

	// deferSeconds is how long the kernel keeps a connection to itself that has sent nothing yet.
	deferSeconds = 1
)

// passedMost is how many connections may wait for net/http to accept them, where so many may wait for their request; more are turned away.
func passedMost(waiting int) int { return max(1, min(1024, waiting/4)) }

// Front takes over a listening socket, for a net/http server of Handler to accept from. It is for plain text, and for a socket that clients
// reach themselves: below TLS or the PROXY protocol nobody can tell from the first bytes what is asked. The listener that it returns is
// closed before the edge is. l must not speak Multipath TCP.
func (e *Edge) Front(l *net.TCPListener) (net.Listener, error) {
	file, err := l.File()
	if err != nil {
		return nil, fmt.Errorf("edge: take the port over: %w", err)
	}
	addr := l.Addr()
	// The socket stays open by the file. Go's poller would wake up for both.
	err = l.Close()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("edge: take the port over: %w", err)
	}
	raw, err := file.SyscallConn()
	if err == nil {
		err = e.prepareFront(raw)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("edge: take the port over: %w", err)
	}
	f := &front{
		edge: e, file: file, raw: raw, addr: addr,
		passed: make(chan passed, passedMost(e.config.MaxWaiting)), closed: make(chan struct{}), done: make(chan struct{}),
	}
	f.close = sync.OnceValue(f.shut)
	go f.greet() // Close waits for done
	return f, nil
}

// prepareFront sets what accepted sockets inherit, so that a seat's socket needs no call of its own.
func (e *Edge) prepareFront(raw syscall.RawConn) (err error) {
	outer := raw.Control(func(fd uintptr) {
		err = errors.Join(
			seatOptions(int(fd), e.config.MaxStuck),
			unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, deferSeconds),
		)
	})
	return errors.Join(outer, err)
}

// Addr implements net.Listener.
func (f *front) Addr() net.Addr { return f.addr }

// Close implements net.Listener.
func (f *front) Close() error { return f.close() }

func (f *front) shut() error {
	close(f.closed)
	err := f.file.Close()
	<-f.done
	for {
		select {
		case p := <-f.passed:
			unix.Close(p.fd)
		default:
			return err
		}
	}
}

// Accept implements net.Listener, for what front leaves to others.
func (f *front) Accept() (net.Conn, error) {
	for {
		select {
		case p := <-f.passed:
			conn, err := p.open(&f.edge.meter)
			if err == nil {
				return conn, nil
			}
			f.edge.config.Log.Debug("a connection was gone before it was looked at", "error", err)
		case <-f.closed:
			return nil, net.ErrClosed
		}
	}
}

// open makes it a connection as net would, and counts what goes over it.
func (p passed) open(m *meter) (net.Conn, error) {
	file := os.NewFile(uintptr(p.fd), "connection")
	defer file.Close() // net.FileConn has a descriptor of its own
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	return &metered{Conn: conn, of: m, read: p.read}, nil
}

// Waits of greet when the kernel gives no connections.
const (
	shortageFirst = 5 * time.Millisecond
	shortageMost  = time.Second
)

// greet accepts until front is closed.
func (f *front) greet() {
	defer close(f.done)
	pause := time.Duration(0)
	for {
		var failed unix.Errno
		err := f.raw.Read(func(fd uintptr) bool {
			for range frontTurn {
				failed = f.next(int(fd))
				switch failed {
				case 0, unix.EINTR, unix.ECONNABORTED:
					continue
				}
				return failed != unix.EAGAIN
			}
			return true
		})
		switch {
		case err != nil:
			return // it was closed
		case failed == 0 || failed == unix.EINTR || failed == unix.ECONNABORTED:
			pause = 0
			continue
		}
		pause = min(max(shortageFirst, 2*pause), shortageMost)
		f.edge.config.Log.Warn("no connection can be accepted for now", "error", failed, "again_in", pause)
		select {
		case <-f.closed:
		case <-time.After(pause):
		}
	}
}

// next accepts one connection and finds a place for it.
func (f *front) next(listening int) unix.Errno {
	var from unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	r, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listening), uintptr(unsafe.Pointer(&from)), uintptr(unsafe.Pointer(&size)),
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return errno
	}
	fd := int32(r)
	n, open := receive(fd, f.buffer[:])
	f.edge.meter.in.Add(uint64(n))
	switch {
	case !open:
		unix.Close(int(fd))
	case !f.edge.greet(fd, f.buffer[:n], addressOf(&from)):
		f.pass(fd, f.buffer[:n])
	}
	return 0
}

// pass leaves a connection to whoever accepts. Where too many wait for him already those behind wait with it, as they would without a
// front, but not for long.
func (f *front) pass(fd int32, read []byte) {
	p := passed{int(fd), bytes.Clone(read)}
	select {
	case f.passed <- p:
		return
	default:
	}
	late := time.NewTimer(goingPatience)
	defer late.Stop()
	select {
	case f.passed <- p:
		return
	case <-late.C:
		f.edge.door.turnedAway.Add(1)
		f.edge.answer(fd, turnedAway[int(f.edge.config.Random()*float64(len(turnedAway)))])
	case <-f.closed:
	}
	unix.Close(p.fd)
}

// addressOf reads what accept4 tells of the other end; the zero Addr where that is no IP address.
func addressOf(a *unix.RawSockaddrAny) netip.Addr {
	switch a.Addr.Family {
	case unix.AF_INET:
		return netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(a)).Addr)
	case unix.AF_INET6:
		return plainAddress(netip.AddrFrom16((*unix.RawSockaddrInet6)(unsafe.Pointer(a)).Addr))
	}
	return netip.Addr{}
}

// greet gives a seat to a connection whose first bytes are a request of the usual form, or says why there is none for now. It reports
// whether it did; else nothing has happened to the connection, and the caller still owns it.
func (e *Edge) greet(fd int32, head []byte, from netip.Addr) bool {
	if e.config.ProxyHeader != "" && contains(e.config.ProxyFrom, from) {
		return false // who comes stands in the head
	}
	room, file, query, ok := usualRequest(head)
	if !ok {
		return false
	}
	c := mp4
	if file == "live.ogg" {
		c = oggOpus
	}
	ask, err := parseQuery(query, c)
	if err != nil {
		return false
	}
	ask.container, ask.origin, ask.key = c, originOf(from), hubKey{room, tape.Floor}
	if e.find(&ask) != nil {
		return false
	}
	h, ticket, err := e.take(ask)
	if err != nil {
		if !e.turnDown(fd, e.tellInside(err, room)) {
			return false
		}
		e.turnedDown(err, ask)
		return true
	}
	defer e.joining.Done()
	reel := h.reels[ask.variant]
	if !reel.begins() || !reel.reachesBack(ask.from, e.depthOf(ask)) {
		e.giveBack(h, ticket) // he has to wait
		return false
	}
	e.offered.Add(1)
	e.place(&seat{conn: socket(fd), fd: fd, ticket: ticket}, h, ask)
	return true
}

// turnDown answers a request that got no seat for now, and closes its connection: when a house is full most who come are turned down, and
// what that costs is taken from those who sit. It reports whether it did, as greet.
func (e *Edge) turnDown(fd int32, err error) bool {
	p, ok := errors.AsType[problem.Problem](err)
	if !ok || p.RetryAfter == 0 {
		return false
	}
	e.offered.Add(1)
	e.count(p)
	e.answer(fd, p.Answer(e.config.Now()))
	unix.Close(int(fd))
	return true
}

// answer sends what a new socket takes at once, if it is not gone.
func (e *Edge) answer(fd int32, p []byte) {
	n, _ := send(fd, p)
	e.meter.out.Add(uint64(n))
}

// socket is a descriptor that Go's poller does not know.
type socket int32

// Close implements io.Closer.
func (s socket) Close() error { return unix.Close(int(s)) }
