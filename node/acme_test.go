package node

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

// A node gets its listeners' certificate from a real authority, whose check comes to the listeners' port.
func TestACME(t *testing.T) {
	cfg := usual(t)
	cfg.Listen = freeAddress(t)
	_, port, _ := net.SplitHostPort(cfg.Listen)
	challengePort, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	root, authority := authorityOf(t, challengePort, 0)
	cfg.ACMEDomain, cfg.ACMEEmail, cfg.ACMECA = "live.epidaurus.test", "me@epidaurus.test", authority.URL+wfe.DirectoryPath
	cfg.acmeRoots = x509.NewCertPool()
	cfg.acmeRoots.AddCert(authority.Certificate())
	n := open(t, cfg)
	if want := "https://live.epidaurus.test:" + port; n.ListenersURL() != want {
		t.Errorf("listeners connect at %s, want %s", n.ListenersURL(), want)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	shake := func(protocol string) (tls.ConnectionState, error) {
		conn, err := tls.Dial("tcp", cfg.Listen, &tls.Config{ServerName: cfg.ACMEDomain, RootCAs: roots, NextProtos: []string{protocol}})
		if err != nil {
			return tls.ConnectionState{}, err
		}
		defer conn.Close() //nolint:errcheck // nothing was written
		return conn.ConnectionState(), nil
	}
	until(t, "a handshake with the certificate", func() bool {
		_, err := shake("http/1.1")
		return err == nil
	})
	state, err := shake("http/1.1")
	if err != nil || state.NegotiatedProtocol != "http/1.1" || state.PeerCertificates[0].VerifyHostname(cfg.ACMEDomain) != nil {
		t.Errorf("%v: %q, %v", err, state.NegotiatedProtocol, state.PeerCertificates[0].DNSNames)
	}
	if _, err := shake(acmeProtocol); err == nil {
		t.Error("the authority's protocol is spoken although it has nothing to check")
	}
	shut(t, n)
	kept, err := tls.LoadX509KeyPair(cfg.ListenersCertificate())
	if err != nil || !kept.Leaf.Equal(state.PeerCertificates[0]) {
		t.Errorf("the certificate is not where it is said to be (%v)", err)
	}

	// It is kept: a restart works without the authority.
	authority.Close()
	n = open(t, cfg)
	until(t, "a handshake after the restart", func() bool {
		again, err := shake("http/1.1")
		return err == nil && again.PeerCertificates[0].Equal(state.PeerCertificates[0])
	})
	shut(t, n)
}

// A certificate that comes to its end is renewed while the node runs, and new handshakes get the new one.
func TestACMERenews(t *testing.T) {
	cfg := usual(t)
	cfg.Listen = freeAddress(t)
	_, port, _ := net.SplitHostPort(cfg.Listen)
	challengePort, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	root, authority := authorityOf(t, challengePort, 6*time.Second)
	cfg.ACMEDomain, cfg.ACMECA = "live.epidaurus.test", authority.URL+wfe.DirectoryPath
	cfg.acmeRoots, cfg.acmeRenew = x509.NewCertPool(), 500*time.Millisecond
	cfg.acmeRoots.AddCert(authority.Certificate())
	n := open(t, cfg)
	defer shut(t, n)
	roots := x509.NewCertPool()
	roots.AddCert(root)
	seen := map[string]bool{} // serial numbers
	until(t, "handshakes with a second certificate", func() bool {
		conn, err := tls.Dial("tcp", cfg.Listen, &tls.Config{ServerName: cfg.ACMEDomain, RootCAs: roots})
		if err != nil {
			return false // it is not there yet, or a busy machine let it end before there was another
		}
		seen[conn.ConnectionState().PeerCertificates[0].SerialNumber.String()] = true
		_ = conn.Close() // nothing was written
		return len(seen) > 1
	})
}

// authorityOf starts an authority that checks names at a port of this machine, and returns it with the root of what it issues. What it issues
// holds for so long; 0: as long as usual.
func authorityOf(t *testing.T, port int, holds time.Duration) (root *x509.Certificate, authority *httptest.Server) {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	quiet := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	profiles := map[string]ca.Profile{"default": {Description: "the usual", ValidityPeriod: uint64(holds / time.Second)}}
	issuer := ca.New(quiet, store, "", "ecdsa", 0, 1, profiles)
	checker := va.New(quiet, 0, port, false, resolver(t), store)
	front := wfe.New(quiet, store, checker, issuer, []string{"epidaurus.test"}, false, false, 1, 1)
	server := httptest.NewTLSServer(front.Handler())
	t.Cleanup(server.Close)
	root, err := x509.ParseCertificate(issuer.GetRootCert(0).DER)
	if err != nil {
		t.Fatal(err)
	}
	return root, server
}

// resolver starts a name server to which every name is this machine.
func resolver(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: ln, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			answer.Answer = append(answer.Answer, &dns.A{
				Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET},
				A:   net.IPv4(127, 0, 0, 1),
			})
		}
		err := w.WriteMsg(answer)
		if err != nil {
			t.Log(err)
		}
	})}
	done := make(chan error, 1)
	go func() { done <- server.ActivateAndServe() }()
	t.Cleanup(func() {
		_ = server.Shutdown()
		<-done
	})
	return ln.Addr().String()
}
