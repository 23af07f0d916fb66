//go:build linux

package edge

import (
	"crypto/tls"
	"encoding/binary"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientAddress is from where a request comes: from its peer, or, where the peer is in trusted and a header is named, from the rightmost
// address of that header that is not in trusted itself. What stands left of that one anybody may have written. Where the header cannot be
// read, what is known is the last hop before. The zero Addr says that not even the peer is known.
func clientAddress(peer string, headers http.Header, name string, trusted []netip.Prefix) netip.Addr {
	addr, ok := parseHop(peer)
	if !ok || name == "" {
		return addr
	}
	list := strings.Join(headers.Values(name), ",")
	for list != "" && contains(trusted, addr) {
		i := strings.LastIndexByte(list, ',')
		hop, ok := parseHop(list[i+1:])
		if !ok {
			break
		}
		addr, list = hop, list[:max(i, 0)]
	}
	return addr
}

// parseHop reads an address with or without a port, as balancers write it.
func parseHop(s string) (_ netip.Addr, ok bool) {
	s = strings.TrimSpace(s)
	if withPort, err := netip.ParseAddrPort(s); err == nil {
		return plainAddress(withPort.Addr()), true
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		s, ok = strings.CutSuffix(inner, "]")
		if !ok {
			return netip.Addr{}, false
		}
	}
	addr, err := netip.ParseAddr(s)
	return plainAddress(addr), err == nil
}

// plainAddress gives one address one form.
func plainAddress(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// origin is what connections are counted by: an IPv4 address, or the /56 of an IPv6 address, which is what one household gets. Its zero
// value is that of nobody.
type origin uint64

// Bits below the 56 that tell one origin from another.
const (
	originV4 origin = 1
	originV6 origin = 2

	originInvited origin = 3 // not an address, but a seat token
)

func originOf(a netip.Addr) origin {
	switch {
	case a.Is4():
		b := a.As4()
		return origin(binary.BigEndian.Uint32(b[:]))<<8 | originV4
	case a.Is6():
		b := a.As16()
		return origin(binary.BigEndian.Uint64(b[:8]))&^0xff | originV6
	}
	return 0
}

// plainConn is the connection beneath conn as far as nothing lies between but what was read already, such as a PROXY header.
func plainConn(conn net.Conn) net.Conn {
	for {
		if _, encrypts := conn.(*tls.Conn); encrypts {
			return conn
		}
		if b, buffers := conn.(interface{ Buffered() int }); buffers && b.Buffered() > 0 {
			return conn
		}
		under, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return conn
		}
		conn = under.NetConn()
	}
}
