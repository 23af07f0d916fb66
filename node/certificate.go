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
	"net/url"
	"os"
	"slices"
	"time"
)

const (
	certificateLife  = 365 * 24 * time.Hour
	certificateRenew = 30 * 24 * time.Hour
)

// certificate returns the stage's certificate: the one configured, or a self-signed one kept in the data folder.
func (c *Config) certificate(d *dataDir, now time.Time) (tls.Certificate, error) {
	if c.TLSCert != "" {
		cert, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
		if err != nil {
			return cert, fmt.Errorf("load the certificate: %w", err)
		}
		return cert, nil
	}
	names, addrs := c.certificateNames()
	return d.selfSigned("stage", "Epidaurus stage (self-signed)", names, addrs, now)
}

// selfSigned returns the self-signed certificate of a port that is kept in the folder, or makes one.
func (d *dataDir) selfSigned(port, title string, names []string, addrs []net.IP, now time.Time) (tls.Certificate, error) {
	certFile, keyFile := d.file(port+"-cert.pem"), d.file(port+"-key.pem")
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err == nil && stillGood(cert.Leaf, names, addrs, now) {
		return cert, nil
	}
	certPEM, keyPEM, err := selfSigned(title, names, addrs, now)
	if err != nil {
		return cert, fmt.Errorf("make a self-signed certificate: %w", err)
	}
	err = errors.Join(os.WriteFile(keyFile, keyPEM, 0o600), os.WriteFile(certFile, certPEM, 0o600))
	if err != nil {
		return cert, fmt.Errorf("keep the self-signed certificate: %w", err)
	}
	return tls.X509KeyPair(certPEM, keyPEM)
}

// certificateNames is all that a speaker may call this machine.
func (c *Config) certificateNames() (names []string, addrs []net.IP) {
	names = []string{"localhost"}
	if host, err := os.Hostname(); err == nil && host != "localhost" {
		names = append(names, host)
	}
	if u, err := url.Parse(c.StageURL); err == nil && u.Hostname() != "" && !slices.Contains(names, u.Hostname()) {
		if ip := net.ParseIP(u.Hostname()); ip != nil {
			addrs = append(addrs, ip)
		} else {
			names = append(names, u.Hostname())
		}
	}
	for _, a := range parseAddrs(c.Advertise) {
		addrs = append(addrs, a.AsSlice())
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return names, addrs // a machine that does not tell its addresses still has its names
	}
	for _, a := range own {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLinkLocalUnicast() {
			addrs = append(addrs, ip.IP)
		}
	}
	return names, addrs
}

func stillGood(leaf *x509.Certificate, names []string, addrs []net.IP, now time.Time) bool {
	if now.After(leaf.NotAfter.Add(-certificateRenew)) {
		return false
	}
	for _, n := range names {
		if leaf.VerifyHostname(n) != nil {
			return false
		}
	}
	for _, a := range addrs {
		if leaf.VerifyHostname(a.String()) != nil {
			return false
		}
	}
	return true
}

func selfSigned(title string, names []string, addrs []net.IP, now time.Time) (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: title},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(certificateLife),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              names,
		IPAddresses:           addrs,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}
