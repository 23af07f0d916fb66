//go:build linux

package edge

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/epidaurus-live/epidaurus/tape"
)

func TestClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:ff::/48")}
	const name = "X-Forwarded-For"
	for _, row := range []struct {
		name, peer string
		values     []string
		want       string
	}{
		{"NoHeader", "10.0.0.1:80", nil, "10.0.0.1"},
		{"IPv4", "10.0.0.1:80", []string{"203.0.113.7"}, "203.0.113.7"},
		{"IPv6", "10.0.0.1:80", []string{"2001:db8::7"}, "2001:db8::7"},
		{"IPv6InBrackets", "10.0.0.1:80", []string{"[2001:db8::7]"}, "2001:db8::7"},
		{"IPv6WithPort", "10.0.0.1:80", []string{"[2001:db8::7]:4321"}, "2001:db8::7"},
		{"IPv4WithPort", "10.0.0.1:80", []string{"203.0.113.7:4321"}, "203.0.113.7"},
		{"Mapped", "10.0.0.1:80", []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		{"MappedPeer", "[::ffff:10.0.0.1]:80", []string{"203.0.113.7"}, "203.0.113.7"},
		{"IPv6Balancer", "[2001:db8:ff::1]:80", []string{"203.0.113.7"}, "203.0.113.7"},
		{"Untrusted", "192.0.2.9:80", []string{"203.0.113.7"}, "192.0.2.9"},
		{"WhatAClientInvents", "10.0.0.1:80", []string{"198.51.100.1, 203.0.113.7"}, "203.0.113.7"},
		{"TwoBalancers", "10.0.0.1:80", []string{"198.51.100.1,203.0.113.7 , 10.2.3.4"}, "203.0.113.7"},
		{"TwoFields", "10.0.0.1:80", []string{"198.51.100.1", "203.0.113.7"}, "203.0.113.7"},
		{"BalancersOnly", "10.0.0.1:80", []string{"10.1.1.1, 10.2.2.2"}, "10.1.1.1"},
		{"Garbage", "10.0.0.1:80", []string{"unknown"}, "10.0.0.1"},
		{"GarbageBehindABalancer", "10.0.0.1:80", []string{"203.0.113.7, unknown, 10.2.3.4"}, "10.2.3.4"},
		{"Empty", "10.0.0.1:80", []string{""}, "10.0.0.1"},
		{"EmptyAtTheEnd", "10.0.0.1:80", []string{"203.0.113.7,"}, "10.0.0.1"},
		{"HalfABracket", "10.0.0.1:80", []string{"[2001:db8::7"}, "10.0.0.1"},
		{"PortTooGreat", "10.0.0.1:80", []string{"203.0.113.7:99999"}, "10.0.0.1"},
		{"PeerWithoutPort", "10.0.0.1", []string{"203.0.113.7"}, "203.0.113.7"},
		{"PeerUnknown", "@", []string{"203.0.113.7"}, "invalid IP"},
		{"Zone", "[fe80::1%eth0]:80", nil, "fe80::1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := clientAddress(row.peer, http.Header{name: row.values}, name, trusted).String(); got != row.want {
				t.Errorf("%s, want %s", got, row.want)
			}
		})
	}
	if got := clientAddress("10.0.0.1:80", http.Header{name: {"203.0.113.7"}}, "", trusted); got != netip.MustParseAddr("10.0.0.1") {
		t.Errorf("a field that nobody named is believed: %v", got)
	}
}

// Whatever a header says, the address is one of the header's or the peer's, in one form, and behind a stranger it is the stranger's.
func FuzzClientAddress(f *testing.F) {
	f.Add("10.0.0.1:80", "198.51.100.1,203.0.113.7 , 10.2.3.4")
	f.Add("[2001:db8::7]:1", "[2001:db8::7]:4321")
	f.Add("@", ",,")
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, peer, value string) {
		a := clientAddress(peer, http.Header{"X": {value}}, "X", trusted)
		if a.Is4In6() || a.Zone() != "" {
			t.Errorf("%q %q: %v", peer, value, a)
		}
		if own, ok := parseHop(peer); a != own && (!ok || !contains(trusted, own)) {
			t.Errorf("%q was believed: %v, not %v", peer, a, own)
		}
	})
}

func TestOrigin(t *testing.T) {
	same := func(a, b string) bool { return originOf(netip.MustParseAddr(a)) == originOf(netip.MustParseAddr(b)) }
	for _, row := range []struct {
		a, b string
		same bool
	}{
		{"203.0.113.7", "203.0.113.7", true},
		{"203.0.113.7", "203.0.113.8", false},
		{"2001:db8:1:200::1", "2001:db8:1:2ff:ffff:ffff:ffff:ffff", true},
		{"2001:db8:1:200::1", "2001:db8:1:300::1", false},
		{"2001:db8:1:200::1", "2001:db9:1:200::1", false},
		{"0.0.0.0", "::", false},
	} {
		if got := same(row.a, row.b); got != row.same {
			t.Errorf("%s and %s are one origin: %v", row.a, row.b, got)
		}
	}
	if originOf(netip.Addr{}) != 0 || originOf(netip.MustParseAddr("::")) == 0 || originOf(netip.MustParseAddr("0.0.0.0")) == 0 {
		t.Error("only nobody's origin is zero")
	}
}

// layer is a connection over another one.
type layer struct{ net.Conn }

func (l layer) NetConn() net.Conn { return l.Conn }

// holding is a layer that has read more than was asked for.
type holding struct {
	layer
	held bytes.Buffer
}

func (h *holding) Buffered() int { return h.held.Len() }

func TestPlainConn(t *testing.T) {
	one, other := net.Pipe()
	defer one.Close()
	defer other.Close()
	full := &holding{layer: layer{one}}
	full.held.WriteString("x")
	secure := tls.Client(one, &tls.Config{ServerName: "x"})
	for _, row := range []struct {
		name     string
		in, want net.Conn
	}{
		{"Itself", one, one},
		{"OneLayer", layer{one}, one},
		{"TwoLayers", layer{layer{one}}, one},
		{"NothingHeld", &holding{layer: layer{one}}, one},
		{"SomethingHeld", layer{full}, full},
		{"TLS", layer{secure}, secure},
	} {
		if got := plainConn(row.in); got != row.want {
			t.Errorf("%s: %T", row.name, got)
		}
	}
}

// layered puts a layer over every connection.
type layered struct{ net.Listener }

func (l layered) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return layer{conn}, nil
}

// A connection that had a header in front gets a seat as any other.
func TestSeatBelowALayer(t *testing.T) {
	h := open(t, nil)
	h.record(300)
	server := httptest.NewUnstartedServer(h.edge.Handler())
	server.Listener = layered{server.Listener}
	server.Start()
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	l := ask(t, conn, joinMP4)
	first := l.frame()
	h.play(50)
	checkSound(t, tape.Opus48, first, l.hear(first, 330))
}
