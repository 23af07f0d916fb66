package node

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/edge"
)

// listensTLS reports whether the listeners' port speaks TLS.
func (c *Config) listensTLS() bool {
	return c.ListenTLS != "off" && (c.ListenTLS == "self-signed" || c.ListenTLSCert != "" || c.ACMEDomain != "")
}

func (c *Config) listenScheme() string {
	if c.listensTLS() {
		return "https"
	}
	return "http"
}

// ListenersCertificate names the files of the listeners' port's certificate and key, "" where the port speaks plain. Those of a certificate
// that the node makes itself, by ACME or self-signed, are not there before it has run.
func (c *Config) ListenersCertificate() (cert, key string) {
	switch {
	case !c.listensTLS():
		return "", ""
	case c.ListenTLSCert != "":
		return c.ListenTLSCert, c.ListenTLSKey
	case c.ACMEDomain != "":
		return c.acmeFiles(filepath.Join(c.Data, acmeFolder))
	}
	return filepath.Join(c.Data, "listen-cert.pem"), filepath.Join(c.Data, "listen-key.pem")
}

// acmeURL is how listeners reach a port whose certificate is for one name; empty without ACME.
func (c *Config) acmeURL(listen net.Addr) string {
	addr, ok := listen.(*net.TCPAddr)
	switch {
	case c.ACMEDomain == "" || !c.listensTLS() || !ok:
		return ""
	case addr.Port == httpsPort:
		return "https://" + c.ACMEDomain
	}
	return "https://" + net.JoinHostPort(c.ACMEDomain, strconv.Itoa(addr.Port))
}

const httpsPort = 443

func (c *Config) validateListenTLS(check func(name string, err error)) {
	if (c.ListenTLSCert == "") != (c.ListenTLSKey == "") {
		check("listen-tls-cert", errors.New("certificate and key go together: set both listen-tls-cert and listen-tls-key"))
	}
	given := c.ListenTLSCert != "" || c.ACMEDomain != ""
	switch {
	case c.ListenTLS != "" && c.ListenTLS != "auto" && c.ListenTLS != "self-signed" && c.ListenTLS != "off":
		check("listen-tls", fmt.Errorf("%q is neither auto nor self-signed nor off", c.ListenTLS))
	case c.ListenTLS == "off" && given:
		check("listen-tls", errors.New("it is off, and a certificate or an ACME domain is given: leave out one of them"))
	case c.ListenTLS == "self-signed" && given, c.ListenTLSCert != "" && c.ACMEDomain != "":
		check("listen-tls", errors.New("there is more than one certificate for the port: choose listen-tls-cert, acme-domain or self-signed"))
	}
	if c.ACMEDomain == "" && (c.ACMEEmail != "" || c.ACMECA != "") {
		check("acme-domain", errors.New("acme-email and acme-ca are given, and no name to get a certificate for: set it, or leave them out"))
	}
	if u, err := url.Parse("https://" + c.ACMEDomain); c.ACMEDomain != "" && (err != nil || u.Host != c.ACMEDomain || u.Port() != "") {
		check("acme-domain", fmt.Errorf("%q is no name of a host: write one such as live.example.org", c.ACMEDomain))
	}
	if u, err := url.Parse(c.ACMECA); c.ACMECA != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		check("acme-ca", fmt.Errorf("%q is no directory: write its address, which begins with https://", c.ACMECA))
	}
}

// listenersTLS is how the listeners' port speaks TLS; nil where it does not. Its sessions go on at every node with the same key.
func (n *Node) listenersTLS(listen net.Addr) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, CurvePreferences: edge.Curves}
	switch {
	case !n.cfg.listensTLS():
		return nil, nil
	case n.cfg.ACMEDomain != "":
		var err error
		n.acme, err = newAuthority(&n.cfg, n.data.file(acmeFolder), listen, n.log.With("part", "acme"))
		if err != nil {
			return nil, err
		}
		n.acme.configure(config)
	case n.cfg.ListenTLSCert != "":
		files, err := openCertFiles(n.cfg.ListenTLSCert, n.cfg.ListenTLSKey, time.Now, n.log)
		if err != nil {
			return nil, err
		}
		config.GetCertificate = files.certificate
	default:
		names, addrs := n.cfg.listenNames()
		cert, err := n.data.selfSigned("listen", "Epidaurus (self-signed)", names, addrs, time.Now())
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{cert}
	}
	secret, err := n.sessionSecret()
	if err != nil {
		return nil, err
	}
	edge.ShareSessions(config, secret, time.Now)
	return config, nil
}

// sessionSecret is what all nodes of a cluster have and nobody else; of a node alone, what outlives its restart. Nodes that know each other by
// credentials or certificates have no secret in common: what they could share is not told to anybody.
func (n *Node) sessionSecret() ([]byte, error) {
	if n.cfg.sharesSecret() {
		secret, err := n.data.clusterSecret(n.cfg.ClusterSecretFile)
		return []byte(secret), err
	}
	if n.cfg.NATS != "" {
		n.log.Warn("the listeners' TLS sessions go on at this node only, so whoever moves to another edge makes a full handshake there: " +
			"give all nodes the same secret with cluster-secret-file, beside their credentials")
	}
	if n.store != nil {
		return n.store.Key()[:], nil
	}
	return []byte(rand.Text()), nil
}

// listenNames is all that a self-signed certificate tells listeners of this machine: where they connect, and nothing that names the stage.
func (c *Config) listenNames() (names []string, addrs []net.IP) {
	names, addrs = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	hosts := make([]string, 0, 2)
	if u, err := url.Parse(c.PublicURL); err == nil {
		hosts = append(hosts, u.Hostname())
	}
	if host, _, err := net.SplitHostPort(c.Listen); err == nil {
		hosts = append(hosts, host)
	}
	for _, host := range hosts {
		ip := net.ParseIP(host)
		switch {
		case ip != nil && !ip.IsUnspecified():
			addrs = append(addrs, ip)
		case ip == nil && host != "" && !slices.Contains(names, host):
			names = append(names, host)
		}
	}
	return names, addrs
}

// lookEvery is how often the files of a certificate are looked at, when there are handshakes.
const lookEvery = time.Minute

// certFiles is a certificate in two files that somebody else renews.
type certFiles struct {
	// immutable
	files [2]string // certificate and key
	now   func() time.Time
	log   *slog.Logger

	current atomic.Pointer[tls.Certificate]

	mu     sync.Mutex
	looked time.Time    // guarded by mu; when the files were last looked at
	known  [2]fileStamp // guarded by mu; of current
}

// fileStamp changes when a file does.
type fileStamp struct {
	at   time.Time
	size int64
}

func openCertFiles(cert, key string, now func() time.Time, log *slog.Logger) (*certFiles, error) {
	f := &certFiles{files: [2]string{cert, key}, now: now, log: log}
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.loadLocked()
	if err != nil {
		return nil, err
	}
	return f, nil
}

// certificate is for tls.Config.GetCertificate.
func (f *certFiles) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if f.mu.TryLock() { // while one looks, others take what there is
		defer f.mu.Unlock()
		if f.now().Sub(f.looked) >= lookEvery {
			err := f.loadLocked()
			if err != nil {
				f.log.Warn("the listeners' certificate cannot be read again: the one from before stays", "error", err)
			}
		}
	}
	return f.current.Load(), nil
}

// loadLocked reads the files if they have changed. The caller holds mu.
func (f *certFiles) loadLocked() error {
	f.looked = f.now()
	var stamps [2]fileStamp
	for i, name := range f.files {
		info, err := os.Stat(name)
		if err != nil {
			return fmt.Errorf("load the listeners' certificate: %w", err)
		}
		stamps[i] = fileStamp{info.ModTime(), info.Size()}
	}
	if f.current.Load() != nil && stamps == f.known {
		return nil
	}
	cert, err := tls.LoadX509KeyPair(f.files[0], f.files[1])
	if err != nil {
		return fmt.Errorf("load the listeners' certificate: %w", err)
	}
	f.known = stamps
	f.current.Store(&cert)
	return nil
}
