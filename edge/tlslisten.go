//go:build linux

package edge

import (
	"crypto/tls"
	"net"
	"os"
	"runtime"
	"sync"
	"time"
)

// handshakeLimit is how long a handshake may take, from the accepting on.
const handshakeLimit = 5 * time.Second

// Curves are the key exchanges that a listeners' port should offer. The hybrid one with ML-KEM is left out: what everybody may hear has
// no secret to keep for decades, and it is work for both sides of a rush of handshakes.
var Curves = []tls.CurveID{tls.X25519, tls.CurveP256}

// NewTLSListener returns a listener whose connections are *tls.Conn that the edge can seat. A net/http server that accepts from it makes
// each handshake in that connection's goroutine. At most so many handshakes as given compute at once; 0 is GOMAXPROCS. One that waits for
// its client counts for none of them, so half-open ones stand in nobody's way. A handshake may take 5 s. The server should have a
// ReadHeaderTimeout: only then does it tell when the handshake is over, and otherwise the request has to come within the same 5 s.
// It changes config: a seat's fragment becomes one record, while crypto/tls would cut a connection's first 128 KiB, which are a seat's
// first half minute, into records of a packet each.
func NewTLSListener(inner net.Listener, config *tls.Config, handshakes int) net.Listener {
	config.DynamicRecordSizingDisabled = true
	return &tlsListener{Listener: inner, server: TLSServers(config, handshakes)}
}

type tlsListener struct {
	net.Listener
	server func(net.Conn) *tls.Conn
}

func (l *tlsListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.server(conn), nil
}

// TLSServers is for a port that speaks more than TLS: it returns a tls.Server for connections that the edge can seat. Time and number of all
// their handshakes are bounded as those of NewTLSListener, apart from them.
func TLSServers(config *tls.Config, handshakes int) func(net.Conn) *tls.Conn {
	if handshakes <= 0 {
		handshakes = runtime.GOMAXPROCS(0)
	}
	slots := make(chan struct{}, handshakes) // full: so many handshakes compute
	return func(conn net.Conn) *tls.Conn { return tlsServer(conn, config, slots) }
}

// TLSServer is TLSServers for one connection: its handshake counts among no others.
func TLSServer(conn net.Conn, config *tls.Config) *tls.Conn { return tlsServer(conn, config, nil) }

func tlsServer(conn net.Conn, config *tls.Config, slots chan struct{}) *tls.Conn {
	w := &wire{conn: conn}
	s := &shake{slots: slots, deadline: time.Now().Add(handshakeLimit)}
	w.shake.Store(s)
	_ = conn.SetDeadline(s.deadline) // a connection that takes no deadline fails at its first read
	return tls.Server(w, config)
}

// shake bounds one handshake.
type shake struct {
	// immutable
	slots    chan struct{} // shared by all handshakes; nil: their number is not bounded
	deadline time.Time

	mu    sync.Mutex
	holds bool // guarded by mu; one of slots
	over  bool // guarded by mu
}

// take waits for a slot to compute in.
func (s *shake) take() error {
	if s.slots == nil {
		return nil
	}
	select {
	case s.slots <- struct{}{}:
	default:
		late := time.NewTimer(time.Until(s.deadline))
		defer late.Stop()
		select {
		case s.slots <- struct{}{}:
		case <-late.C:
			return os.ErrDeadlineExceeded
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds = true
	if s.over {
		s.giveBackLocked()
	}
	return nil
}

// giveBack leaves the slot to others, if there is one.
func (s *shake) giveBack() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.giveBackLocked()
}

func (s *shake) giveBackLocked() {
	if s.holds {
		s.holds = false
		<-s.slots
	}
}

// end gives the slot back for good.
func (s *shake) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.giveBackLocked()
}
