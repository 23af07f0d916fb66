//go:build linux

package crowd

import (
	"crypto/tls"
	"sync/atomic"
)

// tickets is a session cache that resumes from one session again and again, as listeners do who come back. The first ones find none,
// and shake hands in full.
type tickets struct {
	session atomic.Pointer[tls.ClientSessionState]
}

// Get implements tls.ClientSessionCache.
func (t *tickets) Get(string) (*tls.ClientSessionState, bool) {
	s := t.session.Load()
	return s, s != nil
}

// Put implements tls.ClientSessionCache.
func (t *tickets) Put(_ string, s *tls.ClientSessionState) {
	if s != nil {
		t.session.CompareAndSwap(nil, s)
	}
}

// config is that of one listener. It does not check who signed the certificate, but that the server has its key.
func (t *tickets) config(resume bool) *tls.Config {
	c := &tls.Config{
		ServerName: "localhost", InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"},
		CurvePreferences: []tls.CurveID{tls.CurveP256}, // what costs the listeners least: they are on the same machine
	}
	if resume {
		c.ClientSessionCache = t
	}
	return c
}
