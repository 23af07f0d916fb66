package bus

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"strings"
)

// Config says where the bus lives: in a server of this process, or in one elsewhere.
type Config struct {
	Node string       // this node's name; leases are held under it; required
	Log  *slog.Logger // required

	// The server of this process, where there is no URL.
	Dir    string      // of its store; required
	Listen string      // address for other nodes; default: none, it is for this process alone
	TLS    *tls.Config // for Listen, which it requires: what other nodes hear is encrypted always

	// The server elsewhere.
	URL   string // nats:// on this machine, tls:// elsewhere; several with commas between; default: the server of this process
	CA    string // file of the certificates (PEM) by which its own is known; default: the system's
	Cert  string // file of this node's certificate (PEM), where the server asks for one
	Key   string // file of its key (PEM)
	Creds string // NATS credentials file

	Token string // the cluster's secret: what nodes show to Listen, or to URL
}

// check says what is missing or dangerous.
func (c *Config) check() error {
	if c.URL != "" {
		return errors.Join(CheckURL(c.URL), CheckIdentity(c.URL, c.Token != "" || c.Creds != "" || c.Cert != ""))
	}
	if c.Listen == "" {
		return nil
	}
	if c.TLS == nil {
		return fmt.Errorf("the bus may not listen at %s unencrypted: give it a certificate", c.Listen)
	}
	if c.Token == "" {
		return fmt.Errorf("the bus may not listen at %s for everybody: give it a secret", c.Listen)
	}
	return nil
}

// CheckURL says what is wrong with the address of a bus, such as one that is not encrypted and leaves this machine.
func CheckURL(servers string) error {
	for server := range strings.SplitSeq(servers, ",") {
		u, err := url.Parse(server)
		if err != nil || u.Scheme != "nats" && u.Scheme != "tls" || u.Hostname() == "" || u.Path != "" {
			return errors.New("this is no address of a bus: write one such as tls://bus.example.org:4222")
		}
		if u.Scheme != "tls" && !isLoopback(u.Hostname()) {
			return fmt.Errorf("nats://%s is not encrypted, so that anybody on the way could speak in every room: write tls://%s", u.Host, u.Host)
		}
	}
	return nil
}

// CheckIdentity refuses to go to another machine's bus as nobody: shows says whether the node has a secret, credentials or a certificate.
func CheckIdentity(servers string, shows bool) error {
	for server := range strings.SplitSeq(servers, ",") {
		u, err := url.Parse(server)
		if err == nil && u.User == nil && !shows && !isLoopback(u.Hostname()) {
			return fmt.Errorf("the bus on %s must know who comes: give the cluster's secret, credentials, a client certificate, "+
				"or user and password in its address", u.Hostname())
		}
	}
	return nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

// encrypted reports whether the way to the servers is.
func (c *Config) encrypted() bool { return strings.Contains(c.URL, "tls://") }

// clientTLS is how this node knows the server, and is known by it.
func (c *Config) clientTLS() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		text, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("read the certificates of the bus: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("there is no certificate in %s: it must be a PEM file, such as the stage node's cluster-ca.pem", c.CA)
		}
	}
	if c.Cert != "" {
		cert, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("load this node's certificate for the bus: %w", err)
		}
		t.Certificates = []tls.Certificate{cert}
	}
	return t, nil
}
