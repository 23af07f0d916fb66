package node

import (
	"bytes"
	"crypto/tls"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

var evening = time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)

func (c *Config) certificateIn(t *testing.T, d *dataDir, now time.Time) tls.Certificate {
	t.Helper()
	cert, err := c.certificate(d, now)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func same(a, b tls.Certificate) bool { return bytes.Equal(a.Certificate[0], b.Certificate[0]) }

func TestSelfSignedCertificate(t *testing.T) {
	d := folder(t)
	cfg := usual(t)
	first := cfg.certificateIn(t, d, evening)
	for _, name := range []string{"localhost", "127.0.0.1"} {
		err := first.Leaf.VerifyHostname(name)
		if err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"stage-key.pem", "stage-cert.pem"} {
		info, err := os.Stat(d.file(name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v (%v)", name, info.Mode(), err)
		}
	}
	if !same(first, cfg.certificateIn(t, d, evening.Add(300*24*time.Hour))) {
		t.Error("it is not kept")
	}
	late := cfg.certificateIn(t, d, evening.Add(340*24*time.Hour))
	if same(first, late) {
		t.Error("it is about to expire, and not renewed")
	}
	cfg.StageURL, cfg.Advertise = "https://stage.example.org:8081", []string{"203.0.113.7"}
	named := cfg.certificateIn(t, d, evening)
	for _, name := range []string{"stage.example.org", "203.0.113.7", "localhost"} {
		err := named.Leaf.VerifyHostname(name)
		if err != nil {
			t.Error(err)
		}
	}
	cfg.StageURL = "https://198.51.100.7"
	if named := cfg.certificateIn(t, d, evening); named.Leaf.VerifyHostname("198.51.100.7") != nil {
		t.Errorf("the stage's address is not among %v", named.Leaf.IPAddresses)
	}
	cfg.StageURL, cfg.Advertise = "", nil
	if got := cfg.certificateIn(t, d, evening); got.Leaf.VerifyHostname("198.51.100.7") != nil {
		t.Error("a certificate that is good for more names was thrown away: everybody would have to trust a new one")
	}
}

// A file that was cut short, or a key of another certificate, is replaced.
func TestSelfSignedCertificateDamaged(t *testing.T) {
	for _, file := range []string{"stage-key.pem", "stage-cert.pem"} {
		t.Run(file, func(t *testing.T) {
			d := folder(t)
			cfg := usual(t)
			first := cfg.certificateIn(t, d, evening)
			write(t, d.file(file), "-----BEGIN")
			if same(first, cfg.certificateIn(t, d, evening)) {
				t.Error("the same certificate again")
			}
		})
	}
}

func TestOwnCertificate(t *testing.T) {
	d := folder(t)
	cfg := usual(t)
	certPEM, keyPEM, err := selfSigned("test", []string{"stage.example.org"}, nil, evening)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cfg.TLSCert, cfg.TLSKey = write(t, filepath.Join(dir, "cert"), string(certPEM)), write(t, filepath.Join(dir, "key"), string(keyPEM))
	cert := cfg.certificateIn(t, d, evening)
	if !slices.Equal(cert.Leaf.DNSNames, []string{"stage.example.org"}) {
		t.Errorf("it is for %v", cert.Leaf.DNSNames)
	}
	write(t, cfg.TLSKey, "junk")
	_, err = cfg.certificate(d, evening)
	fails(t, err, "load the certificate")
}
