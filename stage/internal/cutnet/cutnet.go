// Package cutnet is a client's network for tests that can be cut: nothing goes out, nothing comes in, and no error says so.
package cutnet

import (
	"net"
	"sync/atomic"
	"testing"

	"github.com/pion/ice/v4"
)

// Net is a network. Its zero value is whole. Its methods may be called from any goroutine.
type Net struct{ cut atomic.Bool }

// Cut cuts the network, or mends it.
func (n *Net) Cut(cut bool) { n.cut.Store(cut) }

// Mux opens a UDP socket on the network, on loopback, which is closed when the test ends.
func (n *Net) Mux(t *testing.T) ice.UDPMux {
	t.Helper()
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: &conn{socket, n}})
	t.Cleanup(func() { _ = mux.Close() })
	return mux
}

type conn struct {
	net.PacketConn
	net *Net
}

func (c *conn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, addr, err := c.PacketConn.ReadFrom(b)
		if err != nil || !c.net.cut.Load() {
			return n, addr, err
		}
	}
}

func (c *conn) WriteTo(b []byte, addr net.Addr) (int, error) {
	if c.net.cut.Load() {
		return len(b), nil
	}
	return c.PacketConn.WriteTo(b, addr)
}
