package room

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Grant is what a stage token says: this person may act in this room in this role.
type Grant struct {
	Room    ID       `json:"r"`
	Person  PersonID `json:"p"`
	Role    Role     `json:"o"`
	Name    string   `json:"n,omitempty"`
	Origin  string   `json:"a,omitempty"` // whom a raised hand counted for, by a hash that tells nobody else anything
	Expires int64    `json:"e"`           // Unix seconds
}

// Key signs and checks stage tokens. Any node that holds it checks a token without asking anybody.
type Key [32]byte

// Reasons why a token is refused.
var (
	ErrTokenMalformed = errors.New("the link's token is damaged: copy the whole link again")
	ErrTokenForged    = errors.New("the link's token was not made by this server: ask the host for a new link")
	ErrTokenExpired   = errors.New("the link has expired: ask the host for a new one")
)

const (
	tokenVersion = "e1."
	maxToken     = 1024
	originBytes  = 9
)

var tokenEncoding = base64.RawURLEncoding.Strict()

// Sign makes a token: a version, the grant, and an HMAC-SHA-256 over both. Every grant of valid IDs, a role that exists and a name
// as CheckName returns it makes a token that Verify takes.
func (k *Key) Sign(g Grant) string {
	body, err := json.Marshal(g)
	if err != nil {
		panic(err) // strings and integers always marshal
	}
	head := tokenVersion + tokenEncoding.EncodeToString(body)
	return head + "." + tokenEncoding.EncodeToString(k.mac(head))
}

// Verify returns the grant of a token that this key signed and that has not expired at now.
func (k *Key) Verify(token string, now time.Time) (Grant, error) {
	if len(token) > maxToken || !strings.HasPrefix(token, tokenVersion) {
		return Grant{}, ErrTokenMalformed
	}
	dot := strings.LastIndexByte(token, '.')
	if dot < len(tokenVersion) {
		return Grant{}, ErrTokenMalformed
	}
	head, mac := token[:dot], token[dot+1:]
	raw, err := tokenEncoding.DecodeString(mac)
	if err != nil || len(raw) != sha256.Size {
		return Grant{}, ErrTokenMalformed
	}
	// The encoded forms are compared because decoding passes over line breaks: one grant has one token.
	if !hmac.Equal([]byte(mac), []byte(tokenEncoding.EncodeToString(k.mac(head)))) {
		return Grant{}, ErrTokenForged
	}
	body, err := tokenEncoding.DecodeString(head[len(tokenVersion):])
	if err != nil {
		return Grant{}, ErrTokenMalformed
	}
	var g Grant
	err = json.Unmarshal(body, &g)
	if err != nil {
		return Grant{}, fmt.Errorf("%w: %w", ErrTokenMalformed, err)
	}
	if !g.Room.Valid() || !g.Person.Valid() || !g.Role.Valid() {
		return Grant{}, ErrTokenMalformed
	}
	if now.Unix() >= g.Expires {
		return Grant{}, ErrTokenExpired
	}
	return g, nil
}

// Origin hides from where somebody came: the same for one address in one room, and telling nothing to who has no key.
func (k *Key) Origin(id ID, address string) string {
	if address == "" {
		return ""
	}
	return tokenEncoding.EncodeToString(k.mac("origin " + string(id) + " " + address)[:originBytes])
}

func (k *Key) mac(head string) []byte {
	h := hmac.New(sha256.New, k[:])
	h.Write([]byte(head))
	return h.Sum(nil)
}
