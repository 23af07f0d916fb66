package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/bus"
	"github.com/epidaurus-live/epidaurus/room"
)

// What the nodes of a cluster know each other by. These files are in the data folder of the node where they were made.
const (
	secretFile    = "cluster.secret"     // every node shows it to the bus
	keyFile       = "cluster.key"        // signs the list of edges; who has it can send listeners anywhere
	caFile        = "cluster-ca.pem"     // other nodes know the bus by it; it is no secret
	caKeyFile     = "cluster-ca-key.pem" // vouches for the bus
	minSecret     = 16                   // characters: it is never typed, so it may be long
	authorityLife = 10 * 365 * 24 * time.Hour
)

// busConfig is where the bus is, and how this node shows who it is.
func (n *Node) busConfig(name string) (cfg bus.Config, err error) {
	c := &n.cfg
	cfg = bus.Config{
		Node: name, Log: n.log.With("part", "bus"), Dir: n.data.file("bus"),
		URL: c.NATS, CA: c.NATSCA, Cert: c.NATSCert, Key: c.NATSKey, Creds: c.NATSCreds,
	}
	if c.sharesSecret() {
		cfg.Token, err = n.data.clusterSecret(c.ClusterSecretFile)
	}
	if err == nil && c.BusListen != "" {
		cfg.Listen = c.BusListen
		cfg.TLS, err = c.busTLS(n.data, time.Now())
	}
	return cfg, err
}

// sharesSecret reports whether this node has a secret in common with others.
func (c *Config) sharesSecret() bool { return c.ClusterSecretFile != "" || c.BusListen != "" }

// clusterSecret reads the secret from a file, or the one of this folder, which is made if need be.
func (d *dataDir) clusterSecret(file string) (string, error) {
	if file == "" {
		file = d.file(secretFile)
		err := keepOnce(file, func() (string, error) { return rand.Text() + rand.Text(), nil })
		if err != nil {
			return "", fmt.Errorf("keep the cluster's secret: %w", err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the cluster's secret: %w", err)
	}
	secret := strings.TrimSpace(string(text))
	if len(secret) < minSecret || strings.ContainsAny(secret, " \t\r\n") {
		return "", fmt.Errorf("there is no secret of a cluster in %s: it must be one line of at least %d characters, such as another node's %s",
			file, minSecret, secretFile)
	}
	return secret, nil
}

// clusterKey reads the key that signs the list of edges. It is made if need be.
func (d *dataDir) clusterKey() (room.ClusterKey, error) {
	file := d.file(keyFile)
	err := keepOnce(file, func() (string, error) {
		key, err := room.NewClusterKey(rand.Reader)
		return key.Text(), err
	})
	if err != nil {
		return room.ClusterKey{}, fmt.Errorf("keep the cluster's key: %w", err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return room.ClusterKey{}, fmt.Errorf("read the cluster's key: %w", err)
	}
	key, err := room.ParseClusterKey(string(text))
	if err != nil {
		return key, fmt.Errorf("%s: %w", file, err)
	}
	return key, nil
}

// keepOnce writes a line into a file, readable by its owner only, unless there is one.
func keepOnce(file string, make func() (string, error)) error {
	_, err := os.Stat(file)
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	line, err := make()
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(line+"\n"), 0o600)
}

// busTLS is how other nodes know the bus: by the certificate that is configured, or by one of the cluster's own authority.
func (c *Config) busTLS(d *dataDir, now time.Time) (*tls.Config, error) {
	cert, err := tls.Certificate{}, error(nil)
	if c.BusCert != "" {
		cert, err = tls.LoadX509KeyPair(c.BusCert, c.BusKey)
	} else {
		cert, err = c.busCertificate(d, now)
	}
	if err != nil {
		return nil, fmt.Errorf("the certificate of the bus: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, nil
}

// busCertificate is made anew at every start, so that it has this machine's present names; what other nodes keep is the authority's.
func (c *Config) busCertificate(d *dataDir, now time.Time) (tls.Certificate, error) {
	ca, err := d.authority(now)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template, err := certificateOf("Epidaurus bus", now, ca.Leaf.NotAfter)
	if err != nil {
		return tls.Certificate{}, err
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	template.DNSNames, template.IPAddresses = c.certificateNames()
	host, _, err := net.SplitHostPort(c.BusListen)
	if err != nil {
		return tls.Certificate{}, err
	}
	if ip := net.ParseIP(host); ip != nil && !ip.IsUnspecified() {
		template.IPAddresses = append(template.IPAddresses, ip)
	} else if ip == nil && host != "" && !slices.Contains(template.DNSNames, host) {
		template.DNSNames = append(template.DNSNames, host)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Leaf, &key.PublicKey, ca.PrivateKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der, ca.Leaf.Raw}, PrivateKey: key}, nil
}

// authority vouches for the bus. It is made if need be.
func (d *dataDir) authority(now time.Time) (tls.Certificate, error) {
	certFile, keyFile := d.file(caFile), d.file(caKeyFile)
	_, err := os.Stat(certFile)
	if !errors.Is(err, os.ErrNotExist) {
		return tls.LoadX509KeyPair(certFile, keyFile)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template, err := certificateOf("Epidaurus cluster", now, now.Add(authorityLife))
	if err != nil {
		return tls.Certificate{}, err
	}
	template.IsCA, template.MaxPathLenZero = true, true
	template.KeyUsage |= x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	err = errors.Join(os.WriteFile(keyFile, keyPEM, 0o600), os.WriteFile(certFile, certPEM, 0o600))
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(certPEM, keyPEM)
}

func certificateOf(name string, now, until time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}, err
}
