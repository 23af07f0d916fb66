package node

import (
	"errors"
	"log/slog"
	"net"
	"net/url"
	"testing"
)

// Who starts the same server again is told so, and not merely that its ports are taken.
func TestSecondStart(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	first := open(t, cfg)
	u, err := url.Parse(first.PrivateURL())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Private = u.Host
	_, err = Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if !errors.Is(err, ErrDataInUse) {
		t.Errorf("error %v, want ErrDataInUse", err)
	}
}

type at struct {
	net.Listener
	addr *net.TCPAddr
}

func (a at) Addr() net.Addr { return a.addr }

// The links of a port that is open at one address only lead there.
func TestLocalURL(t *testing.T) {
	for ip, want := range map[string]string{
		"0.0.0.0": "http://localhost:9000", "::": "http://localhost:9000", "127.0.0.1": "http://localhost:9000", "::1": "http://localhost:9000",
		"192.0.2.7": "http://192.0.2.7:9000", "2001:db8::7": "http://[2001:db8::7]:9000",
	} {
		if got := localURL("http", at{addr: &net.TCPAddr{IP: net.ParseIP(ip), Port: 9000}}); got != want {
			t.Errorf("%s: %s, want %s", ip, got, want)
		}
	}
	if got := sameHost("", "http://[2001:db8::7]:9000", "https", "example.org:1"); got != "https://example.org:9000" {
		t.Errorf("by another name: %s", got)
	}
}
