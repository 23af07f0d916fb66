package stage

import (
	"net/netip"
	"slices"
	"testing"
)

var loopback = []netip.Addr{netip.MustParseAddr("127.0.0.1")}

func TestCandidateLines(t *testing.T) {
	got := candidateLines([]netip.Addr{netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("2001:db8::7")}, 3478, 8081)
	want := []string{
		"1 1 udp 2130706431 203.0.113.7 3478 typ host",
		"2 1 udp 2130706175 2001:db8::7 3478 typ host",
		"3 1 tcp 1526726655 203.0.113.7 8081 typ host tcptype passive",
		"4 1 tcp 1526726399 2001:db8::7 8081 typ host tcptype passive",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestReachable(t *testing.T) {
	tests := []struct {
		bound string
		has   string
		last  bool
	}{
		{"127.0.0.1", "127.0.0.1", true},
		{"::ffff:192.0.2.1", "192.0.2.1", true},
		{"0.0.0.0", "127.0.0.1", true},
		{"::", "127.0.0.1", false},
	}
	for _, tt := range tests {
		got, err := reachable(netip.MustParseAddr(tt.bound))
		if err != nil {
			t.Fatal(err)
		}
		i := slices.Index(got, netip.MustParseAddr(tt.has))
		if i < 0 || tt.last && i != len(got)-1 {
			t.Errorf("bound to %s: %v", tt.bound, got)
		}
		if tt.bound == "0.0.0.0" && slices.ContainsFunc(got, netip.Addr.Is6) {
			t.Errorf("an IPv4 socket has %v", got)
		}
	}
}

func TestRank(t *testing.T) {
	order := []string{"203.0.113.7", "2001:db8::7", "10.0.0.1", "fd00::1", "127.0.0.1", "::1"}
	for i, s := range order {
		if got := rank(netip.MustParseAddr(s)); got != i {
			t.Errorf("%s: rank %d, want %d", s, got, i)
		}
	}
}
