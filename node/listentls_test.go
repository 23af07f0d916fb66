package node

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/listener"
)

// trusting is a client that believes a certificate, and nobody else.
func trusting(t testing.TB, cert *x509.Certificate) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, NextProtos: []string{"http/1.1"}}}}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// listen hears some frames at an address, by a client of its own.
func listenSecurely(t testing.TB, c *http.Client, url string, frames int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := listener.Listen(ctx, listener.Config{URL: url, Client: c}, func(e listener.Event) {
		if e.Report.Frames >= frames {
			cancel()
		}
	})
	if err != nil || r.Frames < frames || !r.Faultless() {
		t.Errorf("%s: heard %+v (%v)", url, r, err)
	}
}

func TestListenersPortSpeaksTLS(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	cfg.ListenTLS = "self-signed"
	h := openHouse(t, cfg)
	if !strings.HasPrefix(h.ListenersURL(), "https://localhost:") {
		t.Errorf("listeners connect at %s", h.ListenersURL())
	}
	cert, err := tls.LoadX509KeyPair(cfg.ListenersCertificate())
	if err != nil {
		t.Fatal(err)
	}
	r := h.room()
	if !strings.HasPrefix(r.ListenURL, "https://") {
		t.Errorf("the host is told %s", r.ListenURL)
	}
	c := trusting(t, cert.Leaf)
	resp, err := c.Get(r.ListenURL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.TLS.NegotiatedProtocol != "http/1.1" {
		t.Errorf("the page is %d by %q", resp.StatusCode, resp.TLS.NegotiatedProtocol)
	}
	listenSecurely(t, c, r.ListenURL, 100)
	if n := h.edge.Stats().Seated; n != 1 {
		t.Errorf("%d seats were given", n)
	}
	t.Run("ToldNothingOfTheStage", func(t *testing.T) {
		for _, ip := range cert.Leaf.IPAddresses {
			if !ip.IsLoopback() {
				t.Errorf("the certificate names %s", ip)
			}
		}
		if len(cert.Leaf.DNSNames) != 1 || strings.Contains(cert.Leaf.Subject.String(), "stage") {
			t.Errorf("the certificate names %v, %v", cert.Leaf.DNSNames, cert.Leaf.Subject)
		}
	})
}

// What is heard on the stage's port, under TLS or not, is a seat as any other.
func TestMonitorOnTheStagePortIsASeat(t *testing.T) {
	t.Parallel()
	h := openHouse(t, usual(t))
	r := h.room()
	path := "/r/" + string(r.ID) + "/live.mp4"
	cert, err := h.cfg.certificate(h.data, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	listenSecurely(t, trusting(t, cert.Leaf), strings.Replace(h.StageURL(), "http://", "https://", 1)+path, 20)
	listenSecurely(t, nil, h.StageURL()+path, 20)
	if n := h.edge.Stats().Seated; n != 2 {
		t.Errorf("%d seats were given", n)
	}
}

func TestCertificateFilesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	renew := func(name string) {
		certPEM, keyPEM, err := selfSigned(name, []string{name}, nil, evening)
		if err != nil {
			t.Fatal(err)
		}
		write(t, certFile, string(certPEM))
		write(t, keyFile, string(keyPEM))
	}
	renew("first.example")
	now := evening
	f, err := openCertFiles(certFile, keyFile, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	serves := func(name string) {
		t.Helper()
		cert, err := f.certificate(nil)
		if err != nil || cert.Leaf.Subject.CommonName != name {
			t.Errorf("serves %v (%v), want %s", cert.Leaf.Subject, err, name)
		}
	}
	serves("first.example")
	renew("second-one.example")
	serves("first.example") // a handshake looks at no file within the minute
	now = now.Add(lookEvery)
	serves("second-one.example")

	// Whoever renews in the middle of it, or fails to, loses nobody the certificate from before.
	write(t, keyFile, "half a k")
	now = now.Add(lookEvery)
	serves("second-one.example")
	err = os.Remove(certFile)
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(lookEvery)
	serves("second-one.example")
	renew("third-of-them.example")
	now = now.Add(lookEvery)
	serves("third-of-them.example")

	_, err = openCertFiles("/nowhere", keyFile, time.Now, slog.New(slog.DiscardHandler))
	fails(t, err, "load the listeners' certificate: stat /nowhere")
}

// Nodes without a secret in common cannot go on with each other's sessions, and say so at the start with what to do.
func TestSessionSecret(t *testing.T) {
	shared := write(t, filepath.Join(t.TempDir(), "secret"), strings.Repeat("secret", 5))
	for _, row := range []struct {
		name   string
		change func(*Config)
		same   bool // as another node with this configuration
		warns  bool
	}{
		{"Alone", func(*Config) {}, false, false},
		{"Credentials", func(c *Config) { c.NATS, c.NATSCreds = "tls://10.0.0.1:4222", "node.creds" }, false, true},
		{"Certificate", func(c *Config) { c.NATS, c.NATSCert, c.NATSKey = "tls://10.0.0.1:4222", "c.pem", "k.pem" }, false, true},
		{"CredentialsAndSecret", func(c *Config) {
			c.NATS, c.NATSCreds, c.ClusterSecretFile = "tls://10.0.0.1:4222", "node.creds", shared
		}, true, false},
		{"Secret", func(c *Config) { c.NATS, c.ClusterSecretFile = "tls://10.0.0.1:4222", shared }, true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			var secrets [2]string
			var said bytes.Buffer
			for i := range secrets {
				n := &Node{cfg: usual(t), log: slog.New(slog.NewTextHandler(&said, nil))}
				row.change(&n.cfg)
				secret, err := n.sessionSecret()
				if err != nil {
					t.Fatal(err)
				}
				secrets[i] = string(secret)
			}
			if same := secrets[0] == secrets[1]; same != row.same {
				t.Errorf("the same secret: %v", same)
			}
			if warns := strings.Contains(said.String(), "cluster-secret-file"); warns != row.warns {
				t.Errorf("said %q", said.String())
			}
		})
	}
}

func TestListenersURLUnderTLS(t *testing.T) {
	addr := func(port int) net.Addr { return &net.TCPAddr{IP: net.IPv4zero, Port: port} }
	cfg := Config{ACMEDomain: "live.example.org"}
	for port, want := range map[int]string{443: "https://live.example.org", 8443: "https://live.example.org:8443"} {
		if got := cfg.acmeURL(addr(port)); got != want {
			t.Errorf("%d: %s, want %s", port, got, want)
		}
	}
	if got := (&Config{ListenTLS: "self-signed"}).acmeURL(addr(443)); got != "" {
		t.Errorf("without ACME: %s", got)
	}
	cfg = Config{PublicURL: "https://live.example.org:8443", Listen: "192.0.2.7:8080"}
	names, addrs := cfg.listenNames()
	if strings.Join(names, " ") != "localhost live.example.org" || len(addrs) != 3 || addrs[2].String() != "192.0.2.7" {
		t.Errorf("the certificate is for %v and %v", names, addrs)
	}
}
