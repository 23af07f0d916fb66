//go:build linux

package crowd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/drill/plan"
)

// maxHandshakes bounds the goroutines that compute handshakes, of each loop. Whoever has to wait for one is counted as lag.
const maxHandshakes = 256

// errAgain says that nothing is there now. crypto/tls takes it for what passes, and goes on at the next call.
var errAgain net.Error = againError{}

type againError struct{}

func (againError) Error() string   { return "nothing is there now" }
func (againError) Timeout() bool   { return true }
func (againError) Temporary() bool { return true }

// wire is a socket as crypto/tls sees it. While the handshake lasts the loop reads the socket, and a goroutine waits here for what it read;
// afterwards the loop calls it, and nothing waits.
type wire struct {
	fd  int
	tls *tls.Conn

	mu     sync.Mutex
	some   sync.Cond
	inbox  []byte // guarded by mu
	closed bool   // guarded by mu: nothing more will come
	direct bool   // guarded by mu: the handshake is over
}

func newWire(fd int) *wire {
	w := &wire{fd: fd}
	w.some.L = &w.mu
	return w
}

// feed gives the handshake what was read.
func (w *wire) feed(p []byte) {
	w.mu.Lock()
	w.inbox = append(w.inbox, p...)
	w.mu.Unlock()
	w.some.Signal()
}

// hangUp ends the handshake. The socket stays open until whoever computes it says so.
func (w *wire) hangUp() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.some.Signal()
}

func (w *wire) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.direct && len(w.inbox) == 0 && !w.closed {
		w.some.Wait()
	}
	if len(w.inbox) > 0 {
		n := copy(p, w.inbox)
		w.inbox = w.inbox[n:]
		if len(w.inbox) == 0 {
			w.inbox = nil
		}
		return n, nil
	}
	if !w.direct {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := unix.Read(w.fd, p)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return 0, errAgain
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write waits for a socket that is full, which a listener's few bytes hardly make one.
func (w *wire) Write(p []byte) (int, error) {
	const patience = 1000 // ms
	done := 0
	for done < len(p) {
		n, err := unix.Write(w.fd, p[done:])
		switch {
		case err == nil:
			done += n
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			ready, err := unix.Poll([]unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLOUT}}, patience)
			if err == nil && ready == 0 {
				return done, os.ErrDeadlineExceeded
			}
		default:
			return done, os.NewSyscallError("write", err)
		}
	}
	return done, nil
}

// Close does nothing: the loop closes its sockets itself.
func (w *wire) Close() error                     { return nil }
func (w *wire) LocalAddr() net.Addr              { return nowhere{} }
func (w *wire) RemoteAddr() net.Addr             { return nowhere{} }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

type nowhere struct{}

func (nowhere) Network() string { return "tcp" }
func (nowhere) String() string  { return "drill" }

// newTLS returns how connections are encrypted; nil when they are not.
func newTLS(p *plan.Plan) (*tls.Config, error) {
	if p.TLS.Mode == plan.TLSNone {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: p.TLS.Insecure, NextProtos: []string{"http/1.1"}}
	if p.TLS.Mode == plan.TLSResumed {
		c.ClientSessionCache = tls.NewLRUClientSessionCache(64)
	}
	if p.TLS.CA == "" {
		return c, nil
	}
	text, err := os.ReadFile(p.TLS.CA)
	if err != nil {
		return nil, fmt.Errorf("tls: ca: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("tls: ca: there is no certificate in %s: it must be a PEM file", p.TLS.CA)
	}
	return c, nil
}

// prime makes one connection, so that those of the drill have a session to resume.
func (c *Crowd) prime(ctx context.Context) error {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, target := c.home.route(0)
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", target.String())
	if err != nil {
		return fmt.Errorf("get a TLS session to resume: %w", err)
	}
	defer raw.Close()
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	config := c.tls.Clone()
	config.ServerName = c.home.name
	conn := tls.Client(raw, config)
	const request = "HEAD %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: epidaurus-drill\r\nConnection: close\r\n\r\n"
	_, err = fmt.Fprintf(conn, request, c.home.path, c.home.host)
	if err == nil {
		_, err = conn.Read(make([]byte, 1<<10)) // the session's ticket comes before the answer
	}
	if err != nil {
		return fmt.Errorf("get a TLS session to resume: %w", err)
	}
	return nil
}

// greet begins handshakes, as many as may be computed at a time.
func (l *loop) greet() {
	for l.busy < maxHandshakes && len(l.waiting) > 0 {
		x := l.find(l.waiting[0])
		l.waiting = l.waiting[1:]
		if x == nil || x.state != queued {
			continue
		}
		l.tally.lag.Record(l.now - x.began)
		config := l.configs[x.place.name]
		if config == nil {
			config = l.crowd.tls.Clone()
			config.ServerName = x.place.name
			l.configs[x.place.name] = config
		}
		x.wire = newWire(int(x.fd))
		x.wire.tls = tls.Client(x.wire, config)
		x.state, x.began = handshaking, l.now
		l.busy++
		l.hellos.Add(1)
		go l.hello(x, x.wire, x.request(nil, &l.crowd.config.Plan))
	}
}

// hello computes one handshake and sends the request.
func (l *loop) hello(x *listener, w *wire, request []byte) {
	defer l.hellos.Done()
	begun := time.Now()
	err := w.tls.Handshake()
	if err == nil {
		_, err = w.tls.Write(request)
	}
	took, resumed := time.Since(begun), w.tls.ConnectionState().DidResume
	w.mu.Lock()
	w.direct = true
	w.mu.Unlock()
	l.post(func() { l.greeted(x, took, resumed, err) })
}

// greeted takes a listener back from its handshake.
func (l *loop) greeted(x *listener, took time.Duration, resumed bool, err error) {
	l.busy--
	l.now = l.elapsed()
	defer l.greet()
	if l.listeners[x.slot] != x { // it left meanwhile
		unix.Close(int(x.fd))
		x.state = gone
		return
	}
	if err != nil {
		l.tally.note("handshakes failed: " + err.Error())
		why := "handshake"
		if l.now-x.began > joinPatience {
			why = "timeout"
		}
		l.fail(x, why)
		return
	}
	l.tally.handshook(took, resumed)
	l.asked(x)
	l.readable(x)
}

// feedWire gives a handshake what the socket has.
func (l *loop) feedWire(x *listener) {
	n, err := unix.Read(int(x.fd), l.buffer)
	switch {
	case n > 0:
		if bad := l.bad(x); bad != nil {
			bad.Bytes += int64(n)
		} else {
			l.tally.row(l.now).Bytes += int64(n)
		}
		x.wire.feed(l.buffer[:n])
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
	default:
		x.wire.hangUp()
		err = l.poller.control(unix.EPOLL_CTL_DEL, int(x.fd), x.slot, x.generation, 0)
		if err != nil {
			l.tally.note(err.Error())
		}
	}
}
