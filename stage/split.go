package stage

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// sniffTimeout closes a connection that does not say what it is.
	sniffTimeout = 5 * time.Second
	// maxSniffing bounds the connections that have said nothing yet; the one that has been silent longest gives way. And those that wait for
	// Accept: one more is closed.
	maxSniffing = 512
	// maxTCP bounds the media connections over TCP of all rooms.
	maxTCP = 1024
)

// protocol is what a connection speaks, by its first bytes.
type protocol int

const (
	undecided protocol = iota // more bytes are needed
	web                       // TLS or plain HTTP
	media                     // framed STUN (RFC 4571 and RFC 6544): ICE over TCP
	junk                      // begins as media does, and is not
)

const (
	sniffBytes  = 10         // length, STUN type, STUN length, magic cookie
	stunCookie  = 0x2112A442 // RFC 8489, section 5
	stunHeader  = 20
	maxFirstLen = 511 // bytes of a first check; pion accepts no more than 512
)

// classify tells the protocol. A TLS record begins with 22 and HTTP with a letter; the frame of a first ICE check has a length
// of at most 511, so it begins with 0 or 1.
func classify(b []byte) protocol {
	if len(b) == 0 {
		return undecided
	}
	if b[0] > maxFirstLen>>8 {
		return web
	}
	if len(b) < sniffBytes {
		return undecided
	}
	length, kind := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	if length < stunHeader || length > maxFirstLen || kind != 0x0001 || binary.BigEndian.Uint32(b[6:]) != stunCookie {
		return junk
	}
	return media
}

// Split lets media over TCP share the port of ln: connections that begin with an ICE check go to the stage, all others to the
// listener that it returns. From then on answers carry TCP candidates with ln's port. Closing the returned listener closes ln
// and waits for the goroutines; media connections that were taken over stay with their sessions.
func (s *Stage) Split(ln net.Listener) net.Listener {
	if addr, ok := ln.Addr().(*net.TCPAddr); ok {
		s.network.tcpPort.Store(uint32(addr.Port))
	}
	sp := &splitter{
		Listener: ln, media: s.network.tcpConns, timeout: sniffTimeout, limit: maxSniffing,
		web: make(chan net.Conn), done: make(chan struct{}),
	}
	sp.wg.Go(sp.accept)
	return sp
}

// splitter is a listener that keeps the media connections for itself.
type splitter struct {
	// immutable
	net.Listener
	media   *connQueue
	timeout time.Duration
	limit   int
	web     chan net.Conn
	done    chan struct{} // closed when the listener is

	wg sync.WaitGroup

	mu       sync.Mutex
	closed   bool       // guarded by mu
	err      error      // guarded by mu; why accepting ended
	sniffing []net.Conn // guarded by mu; silent ones, oldest first
	passing  int        // guarded by mu; those that wait for Accept
}

func (s *splitter) accept() {
	for {
		conn, err := s.Listener.Accept()
		if err != nil {
			var temporary interface{ Temporary() bool }
			if errors.As(err, &temporary) && temporary.Temporary() { //nolint:staticcheck // as net/http: out of file descriptors passes
				select {
				case <-time.After(50 * time.Millisecond): // let others close theirs
					continue
				case <-s.done:
				}
			}
			s.end(err)
			return
		}
		if s.begin(conn) {
			s.wg.Go(func() { s.sniff(conn) })
		}
	}
}

// begin notes a connection that has said nothing yet.
func (s *splitter) begin(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close()
		return false
	}
	if len(s.sniffing) >= s.limit {
		_ = s.sniffing[0].Close()
		s.sniffing = s.sniffing[1:]
	}
	s.sniffing = append(s.sniffing, conn)
	return true
}

func (s *splitter) decided(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sniffing = slices.DeleteFunc(s.sniffing, func(c net.Conn) bool { return c == conn })
}

// pass lets a connection wait for Accept, unless too many do. It is not silent from then on.
func (s *splitter) pass(conn net.Conn) bool {
	s.decided(conn)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.passing >= s.limit {
		return false
	}
	s.passing++
	return true
}

func (s *splitter) passed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passing--
}

func (s *splitter) sniff(conn net.Conn) {
	defer s.decided(conn)
	head, kind := readHead(conn, s.timeout)
	c := &peekedConn{Conn: conn, head: head}
	switch kind {
	case media:
		s.media.offer(mediaConn{c})
	case web:
		if !s.pass(conn) {
			_ = conn.Close()
			return
		}
		defer s.passed()
		var plain net.Conn = c
		if head[0] == methodSource[0] {
			plain = &sourceConn{peekedConn: c}
		}
		select {
		case s.web <- plain:
		case <-s.done:
			_ = conn.Close()
		}
	default:
		_ = conn.Close()
	}
}

// readHead reads as much as it takes to tell what a connection speaks, and leaves no deadline on it.
func readHead(conn net.Conn, timeout time.Duration) ([]byte, protocol) {
	err := conn.SetReadDeadline(time.Now().Add(timeout))
	if err != nil {
		return nil, junk
	}
	var buf [sniffBytes]byte
	n, kind := 0, undecided
	for kind == undecided {
		m, err := conn.Read(buf[n:])
		n += m
		kind = classify(buf[:n])
		if err != nil && kind == undecided {
			return nil, junk
		}
	}
	err = conn.SetReadDeadline(time.Time{})
	if err != nil {
		return nil, junk
	}
	return buf[:n], kind
}

func (s *splitter) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed, s.err = true, err
	for _, conn := range s.sniffing {
		_ = conn.Close()
	}
	close(s.done)
}

// Accept returns the next connection that speaks TLS or HTTP.
func (s *splitter) Accept() (net.Conn, error) {
	select {
	case conn := <-s.web:
		return conn, nil
	case <-s.done:
		s.mu.Lock()
		defer s.mu.Unlock()
		return nil, s.err
	}
}

// Close closes the listener and the connections that have said nothing yet.
func (s *splitter) Close() error {
	s.end(net.ErrClosed)
	err := s.Listener.Close()
	s.wg.Wait()
	return ignoreClosed(err)
}

// peekedConn gives back what was read to tell its protocol.
type peekedConn struct {
	net.Conn
	head []byte
}

func (c *peekedConn) Read(b []byte) (int, error) {
	if len(c.head) == 0 {
		return c.Conn.Read(b)
	}
	n := copy(b, c.head)
	c.head = c.head[n:]
	return n, nil
}

// NetConn is the connection below. Once a request was read, nothing of what was peeked at is left.
func (c *peekedConn) NetConn() net.Conn { return c.Conn }

// connQueue is a listener that is handed its connections, and bounds how many are open.
type connQueue struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
	slots chan struct{} // one for each open connection
}

func newConnQueue(limit int) *connQueue {
	return &connQueue{conns: make(chan net.Conn), done: make(chan struct{}), slots: make(chan struct{}, limit)}
}

// offer hands over a connection, or closes it where there are too many.
func (q *connQueue) offer(conn net.Conn) {
	select {
	case q.slots <- struct{}{}:
	default:
		_ = conn.Close()
		return
	}
	counted := &countedConn{Conn: conn, release: func() { <-q.slots }}
	select {
	case q.conns <- counted:
	case <-q.done:
		_ = counted.Close()
	}
}

// Accept returns the next connection that was handed over.
func (q *connQueue) Accept() (net.Conn, error) {
	select {
	case conn := <-q.conns:
		return conn, nil
	case <-q.done:
		return nil, io.EOF
	}
}

// Close ends Accept.
func (q *connQueue) Close() error {
	q.once.Do(func() { close(q.done) })
	return nil
}

// Addr stands for whatever the split listeners are bound to.
func (q *connQueue) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4zero, Port: discardPort} }

// countedConn gives its place back when it is closed.
type countedConn struct {
	net.Conn
	once    sync.Once
	release func()
}

func (c *countedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.release)
	return err
}
