//go:build linux

package edge

import (
	"net"
	"sync/atomic"
)

// meter counts what goes over connections that are no seats, or not yet: requests, answers, refusals, pages, handshakes. What seats are sent
// their sections count.
type meter struct{ in, out atomic.Uint64 }

func (m *meter) addTo(s *Stats) { s.WaitingIn, s.WaitingOut = m.in.Load(), m.out.Load() }

// Meter counts the bytes of the connections that l accepts, for Stats.WaitingIn and WaitingOut, until they are seats. It belongs below
// everything else, so that handshakes count; Front counts by itself.
func (e *Edge) Meter(l net.Listener) net.Listener { return meteredListener{l, &e.meter} }

type meteredListener struct {
	net.Listener
	of *meter
}

// Accept implements net.Listener.
func (l meteredListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &metered{Conn: conn, of: l.of}, nil
}

// metered is a connection that is counted, and of which something may have been read, and counted, already. Read has one caller at a time,
// as net/http's.
type metered struct {
	net.Conn
	of   *meter
	read []byte // of before
}

// Read implements net.Conn.
func (c *metered) Read(p []byte) (int, error) {
	if len(c.read) > 0 {
		n := copy(p, c.read)
		c.read = c.read[n:]
		return n, nil
	}
	n, err := c.Conn.Read(p)
	c.of.in.Add(uint64(n))
	return n, err
}

// Write implements net.Conn.
func (c *metered) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.of.out.Add(uint64(n))
	return n, err
}

// NetConn is the connection itself.
func (c *metered) NetConn() net.Conn { return c.Conn }

// Buffered is how much of what was read is left.
func (c *metered) Buffered() int { return len(c.read) }
