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
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/edge"
)

func pid() int { return os.Getpid() }

// call is a connection that was accepted.
type call struct {
	fd   int32
	from netip.AddrPort
}

// Parsers is the first byte pair of the addresses from which those listeners come who take everything apart.
var Parsers = [2]byte{127, 32}

func listen(congestion string) (*net.TCPListener, error) {
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
	return l.(*net.TCPListener), nil
}

// sockets returns the connections that this process has accepted at a port, in the order of their descriptors, which is about that of
// their coming; without the parsers' if asked.
func sockets(port int, noParsers bool) (there []call, err error) {
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		fd, err := strconv.Atoi(f.Name())
		if err != nil {
			return nil, err
		}
		name, err := unix.Getsockname(fd)
		here, ok := name.(*unix.SockaddrInet4)
		if err != nil || !ok || here.Port != port {
			continue
		}
		name, err = unix.Getpeername(fd)
		peer, ok := name.(*unix.SockaddrInet4)
		if err != nil || !ok || noParsers && peer.Addr[0] == Parsers[0] && peer.Addr[1] == Parsers[1] {
			continue
		}
		there = append(there, call{int32(fd), netip.AddrPortFrom(netip.AddrFrom4(peer.Addr), uint16(peer.Port))})
	}
	slices.SortFunc(there, func(a, b call) int { return int(a.fd - b.fd) })
	return there, nil
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
