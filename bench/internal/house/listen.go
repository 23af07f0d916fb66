//go:build linux

package house

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/bench/internal/frames"
	"github.com/epidaurus-live/epidaurus/edge"
)

func pid() int { return os.Getpid() }

// recorder is a listener that hands out the connections themselves and remembers their descriptors.
type recorder struct {
	*net.TCPListener

	mu    sync.Mutex
	calls []call // guarded by mu; in the order of their coming
}

// call is small, since what is kept here counts as heap per seat.
type call struct {
	fd   int32
	port uint16
	tick uint16 // the frame at which it came, modulo ticks
	ip   [4]byte
}

// ticks is a multiple of all cadences.
const ticks = 768 * 85

// Parsers is the first byte pair of the addresses from which those listeners come who take everything apart.
var Parsers = [2]byte{127, 32}

func listen(congestion string) (*recorder, error) {
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		if congestion == "" {
			return nil
		}
		outer := raw.Control(func(fd uintptr) {
			err = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, congestion) // accepted sockets inherit it
		})
		if err == nil {
			err = outer
		}
		return err
	}}
	lc.SetMultipathTCP(false)
	l, err := lc.Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &recorder{TCPListener: l.(*net.TCPListener)}, nil
}

// Accept implements net.Listener.
func (r *recorder) Accept() (net.Conn, error) {
	conn, err := r.AcceptTCP()
	if err != nil {
		return nil, err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	from := conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	c := call{port: from.Port(), tick: uint16(frames.Now() % ticks), ip: from.Addr().Unmap().As4()}
	err = raw.Control(func(fd uintptr) { c.fd = int32(fd) })
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, c)
	return conn, nil
}

// sockets returns the connections that are still those that were accepted, without the parsers' if asked.
func (r *recorder) sockets(noParsers bool) (there []call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.calls {
		if noParsers && c.ip[0] == Parsers[0] && c.ip[1] == Parsers[1] {
			continue
		}
		peer, err := unix.Getpeername(int(c.fd))
		if err != nil {
			continue
		}
		at, ok := peer.(*unix.SockaddrInet4)
		if ok && at.Port == int(c.port) && netip.AddrFrom4(at.Addr) == netip.AddrFrom4(c.ip) {
			there = append(there, c)
		}
	}
	return there
}

// serverTLS makes a certificate of the kind that the edge serves with: ECDSA on P-256.
func serverTLS() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}, CurvePreferences: edge.Curves,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	}, nil
}
