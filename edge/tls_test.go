//go:build linux

package edge

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/tape"
)

// opener makes a house whose listeners speak plain HTTP (open), or TLS (openTLS).
type opener func(testing.TB, func(*Config)) *house

// secured puts a listener's side of TLS over a connection, where the house speaks it.
func (h *house) secured(conn net.Conn) net.Conn {
	if h.client == nil {
		return conn
	}
	return tls.Client(conn, h.client)
}

func openTLS(t testing.TB, change func(*Config)) *house {
	t.Helper()
	h := open(t, change)
	h.server.Close()
	h.server = serveTLS(t, h.edge.Handler(), serverTLS(t), 0)
	h.client = clientTLS(t)
	return h
}

// serveTLS is a server that accepts by NewTLSListener.
func serveTLS(t testing.TB, handler http.Handler, config *tls.Config, handshakes int) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Listener = NewTLSListener(server.Listener, config, handshakes)
	server.Config.ReadHeaderTimeout = time.Minute
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	return server
}

var testCertificate = sync.OnceValues(func() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"edge.test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
})

func serverTLS(t testing.TB) *tls.Config {
	t.Helper()
	cert, err := testCertificate()
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}
}

func clientTLS(t testing.TB) *tls.Config {
	t.Helper()
	cert, err := testCertificate()
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	return &tls.Config{RootCAs: roots, ServerName: "edge.test", NextProtos: []string{"http/1.1"}}
}

func TestSeatUnderTLS(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			h := openTLS(t, nil)
			h.client.MaxVersion = version
			h.record(300)
			one := h.get("/r/harbour/live.mp4")
			first := one.frame()
			for next := first; next < 1830; { // who does not listen meanwhile falls behind
				h.play(50)
				heard := one.hear(next, h.head-12)
				checkSound(t, tape.Opus48, next, heard)
				next += tape.Number(len(heard))
			}
			two := h.get("/r/harbour/live.ogg")
			h.play(50)
			h.endRoom()
			checkSound(t, tape.Opus48, two.frame(), two.hearOgg(two.frame(), h.head))
			one.end()
			h.until("an empty house", func(s Stats) bool { return s.Ended == 2 && s.Seats == 0 })
		})
	}
}

// Whatever is true of a plain seat is true of one under TLS.

func TestStuckListenerUnderTLSDelaysNobody(t *testing.T) { stuckListenerDelaysNobody(t, openTLS) }
func TestSlowListenerUnderTLSSkipsToLive(t *testing.T)   { slowListenerSkipsToLive(t, openTLS) }
func TestShortStallUnderTLSLosesNothing(t *testing.T)    { shortStallLosesNothing(t, openTLS) }
func TestEndOfARoomUnderTLS(t *testing.T)                { endOfARoom(t, openTLS) }
func TestCloseCutsSeatsUnderTLS(t *testing.T)            { closeCutsSeats(t, openTLS) }
func TestNoDescriptorIsLeakedUnderTLS(t *testing.T)      { noDescriptorIsLeaked(t, openTLS) }

// The end of a room is a last chunk and close_notify; a cut has neither. Records of TLS 1.2 show in the open what they are.
func TestOnlyAnEndSaysFarewell(t *testing.T) {
	const alert, data = 21, 23
	for name, row := range map[string]struct {
		end  func(*house)
		last byte
	}{
		"End": {(*house).endRoom, alert},
		"Cut": {(*house).close, data},
	} {
		t.Run(name, func(t *testing.T) {
			h := openTLS(t, nil)
			h.client.MaxVersion = tls.VersionTLS12
			h.record(300)
			l := h.get("/r/harbour/live.mp4")
			raw := l.conn.(*tls.Conn).NetConn()
			h.play(24)
			first := l.frame()
			l.hear(first, 312)
			row.end(h)
			rest, err := io.ReadAll(raw)
			if err != nil {
				t.Fatal(err)
			}
			last := byte(data)
			for len(rest) > 0 {
				last = rest[0]
				rest = rest[5+int(rest[3])<<8+int(rest[4]):]
			}
			if last != row.last {
				t.Errorf("the last record is of type %d, want %d", last, row.last)
			}
		})
	}
}

func TestListenersUnderTLSWhoMisbehave(t *testing.T) {
	write := func(t *testing.T, c net.Conn, p []byte) {
		_, err := c.Write(p)
		if err != nil {
			t.Log(err) // the seat may be closed in the middle of it
		}
	}
	left, talkative := func(s Stats) bool { return s.Left == 1 }, func(s Stats) bool { return s.Talkative == 1 }
	tests := []struct {
		name string
		act  func(*testing.T, *tls.Conn)
		done func(Stats) bool
	}{
		{"SaysGoodbye", func(t *testing.T, c *tls.Conn) {
			err := c.CloseWrite() // the socket stays open
			if err != nil {
				t.Fatal(err)
			}
		}, left},
		{"Leaves", func(_ *testing.T, c *tls.Conn) { c.NetConn().Close() }, left},
		{"SendsJunk", func(t *testing.T, c *tls.Conn) {
			write(t, c.NetConn(), []byte("\x17\x03\x03\x00\x20"+strings.Repeat("?", 32)))
		}, left},
		{"SendsNoTLS", func(t *testing.T, c *tls.Conn) { write(t, c.NetConn(), []byte("GET / HTTP/1.1\r\n\r\n")) }, left},
		{"TalksWithoutEnd", func(t *testing.T, c *tls.Conn) { write(t, c, make([]byte, maxInput+1)) }, talkative},
		{"TalksInARecordWithoutEnd", func(t *testing.T, c *tls.Conn) {
			for range maxInput/1000 + 1 {
				write(t, c, make([]byte, 1000))
			}
		}, talkative},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := openTLS(t, nil)
			h.record(300)
			other, l := h.get("/r/harbour/live.mp4"), h.get("/r/harbour/live.mp4")
			tt.act(t, l.conn.(*tls.Conn))
			h.until("the end of the seat", func(s Stats) bool { return tt.done(s) && s.Seats == 1 })
			h.play(50)
			first := other.frame()
			checkSound(t, tape.Opus48, first, other.hear(first, 330))
		})
	}
}

// What net/http and crypto/tls had read before the seat was taken is heard, though no socket becomes readable for it.
func TestWhatFollowsTheRequestUnderTLSIsHeard(t *testing.T) {
	h := openTLS(t, nil)
	h.record(300)
	t.Run("IsIgnored", func(t *testing.T) {
		before := h.edge.Stats().BytesIn
		l := ask(t, h.dial(), joinMP4+"\r\nHost: test\r\nContent-Length: 9999999\r\n\r\n{}", "X: y")
		_, err := l.conn.Write([]byte("more"))
		if err != nil {
			t.Fatal(err)
		}
		h.until("the input", func(s Stats) bool { return s.BytesIn >= before+4 })
		h.play(50)
		first := l.frame()
		checkSound(t, tape.Opus48, first, l.hear(first, 330))
	})
	t.Run("IsAGoodbye", func(t *testing.T) {
		before := h.edge.Stats()
		conn, raw := h.dialCorked()
		_, err := io.WriteString(conn, joinMP4+"\r\nHost: test\r\n\r\n")
		if err == nil {
			err = conn.CloseWrite()
		}
		if err == nil {
			err = raw.uncork()
		}
		if err != nil {
			t.Fatal(err)
		}
		h.until("the leave", func(s Stats) bool { return s.Seated == before.Seated+1 && s.Left == before.Left+1 })
	})
}

// dialCorked connects, and keeps all that is written after the handshake.
func (h *house) dialCorked() (*tls.Conn, *corked) {
	h.t.Helper()
	raw, err := net.Dial("tcp", h.server.Listener.Addr().String())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { raw.Close() })
	c := &corked{Conn: raw}
	conn := tls.Client(c, h.client)
	err = conn.Handshake()
	if err != nil {
		h.t.Fatal(err)
	}
	c.on = true
	return conn, c
}

// corked keeps what is written, for it to arrive in one segment.
type corked struct {
	net.Conn
	on   bool
	kept []byte
}

func (c *corked) Write(p []byte) (int, error) {
	if !c.on {
		return c.Conn.Write(p)
	}
	c.kept = append(c.kept, p...)
	return len(p), nil
}

func (c *corked) uncork() error {
	err := c.SetWriteDeadline(time.Time{}) // CloseWrite leaves one that has passed
	if err != nil {
		return err
	}
	_, err = c.Conn.Write(c.kept)
	return err
}

// keyLog is what a client writes down of its secrets.
type keyLog struct {
	mu    sync.Mutex
	lines string
}

func (k *keyLog) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lines += string(p)
	return len(p), nil
}

// secret is the first one of a label.
func (k *keyLog) secret(label string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for line := range strings.Lines(k.lines) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == label {
			return hex.DecodeString(f[2])
		}
	}
	return nil, errors.New("no such secret: " + label)
}
