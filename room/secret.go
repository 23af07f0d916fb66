package room

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
)

// Secret is what a link or a cookie carries: 192 random bits as 32 characters of base64url. Only its hash is kept anywhere.
type Secret string

// SecretHash is the SHA-256 of a secret. A secret is random and long, so its hash needs neither salt nor slowness, and to look it
// up in an index tells a guesser nothing: nobody can steer a hash towards one that is stored.
type SecretHash [sha256.Size]byte

const secretBytes = 24

// NewSecret makes a secret from 24 bytes of random.
func NewSecret(random io.Reader) (Secret, error) {
	var b [secretBytes]byte
	_, err := io.ReadFull(random, b[:])
	if err != nil {
		return "", fmt.Errorf("read random bytes: %w", err)
	}
	return Secret(base64.RawURLEncoding.EncodeToString(b[:])), nil
}

// Valid reports whether s has the form of a secret.
func (s Secret) Valid() bool {
	if len(s) != base64.RawURLEncoding.EncodedLen(secretBytes) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !isLetterOrDigit(c) && (c < 'A' || c > 'Z') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// Hash is what is stored in place of the secret.
func (s Secret) Hash() SecretHash { return sha256.Sum256([]byte(s)) }
