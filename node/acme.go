package node

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"
)

// acmeProtocol is what an authority says in a handshake that checks the name (RFC 8737).
const acmeProtocol = "acme-tls/1"

// acmeFolder is where certificates are kept, in the data folder.
const acmeFolder = "acme"

// acmeFiles are those in which the authority keeps certificate and key.
func (c *Config) acmeFiles(folder string) (cert, key string) {
	issuer := (&certmagic.ACMEIssuer{CA: cmp.Or(c.ACMECA, certmagic.LetsEncryptProductionCA)}).IssuerKey()
	keys := certmagic.StorageKeys
	return filepath.Join(folder, keys.SiteCert(issuer, c.ACMEDomain)), filepath.Join(folder, keys.SitePrivateKey(issuer, c.ACMEDomain))
}

// authority gets a certificate by ACME and renews it.
type authority struct {
	magic  *certmagic.Config
	cache  *certmagic.Cache
	cancel context.CancelFunc
}

// newAuthority begins to get a certificate, if none is kept in the folder. The listeners' port at listen must answer what the authority
// asks, which it does by configure; until there is a certificate its handshakes fail.
func newAuthority(c *Config, folder string, listen net.Addr, log *slog.Logger) (*authority, error) {
	addr, ok := listen.(*net.TCPAddr)
	if !ok {
		return nil, fmt.Errorf("acme: %v is no TCP address", listen)
	}
	a := &authority{}
	a.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert:   func(certmagic.Certificate) (*certmagic.Config, error) { return a.magic, nil },
		RenewCheckInterval: c.acmeRenew,
		Logger:             zap.NewNop(),
	})
	a.magic = certmagic.New(a.cache, certmagic.Config{
		Storage:           &certmagic.FileStorage{Path: folder},
		DefaultServerName: c.ACMEDomain,
		Logger:            zap.NewNop(), // what matters comes by events
		ShouldEmitFunc:    func(event string) bool { return slices.Contains(acmeEvents, event) },
		OnEvent: func(_ context.Context, event string, data map[string]any) error {
			tell(log, event, data)
			return nil
		},
	})
	host := ""
	if !addr.IP.IsUnspecified() {
		host = addr.IP.String()
	}
	a.magic.Issuers = []certmagic.Issuer{certmagic.NewACMEIssuer(a.magic, certmagic.ACMEIssuer{
		CA: cmp.Or(c.ACMECA, certmagic.LetsEncryptProductionCA), Email: c.ACMEEmail, Agreed: true, TrustedRoots: c.acmeRoots,
		DisableHTTPChallenge: true, ListenHost: host, AltTLSALPNPort: addr.Port, Logger: zap.NewNop(),
	})}
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	err := a.magic.ManageAsync(ctx, []string{c.ACMEDomain})
	if err != nil {
		a.close()
		return nil, fmt.Errorf("acme: get a certificate for %s: %w", c.ACMEDomain, err)
	}
	return a, nil
}

// acmeEvents are those that are told; there is one more for every handshake.
var acmeEvents = []string{"cert_obtaining", "cert_obtained", "cert_failed"}

func tell(log *slog.Logger, event string, data map[string]any) {
	switch event {
	case "cert_obtaining":
		log.Info("asking for a certificate", "name", data["identifier"])
	case "cert_obtained":
		log.Info("there is a new certificate", "name", data["identifier"])
	case "cert_failed":
		log.Error("there is no new certificate: port 443 of the name must lead to the listeners' port; it is tried again later",
			"name", data["identifier"], "error", data["error"])
	}
}

// configure makes a port's TLS use the certificate, and answer the authority. It answers its protocol to nobody else.
func (a *authority) configure(config *tls.Config) {
	config.GetCertificate = a.magic.GetCertificate
	challenge := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{acmeProtocol}, GetCertificate: a.magic.GetCertificate}
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acmeProtocol {
			return challenge, nil
		}
		return nil, nil
	}
}

// close stops the renewal.
func (a *authority) close() {
	a.cancel()
	a.cache.Stop()
}
