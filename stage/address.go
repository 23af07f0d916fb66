package stage

import (
	"fmt"
	"net"

	"github.com/pion/ice/v4"
	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
)

// What stands for all local addresses of a family where pion wants to know one: clients never see them. They are from the
// blocks for documentation (RFC 5737 and RFC 3849), since pion skips the loopback addresses in places.
var (
	localIPv4 = net.IPv4(192, 0, 2, 1)
	localIPv6 = net.ParseIP("2001:db8::1")
)

// discardPort stands where pion wants a TCP port.
const discardPort = 9

// oneAddressMux tells pion of one local address a family, of a UDP socket that may have many.
type oneAddressMux struct{ *ice.UDPMuxDefault }

// GetListenAddresses returns the socket's own address, or those that stand for all where it is bound to none.
func (m oneAddressMux) GetListenAddresses() []net.Addr {
	own, ok := m.LocalAddr().(*net.UDPAddr)
	if !ok || !own.IP.IsUnspecified() {
		return []net.Addr{m.LocalAddr()}
	}
	addrs := []net.Addr{&net.UDPAddr{IP: localIPv4, Port: own.Port}}
	if own.IP.To4() == nil {
		addrs = append(addrs, &net.UDPAddr{IP: localIPv6, Port: own.Port})
	}
	return addrs
}

// oneAddressNet tells pion, which looks there for where TCP connections may come in, of one interface with one address a family.
type oneAddressNet struct {
	*stdnet.Net
	local *transport.Interface
}

func newOneAddressNet() (oneAddressNet, error) {
	machine, err := stdnet.NewNet()
	if err != nil {
		return oneAddressNet{}, fmt.Errorf("look at the machine's network: %w", err)
	}
	local := transport.NewInterface(net.Interface{Index: 1, MTU: 1500, Name: "stage", Flags: net.FlagUp})
	local.AddAddress(&net.IPNet{IP: localIPv4, Mask: net.CIDRMask(32, 32)})
	local.AddAddress(&net.IPNet{IP: localIPv6, Mask: net.CIDRMask(128, 128)})
	return oneAddressNet{machine, local}, nil
}

// Interfaces returns the one interface.
func (n oneAddressNet) Interfaces() ([]*transport.Interface, error) {
	return []*transport.Interface{n.local}, nil
}

// mediaConn is a TCP connection that came in at the one local address that pion knows of, whichever the client used.
type mediaConn struct{ net.Conn }

// LocalAddr returns the address that stands for all of the client's family.
func (c mediaConn) LocalAddr() net.Addr {
	remote, _ := c.RemoteAddr().(*net.TCPAddr)
	if remote != nil && remote.IP.To4() == nil {
		return &net.TCPAddr{IP: localIPv6, Port: discardPort}
	}
	return &net.TCPAddr{IP: localIPv4, Port: discardPort}
}
