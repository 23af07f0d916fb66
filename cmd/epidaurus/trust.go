package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// trust is how a command knows the server at the other end.
type trust struct {
	CA string `name:"ca" help:"Trust this certificate too (PEM), such as a server's own data/stage-cert.pem." placeholder:"FILE"`
}

// client speaks HTTP/1.1, as our ports do. Its answers may go on for ever; a timeout is the caller's. It is nil where the usual one will do.
func (t trust) client() (*http.Client, error) {
	if t.CA == "" {
		return nil, nil
	}
	text, err := os.ReadFile(t.CA)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("ca: read the system's certificates: %w", err)
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("ca: there is no certificate in %s: it must be a PEM file", t.CA)
	}
	const patience = 10 * time.Second
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: patience}).DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   patience,
		ResponseHeaderTimeout: patience,
		DisableCompression:    true,
		Protocols:             protocols,
	}}, nil
}
