package doctor

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// Certificate is what a port shows to those who come by TLS.
type Certificate struct {
	Leaf  *x509.Certificate // the port's own; nil: there is none yet
	Error error             // it cannot be used, whatever it is
	Host  string            // by which the port is reached; "": not known
	Maker Maker
}

// Maker says who makes and renews a certificate.
type Maker int

// Makers.
const (
	Others     Maker = iota // somebody, in files
	ACME                    // the server, by ACME
	SelfSigned              // the server, signed by itself
)

// LoadCertificate reads a certificate and its key as the server does. One that the server makes itself may not be there yet.
func LoadCertificate(certFile, keyFile string, maker Maker) (c Certificate) {
	c.Maker = maker
	if certFile == "" || keyFile == "" {
		c.Error = errors.New("certificate and key go together: name both")
		return c
	}
	_, err := os.Stat(certFile)
	if maker != Others && errors.Is(err, os.ErrNotExist) {
		return c
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		c.Error = fmt.Errorf("%s with %s: %w", certFile, keyFile, err)
		return c
	}
	c.Leaf, c.Error = x509.ParseCertificate(pair.Certificate[0])
	return c
}

func (e examination) listenersCertificate() (Finding, bool) {
	return e.certificate("certificate", e.Cert)
}

func (e examination) stageCertificate() (Finding, bool) {
	return e.certificate("stage's cert.", e.StageCert)
}

func (e examination) certificate(name string, c *Certificate) (Finding, bool) {
	switch {
	case c == nil:
		return Finding{}, false
	case c.Error != nil:
		return Finding{
			Name: name, Found: c.Error.Error(), Means: "nobody can connect with TLS: the server does not start with it", Severity: Change,
		}, true
	case c.Leaf == nil:
		return c.notYet(name), true
	}
	f := Finding{Name: name, Found: fmt.Sprintf("for %s, until %s", names(c.Leaf.DNSNames, len(c.Leaf.IPAddresses)),
		c.Leaf.NotAfter.UTC().Format("2006-01-02"))}
	if c.Maker == SelfSigned {
		// The server makes another one at its start where this one has expired, or is for another name.
		f.Found, f.Severity, f.Means = f.Found+", self-signed", Better, "browsers warn of it: it is for trying out"
		f.Fix = []string{"epidaurus serve --acme-domain live.example.org   # or --listen-tls-cert and --listen-tls-key"}
		return f, true
	}
	e.judgeKey(&f, c)
	e.judgeTimeAndName(&f, c)
	return f, true
}

// notYet is what is found of a certificate that the server will make.
func (c *Certificate) notYet(name string) Finding {
	if c.Maker == SelfSigned {
		return Finding{Name: name, Found: "none yet", Means: "the server makes one when it starts; browsers warn of it: it is for trying out",
			Severity: Better}
	}
	return Finding{Name: name, Found: "none yet", Severity: Better,
		Means: "the server gets one by ACME when it starts: port 443 of its name must lead to the listeners' port then"}
}

// judgeKey says what an honest certificate's key costs.
func (e examination) judgeKey(f *Finding, c *Certificate) {
	const newKey = "openssl ecparam -name prime256v1 -genkey -noout -out key.pem   # and a certificate for it"
	switch c.Leaf.PublicKey.(type) {
	case *ecdsa.PublicKey:
		f.Found += ", ECDSA"
	case ed25519.PublicKey:
		f.Found, f.Severity, f.Means = f.Found+", Ed25519", Change, "browsers do not know this kind of key"
		f.Fix = []string{newKey}
	case *rsa.PublicKey:
		f.Found, f.Severity, f.Means = f.Found+", RSA", Better,
			"each full handshake costs several times that of an ECDSA key: fewer joins per second"
		f.Fix = []string{newKey}
	}
}

// judgeTimeAndName says what keeps everybody out, now or soon. It is worse than what a key costs.
func (e examination) judgeTimeAndName(f *Finding, c *Certificate) {
	left := c.Leaf.NotAfter.Sub(e.Now)
	days := int(left / (24 * time.Hour))
	wrongName := c.Host != "" && c.Leaf.VerifyHostname(c.Host) != nil
	switch {
	case left <= 0:
		f.Severity, f.Means, f.Fix = Change, "it has expired: nobody can connect", []string{"get a new one"}
	case e.Now.Before(c.Leaf.NotBefore):
		f.Severity, f.Means, f.Fix = Change, "it is not valid yet: certificate or clock is wrong", []string{"date"}
	case wrongName:
		f.Severity, f.Means = Change, fmt.Sprintf("it is not for %s, by which the server is reached: nobody can connect", c.Host)
		f.Fix = []string{"get one for " + c.Host + ", or give the server the URL of a name that it is for"}
	case days < certDays && f.Severity != Change:
		f.Severity, f.Means, f.Fix = Better, fmt.Sprintf("it expires in %d days", days), []string{"get a new one before the day"}
		if c.Maker == ACME {
			f.Means += ", and should have been renewed by now"
			f.Fix = []string{"look for \"there is no new certificate\" in the server's log: port 443 of the name must lead to the listeners' port"}
		}
	case f.Means == "":
		f.Means = fmt.Sprintf("valid for %d more days", days)
	}
}

func names(dns []string, addresses int) string {
	switch {
	case len(dns) == 0 && addresses == 0:
		return "no name"
	case len(dns) == 0:
		return fmt.Sprintf("%d addresses", addresses)
	case len(dns) > 4:
		return fmt.Sprintf("%s and %d more", strings.Join(dns[:4], ", "), len(dns)-4)
	}
	return strings.Join(dns, ", ")
}
