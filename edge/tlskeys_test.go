//go:build linux

package edge

import (
	"bytes"
	"crypto/tls"
	"slices"
	"testing"
	"time"
)

func TestSessionKeysFollowTheDay(t *testing.T) {
	noon := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	keys := func(secret string, days int) [][32]byte { return SessionKeys([]byte(secret), noon.AddDate(0, 0, days)) }
	today := keys("secret", 0)
	if !slices.Equal(today, SessionKeys([]byte("secret"), noon.Add(11*time.Hour).In(time.FixedZone("", 9*3600)))) {
		t.Error("the keys differ within a day")
	}
	for days := -1; days <= 1; days++ {
		other := keys("secret", days)
		if days != 0 && other[0] == today[0] {
			t.Errorf("new tickets get the same key %d days later", days)
		}
		if !slices.Contains(today, other[0]) || !slices.Contains(other, today[0]) {
			t.Errorf("the clocks of two nodes are %d days apart, and one does not take the other's tickets", days)
		}
	}
	if slices.Contains(keys("secret", 2), today[0]) {
		t.Error("a key is taken for longer than the day after its own")
	}
	for _, k := range keys("another", 0) {
		if slices.Contains(today, k) {
			t.Error("two secrets share a key")
		}
	}
}

// A listener who comes to another edge of the cluster goes on with the session of the first.
func TestSessionsAreResumedOnAnotherEdge(t *testing.T) {
	clock := newClock()
	edges := map[string]*house{"One": nil, "Other": nil, "Stranger": nil}
	for name := range edges {
		h := open(t, nil)
		h.server.Close()
		config, secret := serverTLS(t), []byte("of the cluster")
		if name == "Stranger" {
			secret = []byte("of nobody")
		}
		ShareSessions(config, secret, clock.Now)
		h.server = serveTLS(t, h.edge.Handler(), config, 0)
		h.record(300)
		edges[name] = h
	}
	client := clientTLS(t)
	client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	visit := func(name string) (resumed bool) {
		h := edges[name]
		h.client = client
		l := h.get("/r/harbour/live.mp4") // its answer brings the tickets of TLS 1.3
		defer l.conn.Close()
		return l.conn.(*tls.Conn).ConnectionState().DidResume
	}
	for _, step := range []struct {
		to      string
		later   time.Duration
		resumed bool
	}{
		{"One", 0, false},
		{"Other", 0, true},
		{"One", 24 * time.Hour, true},
		{"One", 48 * time.Hour, false},
		{"Stranger", 0, false},
		{"Other", 0, false},
	} {
		clock.advance(step.later)
		if got := visit(step.to); got != step.resumed {
			t.Errorf("%s, %v later: resumed %t, want %t", step.to, step.later, got, step.resumed)
		}
	}
}

func TestSharingSessionsKeepsTheChoiceOfConfig(t *testing.T) {
	clock, other := newClock(), serverTLS(t)
	config := &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return other, nil }}
	ShareSessions(config, []byte("secret"), clock.Now)
	hello := &tls.ClientHelloInfo{}
	allocs := testing.AllocsPerRun(100, func() {
		got, err := config.GetConfigForClient(hello)
		if got != other || err != nil {
			t.Errorf("%v, %v", got, err)
		}
	})
	if allocs > 0 {
		t.Errorf("a handshake allocates %v times for the keys", allocs)
	}
}

// Tickets must not give away the secret's other uses.
func TestSessionKeysAreNotTheSecret(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, 32)
	for _, k := range SessionKeys(secret, time.Now()) {
		if bytes.Equal(k[:], secret) {
			t.Error("a key is the secret itself")
		}
	}
}
