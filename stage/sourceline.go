package stage

import (
	"bytes"
	"net"
)

// sourceLineMost is the longest first line that is looked at for Icecast's old way.
const sourceLineMost = 4 << 10

// sourceConn is a connection whose request may be Icecast's old one, "SOURCE /mount ICE/1.0": net/http is told that it is HTTP/1.0, which it
// is but for that name. All else is left as it is.
type sourceConn struct {
	*peekedConn
	line []byte
	read bool
}

// Read reads up to the end of the first line first; the server's deadline for the head bounds it.
func (c *sourceConn) Read(b []byte) (int, error) {
	if !c.read {
		err := c.readLine()
		if err != nil {
			return 0, err
		}
	}
	if len(c.line) == 0 {
		return c.peekedConn.Read(b)
	}
	n := copy(b, c.line)
	c.line = c.line[n:]
	return n, nil
}

func (c *sourceConn) readLine() error {
	buf := make([]byte, sourceLineMost)
	n := 0
	for n < len(buf) && bytes.IndexByte(buf[:n], '\n') < 0 {
		m, err := c.peekedConn.Read(buf[n:])
		n += m
		if err != nil && n == 0 {
			return err
		}
		if err != nil {
			break // it comes again at the next read
		}
	}
	c.line, c.read = rewriteSource(buf[:n]), true
	return nil
}

// NetConn is the connection below.
func (c *sourceConn) NetConn() net.Conn { return c.peekedConn }

// rewriteSource makes HTTP of a head that begins with Icecast's old request line, and returns others as they are.
func rewriteSource(head []byte) []byte {
	const old, now = " ICE/1.0", " HTTP/1.0"
	line, rest, whole := bytes.Cut(head, []byte("\n"))
	line, end := bytes.CutSuffix(line, []byte("\r"))
	if !whole || !bytes.HasPrefix(line, []byte(methodSource+" ")) || !bytes.HasSuffix(line, []byte(old)) {
		return head
	}
	out := append(bytes.Clone(line[:len(line)-len(old)]), now...)
	if end {
		out = append(out, '\r')
	}
	return append(append(out, '\n'), rest...)
}
