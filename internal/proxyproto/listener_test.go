package proxyproto

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen opens a listener that trusts loopback, or nobody.
func listen(t *testing.T, trusted ...string) *Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	var prefixes []netip.Prefix
	for _, p := range trusted {
		prefixes = append(prefixes, netip.MustParsePrefix(p))
	}
	return NewListener(ln, prefixes)
}

// pair connects and accepts.
func pair(t *testing.T, l *Listener) (client, server net.Conn) {
	t.Helper()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return client, server
}

func TestHeaderThroughTCP(t *testing.T) {
	const request = "GET / HTTP/1.1\r\n\r\n"
	for _, row := range cases {
		for _, split := range []int{0, 1, 5} { // bytes per write; 0: all in one
			client, server := pair(t, listen(t, "127.0.0.0/8"))
			go func() { // ends with the connection
				defer client.(*net.TCPConn).CloseWrite()
				all := row.in + request
				for split > 0 && len(all) > split {
					_, err := io.WriteString(client, all[:split])
					if err != nil {
						return
					}
					all = all[split:]
				}
				_, _ = io.WriteString(client, all)
			}()
			rest, err := io.ReadAll(server)
			if row.err != nil {
				if !errors.Is(err, row.err) || server.(*Conn).listener.Malformed() != 1 {
					t.Errorf("%s: %v, %d counted", row.name, err, server.(*Conn).listener.Malformed())
				}
				if _, err := client.Read(make([]byte, 1)); err == nil {
					t.Errorf("%s: the connection is open", row.name)
				}
				continue
			}
			if string(rest) != request || err != nil {
				t.Errorf("%s in pieces of %d: what follows came out as %q (%v)", row.name, split, rest, err)
			}
			want := row.source
			if want == "" {
				want = client.LocalAddr().String()
			}
			if got := server.RemoteAddr().String(); got != want {
				t.Errorf("%s in pieces of %d: from %s, want %s", row.name, split, got, want)
			}
		}
	}
}

// A stranger's header is not believed: it is the first bytes of what he sends.
func TestUntrustedHeaderIsPlain(t *testing.T) {
	client, server := pair(t, listen(t, "10.0.0.0/8", "::1/128"))
	header := cases[0].in
	_, err := io.WriteString(client, header)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(header))
	_, err = io.ReadFull(server, got)
	if string(got) != header || err != nil || server.RemoteAddr().String() != client.LocalAddr().String() {
		t.Errorf("%q (%v) from %v", got, err, server.RemoteAddr())
	}
	if _, plain := server.(*net.TCPConn); !plain {
		t.Errorf("it is a %T", server)
	}
}

// Who sends nothing is closed after a while, and keeps nobody waiting.
func TestSilentBalancer(t *testing.T) {
	l := listen(t, "127.0.0.0/8")
	l.timeout = 50 * time.Millisecond
	_, silent := pair(t, l)
	client, server := pair(t, l) // Accept does not wait for the first
	_, err := io.WriteString(client, cases[0].in+"x")
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(io.LimitReader(server, 1)); string(got) != "x" {
		t.Errorf("read %q", got)
	}
	_, err = silent.Read(make([]byte, 1))
	if !errors.Is(err, os.ErrDeadlineExceeded) || l.Malformed() != 1 {
		t.Errorf("%v, %d counted", err, l.Malformed())
	}
}

// The user's deadline holds after the header, and during it where it is the earlier one.
func TestDeadlines(t *testing.T) {
	l := listen(t, "127.0.0.0/8")
	client, server := pair(t, l)
	_, err := io.WriteString(client, cases[0].in)
	if err != nil {
		t.Fatal(err)
	}
	_ = server.RemoteAddr()
	_ = server.SetReadDeadline(time.Now().Add(-time.Second))
	if _, err = server.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the header: %v", err)
	}
	_, hasty := pair(t, l)
	_ = hasty.SetDeadline(time.Now().Add(-time.Second))
	if _, err = hasty.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("during the header: %v", err)
	}
}

// Nothing is kept above the TCP connection: who takes it gets what follows the header.
func TestNetConn(t *testing.T) {
	client, server := pair(t, listen(t, "127.0.0.0/8"))
	_, err := io.WriteString(client, v2(commandProxy, tcp6, block6+strings.Repeat("\x04\x00\x00", 100))+"rest")
	if err != nil {
		t.Fatal(err)
	}
	if got := server.RemoteAddr().String(); got != "[2001:db8::7]:4321" {
		t.Error(got)
	}
	rest := make([]byte, 4)
	_, err = io.ReadFull(server.(interface{ NetConn() net.Conn }).NetConn().(*net.TCPConn), rest)
	if string(rest) != "rest" || err != nil {
		t.Errorf("%q (%v)", rest, err)
	}
}
