package room

import (
	"crypto/ed25519"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// A pass lets whoever has it hear one run-through until it expires. It is a signature, which any edge checks by itself, with the key that
// the room's facts have.

const (
	passContext     = "epidaurus pass 1\n"
	passExpiryBytes = 8
)

// passEncoding has no character that stands in the ID of a room, beside which a token is in an address, for something else.
var passEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// TokenMark stands between the ID of a room and the pass in an address, such as /r/harbour-k3f9x2~0f1e…/live.mp4.
const TokenMark = "~"

// IsPrivate reports whether nobody without a token may listen to the room, or know of it.
func (f *Facts) IsPrivate() bool { return f.RunOf != "" || len(f.Listeners) > 0 }

// IsOpen reports whether anybody who has the room's address may listen, now or later.
func (f *Facts) IsOpen() bool { return !f.IsPrivate() && !f.Life.Access.Gated() }

// LetsIn reports whether somebody with this token, or with none, may listen to the room, and know of it.
func (f *Facts) LetsIn(token string, now time.Time) bool {
	return !f.IsPrivate() || VerifyPass(token, f.ID, f.Listeners, now) == nil
}

// SignPass makes a pass, of characters that may stand in an address.
func SignPass(key ed25519.PrivateKey, of ID, expires time.Time) string {
	token := binary.BigEndian.AppendUint64(nil, uint64(expires.Unix()))
	return passEncoding.EncodeToString(append(token, ed25519.Sign(key, passText(of, token))...))
}

// VerifyPass says whether a token lets somebody listen to this room: nil, or one of the errors of tokens.
func VerifyPass(token string, of ID, key ed25519.PublicKey, now time.Time) error {
	if len(token) > passEncoding.EncodedLen(passExpiryBytes+ed25519.SignatureSize) {
		return ErrTokenMalformed
	}
	b, err := passEncoding.DecodeString(token)
	switch {
	case err != nil || len(b) != passExpiryBytes+ed25519.SignatureSize:
		return ErrTokenMalformed
	case len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, passText(of, b[:passExpiryBytes]), b[passExpiryBytes:]):
		return ErrTokenForged
	case uint64(now.Unix()) >= binary.BigEndian.Uint64(b):
		return ErrTokenExpired
	}
	return nil
}

func passText(of ID, expires []byte) []byte {
	return append(append([]byte(passContext), of...), expires...)
}
