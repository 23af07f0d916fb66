//go:build linux

package edge

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"strconv"
	"sync/atomic"
	"time"
)

// SessionKeys are the keys of session tickets at a time: today's, which new tickets get, then yesterday's and tomorrow's, which are taken
// too, since days begin at different moments on different clocks. They follow from secret and the day (UTC) alone, so the nodes that share
// a secret go on with each other's sessions.
func SessionKeys(secret []byte, now time.Time) [][32]byte {
	today := day(now)
	keys := make([][32]byte, 3)
	for i, d := range [...]int64{today, today - 1, today + 1} {
		key, err := hkdf.Key(sha256.New, secret, nil, "epidaurus session tickets of day "+strconv.FormatInt(d, 10), len(keys[i]))
		if err != nil {
			panic(err) // only a key of many kilobytes is refused
		}
		keys[i] = [32]byte(key)
	}
	return keys
}

func day(t time.Time) int64 { return t.Unix() / int64(24*time.Hour/time.Second) }

// ShareSessions gives config the keys of SessionKeys, and those of each day with its first handshake. It must be called before config
// is used, and after its GetConfigForClient is set, which stays in effect.
func ShareSessions(config *tls.Config, secret []byte, now func() time.Time) {
	var keysOf atomic.Int64
	began := now()
	keysOf.Store(day(began))
	config.SetSessionTicketKeys(SessionKeys(secret, began))
	next := config.GetConfigForClient
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		t := now()
		if old := keysOf.Load(); old != day(t) && keysOf.CompareAndSwap(old, day(t)) {
			config.SetSessionTicketKeys(SessionKeys(secret, t))
		}
		if next != nil {
			return next(hello)
		}
		return nil, nil
	}
}
