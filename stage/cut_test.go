package stage

import (
	"net"
	"sync/atomic"
	"testing"

	"github.com/pion/ice/v4"
)

// cutNet is a client's network that can be cut: nothing goes out and nothing comes in.
type cutNet struct{ cut atomic.Bool }

func (n *cutNet) set(cut bool) { n.cut.Store(cut) }

// mux is a socket on that network, closed when the test ends.
func (n *cutNet) mux(t *testing.T) ice.UDPMux {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: &cutConn{PacketConn: conn, net: n}})
	t.Cleanup(func() { _ = mux.Close() })
	return mux
}

type cutConn struct {
	net.PacketConn
	net *cutNet
}

func (c *cutConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, addr, err := c.PacketConn.ReadFrom(b)
		if err != nil || !c.net.cut.Load() {
			return n, addr, err
		}
	}
}

func (c *cutConn) WriteTo(b []byte, addr net.Addr) (int, error) {
	if c.net.cut.Load() {
		return len(b), nil
	}
	return c.PacketConn.WriteTo(b, addr)
}
