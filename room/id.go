package room

import (
	"fmt"
	"io"
	"strings"
)

// ID names a room in addresses, subjects and file names: 3 to 64 characters of [a-z0-9-], beginning and ending with a letter or digit.
type ID string

// PersonID names a person within a room: 1 to 32 characters of [a-z0-9].
type PersonID string

// HostID names a host: somebody who may make rooms on this server. It has the form of a PersonID.
type HostID string

const (
	minID       = 3
	maxID       = 64
	maxPersonID = 32
	maxSlug     = 40 // of a title in an ID
)

// Valid reports whether the ID can stand in addresses, subjects and file names.
func (id ID) Valid() bool {
	n := len(id)
	if n < minID || n > maxID || id[0] == '-' || id[n-1] == '-' {
		return false
	}
	for i := range n {
		if !isLetterOrDigit(id[i]) && id[i] != '-' {
			return false
		}
	}
	return true
}

// Valid reports whether the ID can stand in addresses and in the events of a room.
func (p PersonID) Valid() bool {
	if p == "" || len(p) > maxPersonID {
		return false
	}
	for i := range len(p) {
		if !isLetterOrDigit(p[i]) {
			return false
		}
	}
	return true
}

func isLetterOrDigit(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }

// NewID makes an ID from a title and random characters of [a-z0-9], such as harbour-talk-k3f9x2. It is valid for every title
// when there are 3 to 22 random characters.
func NewID(title, random string) ID {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(title) {
		if r > 'z' || !isLetterOrDigit(byte(r)) {
			dash = true
			continue
		}
		if dash && b.Len() > 0 {
			b.WriteByte('-')
		}
		dash = false
		b.WriteRune(r)
		if b.Len() >= maxSlug {
			break
		}
	}
	if b.Len() > 0 {
		b.WriteByte('-')
	}
	b.WriteString(random)
	return ID(b.String())
}

// randomAlphabet has 32 characters, so that five random bits choose each of them equally often; i, l, o and u are left out
// because people read these names aloud.
const randomAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// RandomChars reads n random characters of [a-z0-9] from random, five bits of chance in each.
func RandomChars(random io.Reader, n int) (string, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(random, b)
	if err != nil {
		return "", fmt.Errorf("read random bytes: %w", err)
	}
	for i, c := range b {
		b[i] = randomAlphabet[c%32]
	}
	return string(b), nil
}
