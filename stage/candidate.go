package stage

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
)

// candidates are the a=candidate values (RFC 8839, section 5.1) at which clients reach the media: every address over UDP, then
// every address over TCP once a listener was split. They are read anew for each answer, so that a machine that changed its
// network needs no restart.
func (n *network) candidates() ([]string, error) {
	addrs := n.advertise
	udp := n.media.LocalAddr().(*net.UDPAddr) //nolint:forcetypeassert // newNetwork is given a UDP socket
	if len(addrs) == 0 {
		var err error
		addrs, err = reachable(udp.AddrPort().Addr())
		if err != nil {
			return nil, err
		}
	}
	return candidateLines(addrs, uint16(udp.Port), uint16(n.tcpPort.Load())), nil
}

// candidateLines orders the candidates by RFC 8445's priorities: UDP before TCP, earlier addresses before later ones.
func candidateLines(addrs []netip.Addr, udpPort, tcpPort uint16) []string {
	const (
		udpPreference = 126
		tcpPreference = 90
		component     = 1
	)
	priority := func(kind, i int) uint32 { return uint32(kind)<<24 | uint32(65535-i)<<8 | (256 - component) }
	var lines []string
	for i, a := range addrs {
		lines = append(lines, fmt.Sprintf("%d %d udp %d %s %d typ host", i+1, component, priority(udpPreference, i), a, udpPort))
	}
	if tcpPort == 0 {
		return lines
	}
	for i, a := range addrs {
		lines = append(lines, fmt.Sprintf("%d %d tcp %d %s %d typ host tcptype passive",
			len(addrs)+i+1, component, priority(tcpPreference, i), a, tcpPort))
	}
	return lines
}

// reachable lists the addresses of a socket: its own, or all of the machine's where it is bound to none, loopback last.
func reachable(bound netip.Addr) ([]netip.Addr, error) {
	if !bound.IsUnspecified() {
		return []netip.Addr{bound.Unmap().WithZone("")}, nil
	}
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list the machine's addresses: %w", err)
	}
	var addrs []netip.Addr
	for _, a := range interfaces {
		prefix, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		addr, ok := netip.AddrFromSlice(prefix.IP)
		addr = addr.Unmap()
		// A link-local address needs a zone, which means nothing on another machine.
		if !ok || addr.IsLinkLocalUnicast() || addr.IsMulticast() || addr.Is6() && bound.Is4() {
			continue
		}
		addrs = append(addrs, addr)
	}
	slices.SortStableFunc(addrs, func(a, b netip.Addr) int { return rank(a) - rank(b) })
	return addrs, nil
}

// rank puts public before private before loopback, and IPv4 before IPv6 within each.
func rank(a netip.Addr) int {
	r := 0
	switch {
	case a.IsLoopback():
		r = 4
	case a.IsPrivate():
		r = 2
	}
	if a.Is6() {
		r++
	}
	return r
}
