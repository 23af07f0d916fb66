package proxyproto

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// headerTimeout is how long a balancer may take for its header, which it sends before anything else.
const headerTimeout = 2 * time.Second

// Listener hands over connections whose RemoteAddr is what a trusted balancer says. Its methods may be called from any goroutine.
type Listener struct {
	net.Listener
	trusted   []netip.Prefix
	timeout   time.Duration
	malformed atomic.Uint64
}

// NewListener reads headers on the connections of ln that come from trusted. All others are handed over as they are: a header on one of
// them is for whoever reads it no more than the first bytes of a request.
func NewListener(ln net.Listener, trusted []netip.Prefix) *Listener {
	return &Listener{Listener: ln, trusted: trusted, timeout: headerTimeout}
}

// Accept never waits for a header: it is read at the connection's first Read or RemoteAddr.
func (l *Listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil || !l.trusts(conn.RemoteAddr()) {
		return conn, err
	}
	return &Conn{Conn: conn, listener: l}, nil
}

// Malformed is how many connections were closed because a trusted balancer sent no header, or one that cannot be read, or took too long.
func (l *Listener) Malformed() uint64 { return l.malformed.Load() }

func (l *Listener) trusts(peer net.Addr) bool {
	tcp, ok := peer.(*net.TCPAddr)
	if !ok {
		return false
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	for _, p := range l.trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// Conn is a connection that begins with a header. It keeps nothing of what follows.
type Conn struct {
	net.Conn
	listener *Listener
	once     sync.Once
	source   net.Addr // set by once; nil: the peer itself
	err      error    // set by once

	mu       sync.Mutex
	deadline time.Time // guarded by mu; for reading, as the connection's user wants it
	limit    time.Time // guarded by mu; of the header while it is read, and zero otherwise
}

// NetConn returns the connection beneath. Once the header has been read it carries the same bytes.
func (c *Conn) NetConn() net.Conn { return c.Conn }

// Read reads what follows the header.
func (c *Conn) Read(b []byte) (int, error) {
	c.once.Do(c.readHeader)
	if c.err != nil {
		return 0, c.err
	}
	return c.Conn.Read(b)
}

// RemoteAddr is the client's address, or the balancer's where that one does not say or cannot be understood.
func (c *Conn) RemoteAddr() net.Addr {
	c.once.Do(c.readHeader)
	if c.source == nil {
		return c.Conn.RemoteAddr()
	}
	return c.source
}

// SetReadDeadline implements net.Conn. The header has its own deadline beside.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return c.applyLocked()
}

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	err := c.SetReadDeadline(t)
	if err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// applyLocked sets the earlier one of the two deadlines. The caller holds mu.
func (c *Conn) applyLocked() error {
	t := c.deadline
	if !c.limit.IsZero() && (t.IsZero() || c.limit.Before(t)) {
		t = c.limit
	}
	return c.Conn.SetReadDeadline(t)
}

// bound sets the deadline of the header; the zero time takes it away.
func (c *Conn) bound(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit = t
	return c.applyLocked()
}

func (c *Conn) readHeader() {
	h, err := c.header()
	if err != nil {
		c.err = err
		c.listener.malformed.Add(1)
		_ = c.Close() // there is nobody to tell
		return
	}
	if h.Source.IsValid() {
		c.source = net.TCPAddrFromAddrPort(h.Source)
	}
}

func (c *Conn) header() (Header, error) {
	err := c.bound(time.Now().Add(c.listener.timeout))
	if err != nil {
		return Header{}, err
	}
	b := make([]byte, 0, 128)
	for {
		h, more, err := Parse(b)
		if err != nil {
			return Header{}, err
		}
		if more == 0 {
			return h, c.bound(time.Time{})
		}
		b = append(b, make([]byte, more)...)
		n, err := c.Conn.Read(b[len(b)-more:])
		b = b[:len(b)-more+n]
		if n == 0 && err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return Header{}, err
		}
	}
}
