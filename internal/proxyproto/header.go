// Package proxyproto reads the PROXY protocol, versions 1 and 2, by which a balancer tells from whom a connection comes
// (https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt). A header is believed only from those who are trusted, is read in the
// connection's own goroutine, and not a byte beyond it.
package proxyproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// Header is what a balancer says.
type Header struct {
	// Source is from where the client came. It is not valid where the balancer speaks for itself (LOCAL), or does not know, or tells
	// of something other than TCP: the connection then comes from the balancer.
	Source netip.AddrPort
}

// What may be wrong with a header.
var (
	errNoHeader  = errors.New("the connection does not begin with a PROXY header")
	errMalformed = errors.New("the PROXY header is malformed")
	errTooLong   = errors.New("the PROXY header is too long")
)

const (
	prefixV1 = "PROXY "
	prefixV2 = "\r\n\r\n\x00\r\nQUIT\n"
	leastV1  = len("PROXY UNKNOWN\r\n")
	mostV1   = 107 // with its CRLF, by the specification
	fixedV2  = 16  // signature, version and command, family and protocol, length

	// mostV2 bounds what may follow the fixed part: addresses need 36 bytes, the rest are notes that balancers add.
	mostV2 = 4096
)

// Parse reads the header at the beginning of b. While it is not whole, more is how many bytes it has at least beyond b: who reads no
// more than that at once reads nothing that follows it. More is 0 once the header is whole; it ends with b then, unless b was longer.
func Parse(b []byte) (h Header, more int, err error) {
	switch {
	case begins(b, prefixV2): // so does nothing at all; no header of either version is shorter than the signature
		return parseV2(b)
	case begins(b, prefixV1):
		return parseV1(b)
	}
	return h, 0, errNoHeader
}

// begins reports whether b and prefix are the same as far as both go.
func begins(b []byte, prefix string) bool {
	n := min(len(b), len(prefix))
	return string(b[:n]) == prefix[:n]
}

func parseV1(b []byte) (h Header, more int, err error) {
	line, _, whole := bytes.Cut(b[:min(len(b), mostV1)], []byte("\r\n"))
	if !whole {
		switch {
		case len(b) >= mostV1:
			return h, 0, errTooLong
		case len(b) < leastV1:
			return h, leastV1 - len(b), nil
		case b[len(b)-1] == '\r':
			return h, 1, nil
		}
		return h, min(2, mostV1-len(b)), nil
	}
	fields := strings.Split(string(line[len(prefixV1):]), " ")
	if fields[0] == "UNKNOWN" {
		return h, 0, nil // whatever follows says nothing
	}
	if len(fields) != 5 || fields[0] != "TCP4" && fields[0] != "TCP6" {
		return h, 0, errMalformed
	}
	source, ok := endV1(fields[1], fields[3], fields[0] == "TCP4")
	_, destined := endV1(fields[2], fields[4], fields[0] == "TCP4")
	if !ok || !destined {
		return h, 0, errMalformed
	}
	return Header{Source: source}, 0, nil
}

// endV1 reads one end of a connection.
func endV1(address, port string, v4 bool) (_ netip.AddrPort, ok bool) {
	addr, err := netip.ParseAddr(address)
	if err != nil || addr.Is4() != v4 || addr.Zone() != "" {
		return netip.AddrPort{}, false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || strconv.FormatUint(n, 10) != port {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), true
}

// Values of version 2.
const (
	commandLocal = 0x20
	commandProxy = 0x21
	tcp4         = 0x11
	tcp6         = 0x21
	sizeTCP4     = 4 + 4 + 2 + 2
	sizeTCP6     = 16 + 16 + 2 + 2
)

func parseV2(b []byte) (h Header, more int, err error) {
	switch {
	case len(b) < len(prefixV2):
		return h, len(prefixV2) - len(b), nil
	case len(b) < fixedV2:
		return h, fixedV2 - len(b), nil
	}
	command, kind, size := b[12], b[13], int(binary.BigEndian.Uint16(b[14:]))
	switch {
	case command != commandLocal && command != commandProxy:
		return h, 0, errMalformed
	case size > mostV2:
		return h, 0, errTooLong
	case command == commandProxy && (kind == tcp4 && size < sizeTCP4 || kind == tcp6 && size < sizeTCP6):
		return h, 0, errMalformed
	case len(b) < fixedV2+size:
		return h, fixedV2 + size - len(b), nil
	}
	if command == commandLocal {
		return h, 0, nil
	}
	b = b[fixedV2:]
	switch kind {
	case tcp4:
		h.Source = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), binary.BigEndian.Uint16(b[8:]))
	case tcp6:
		h.Source = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b)).Unmap(), binary.BigEndian.Uint16(b[32:]))
	}
	return h, 0, nil
}
