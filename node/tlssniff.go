package node

import (
	"crypto/tls"
	"net"
)

// tlsRecord is the first byte of a TLS handshake (RFC 8446, section 5.1); HTTP begins with a letter.
const tlsRecord = 0x16

// tlsOrPlain speaks TLS with whoever begins it. The listener under it must hand over connections whose first byte is already there.
type tlsOrPlain struct {
	net.Listener
	secure func(net.Conn) *tls.Conn // tls.Server
}

func (l tlsOrPlain) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	p := &firstByte{Conn: conn}
	p.left, _ = conn.Read(p.first[:]) // an error comes again at the server's first read
	if p.left == 0 {
		return p, nil
	}
	if p.first[0] == tlsRecord {
		return l.secure(p), nil
	}
	return p, nil
}

// firstByte gives back the byte that was read to tell the protocol.
type firstByte struct {
	net.Conn
	first [1]byte
	left  int
}

func (c *firstByte) Read(b []byte) (int, error) {
	if c.left == 0 || len(b) == 0 {
		return c.Conn.Read(b)
	}
	c.left = 0
	b[0] = c.first[0]
	return 1, nil
}

// NetConn is the connection below, for the edge to find the socket.
func (c *firstByte) NetConn() net.Conn { return c.Conn }
