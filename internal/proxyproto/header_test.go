package proxyproto

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// v2 makes a header of version 2.
func v2(command, kind byte, block string) string {
	return prefixV2 + string([]byte{command, kind, byte(len(block) >> 8), byte(len(block))}) + block
}

const (
	block4 = "\xcb\x00\x71\x07\xc0\x00\x02\x01\x10\xe1\x01\xbb"
	block6 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" + "\x10\xe1\x01\xbb"
	mapped = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xcb\x00\x71\x07" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01" + "\x10\xe1\x01\xbb"
)

var cases = []struct {
	name, in string
	source   string // "": none
	err      error
}{
	{"V1IPv4", "PROXY TCP4 203.0.113.7 192.0.2.1 4321 443\r\n", "203.0.113.7:4321", nil},
	{"V1IPv6", "PROXY TCP6 2001:db8::7 2001:db8::1 4321 443\r\n", "[2001:db8::7]:4321", nil},
	{"V1Mapped", "PROXY TCP6 ::ffff:203.0.113.7 ::ffff:192.0.2.1 4321 443\r\n", "203.0.113.7:4321", nil},
	{"V1Unknown", "PROXY UNKNOWN\r\n", "", nil},
	{"V1UnknownWithMore", "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "", nil},
	{"V1FamilyDiffers", "PROXY TCP4 2001:db8::7 2001:db8::1 4321 443\r\n", "", errMalformed},
	{"V1Zone", "PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n", "", errMalformed},
	{"V1NoPort", "PROXY TCP4 203.0.113.7 192.0.2.1 4321\r\n", "", errMalformed},
	{"V1PortTooGreat", "PROXY TCP4 203.0.113.7 192.0.2.1 65536 443\r\n", "", errMalformed},
	{"V1PortWithZero", "PROXY TCP4 203.0.113.7 192.0.2.1 04321 443\r\n", "", errMalformed},
	{"V1PortWithSign", "PROXY TCP4 203.0.113.7 192.0.2.1 +4321 443\r\n", "", errMalformed},
	{"V1TwoSpaces", "PROXY TCP4  203.0.113.7 192.0.2.1 4321 443\r\n", "", errMalformed},
	{"V1OtherFamily", "PROXY UDP4 203.0.113.7 192.0.2.1 4321 443\r\n", "", errMalformed},
	{"V1BareNewline", "PROXY TCP4 203.0.113.7 192.0.2.1 4321 443\n\r\n", "", errMalformed},
	{"V1TooLong", "PROXY UNKNOWN " + strings.Repeat("x", 100), "", errTooLong},
	{"V2IPv4", v2(commandProxy, tcp4, block4), "203.0.113.7:4321", nil},
	{"V2IPv6", v2(commandProxy, tcp6, block6), "[2001:db8::7]:4321", nil},
	{"V2Mapped", v2(commandProxy, tcp6, mapped), "203.0.113.7:4321", nil},
	{"V2WithNotes", v2(commandProxy, tcp4, block4+"\x01\x00\x02h2"+"\xea\x00\x01\x01"), "203.0.113.7:4321", nil},
	{"V2Local", v2(commandLocal, 0, ""), "", nil},
	{"V2LocalWithBlock", v2(commandLocal, tcp4, block4), "", nil},
	{"V2Unspecified", v2(commandProxy, 0, "anything"), "", nil},
	{"V2Datagram", v2(commandProxy, 0x12, block4), "", nil},
	{"V2Unix", v2(commandProxy, 0x31, strings.Repeat("\x00", 216)), "", nil},
	{"V2Command", v2(0x22, tcp4, block4), "", errMalformed},
	{"V2Version", v2(0x11, tcp4, block4), "", errMalformed},
	{"V2ShortBlock", v2(commandProxy, tcp4, block4[:11]), "", errMalformed},
	{"V2ShortBlockIPv6", v2(commandProxy, tcp6, block6[:35]), "", errMalformed},
	{"V2TooLong", v2(commandProxy, tcp4, block4+strings.Repeat("x", mostV2)), "", errTooLong},
	{"Request", "GET /r/harbour/live.mp4 HTTP/1.1\r\n\r\n", "", errNoHeader},
	{"Post", "POST / HTTP/1.1\r\n\r\n", "", errNoHeader},
	{"TLS", "\x16\x03\x01\x02\x00", "", errNoHeader},
}

// feed gives Parse what it asks for and no more. It returns how many bytes it took.
func feed(in string) (h Header, used int, whole bool, err error) {
	for {
		h, more, err := Parse([]byte(in[:used]))
		if err != nil || more == 0 {
			return h, used, err == nil, err
		}
		if used+more > len(in) {
			return h, used, false, nil
		}
		used += more
	}
}

func TestParse(t *testing.T) {
	for _, row := range cases {
		t.Run(row.name, func(t *testing.T) {
			h, used, whole, err := feed(row.in + "GET / HTTP/1.1\r\n\r\n")
			if !errors.Is(err, row.err) || whole != (row.err == nil) {
				t.Fatalf("error %v, whole %v, want %v", err, whole, row.err)
			}
			if err != nil {
				return
			}
			if used != len(row.in) {
				t.Errorf("took %d bytes of a header of %d", used, len(row.in))
			}
			want := netip.AddrPort{}
			if row.source != "" {
				want = netip.MustParseAddrPort(row.source)
			}
			if h.Source != want {
				t.Errorf("source %v, want %v", h.Source, want)
			}
		})
	}
}

// Whatever comes is read to the header's end and no further, and means the same with whatever follows it.
func FuzzParse(f *testing.F) {
	for _, row := range cases {
		f.Add([]byte(row.in))
		f.Add([]byte(row.in + "GET"))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		h, used, whole, err := feed(string(in))
		if !whole && used > len(in) {
			t.Fatalf("took %d bytes of %d", used, len(in))
		}
		if h.Source.IsValid() && (h.Source.Addr().Is4In6() || h.Source.Addr().Zone() != "") {
			t.Errorf("source %v", h.Source)
		}
		if err != nil || !whole {
			return
		}
		if !bytes.HasPrefix(in, []byte(prefixV1)) && !bytes.HasPrefix(in, []byte(prefixV2)) {
			t.Errorf("%q passes for a header", in)
		}
		again, more, err := Parse(append(in[:used:used], "more"...))
		if again != h || more != 0 || err != nil {
			t.Errorf("with more behind it: %v %d %v, want %v", again, more, err, h)
		}
	})
}
