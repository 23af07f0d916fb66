//go:build linux

package edge

import (
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// wire is the connection below a listener's tls.Conn. At first it passes everything through and blocks, for the handshake and for
// net/http. Once its seat is a section's it never blocks: what crypto/tls writes is gathered for the section to send, since for
// crypto/tls any error of a write is for ever, and a read that finds nothing returns notNow, which for crypto/tls is not.
type wire struct {
	conn net.Conn

	shake atomic.Pointer[shake] // the handshake; nil once it is over

	// owned by the section, once there is one
	tls     *tls.Conn // over this wire
	records *[]byte   // where writes are gathered: the section's; nil while the wire passes through
	rest    []byte    // records that the socket has not taken
	fd      int32
	read    int32 // bytes read since the section last set it to 0
}

// Read implements net.Conn.
func (w *wire) Read(p []byte) (int, error) {
	if w.records != nil {
		return w.receive(p)
	}
	shake := w.shake.Load()
	if shake == nil {
		return w.conn.Read(p)
	}
	shake.giveBack()
	n, err := w.conn.Read(p)
	if err == nil {
		err = shake.take()
	}
	return n, err
}

// receive reads what the socket has.
func (w *wire) receive(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, open := receive(w.fd, p)
	w.read += int32(n)
	switch {
	case !open:
		return 0, io.EOF
	case n == 0:
		return 0, notNow{}
	}
	return n, nil
}

// Write implements net.Conn.
func (w *wire) Write(p []byte) (int, error) {
	if w.records == nil {
		return w.conn.Write(p)
	}
	*w.records = append(*w.records, p...)
	return len(p), nil
}

// Close implements net.Conn.
func (w *wire) Close() error {
	w.settle()
	return w.conn.Close()
}

// settle ends the handshake's limits: it is over, or nobody waits for it any more.
func (w *wire) settle() {
	if s := w.shake.Swap(nil); s != nil {
		s.end()
	}
}

// until is the deadline to set for one that is asked for. While the handshake goes on its own limit holds beside it; whoever takes
// all deadlines off has seen its end, as net/http does after the handshake and before it lets a connection be taken over.
func (w *wire) until(t time.Time) time.Time {
	s := w.shake.Load()
	switch {
	case s == nil:
		return t
	case t.IsZero():
		w.settle()
		return t
	case t.After(s.deadline):
		return s.deadline
	}
	return t
}

// SetDeadline implements net.Conn. It has no effect once a section has the wire, as nothing waits.
func (w *wire) SetDeadline(t time.Time) error {
	if w.records != nil {
		return nil
	}
	return w.conn.SetDeadline(w.until(t))
}

// SetReadDeadline implements net.Conn.
func (w *wire) SetReadDeadline(t time.Time) error {
	if w.records != nil {
		return nil
	}
	return w.conn.SetReadDeadline(w.until(t))
}

// SetWriteDeadline implements net.Conn.
func (w *wire) SetWriteDeadline(t time.Time) error {
	if w.records != nil {
		return nil
	}
	return w.conn.SetWriteDeadline(w.until(t))
}

// LocalAddr implements net.Conn.
func (w *wire) LocalAddr() net.Addr { return w.conn.LocalAddr() }

// RemoteAddr implements net.Conn.
func (w *wire) RemoteAddr() net.Addr { return w.conn.RemoteAddr() }

// notNow says that the socket has nothing yet.
type notNow struct{}

func (notNow) Error() string { return "nothing has come yet" }

// Timeout makes it look like a deadline that has passed.
func (notNow) Timeout() bool { return true }

// Temporary is what crypto/tls asks before it remembers an error.
func (notNow) Temporary() bool { return true }
