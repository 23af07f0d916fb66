package room

import (
	"crypto/ed25519"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// A seat token lets whoever has it listen to one room until it expires. It is a signature, which any edge checks by itself, with the key that
// the room's facts have.

const (
	seatContext     = "epidaurus seat 1\n"
	seatExpiryBytes = 8
)

// seatEncoding has no character that stands in the ID of a room, beside which a token is in an address, for something else.
var seatEncoding = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// TokenMark stands between the ID of a room and the seat token in an address, such as /r/harbour-k3f9x2~0f1e…/live.mp4.
const TokenMark = "~"

// IsPrivate reports whether nobody without a token may listen to the room, or know of it.
func (f *Facts) IsPrivate() bool { return f.RunOf != "" || len(f.Listeners) > 0 }

// LetsIn reports whether somebody with this token, or with none, may listen to the room, and know of it.
func (f *Facts) LetsIn(token string, now time.Time) bool {
	return !f.IsPrivate() || VerifySeat(token, f.ID, f.Listeners, now) == nil
}

// SignSeat makes a seat token, of characters that may stand in an address.
func SignSeat(key ed25519.PrivateKey, of ID, expires time.Time) string {
	token := binary.BigEndian.AppendUint64(nil, uint64(expires.Unix()))
	return seatEncoding.EncodeToString(append(token, ed25519.Sign(key, seatText(of, token))...))
}

// VerifySeat says whether a token lets somebody listen to this room: nil, or one of the errors of tokens.
func VerifySeat(token string, of ID, key ed25519.PublicKey, now time.Time) error {
	if len(token) > seatEncoding.EncodedLen(seatExpiryBytes+ed25519.SignatureSize) {
		return ErrTokenMalformed
	}
	b, err := seatEncoding.DecodeString(token)
	switch {
	case err != nil || len(b) != seatExpiryBytes+ed25519.SignatureSize:
		return ErrTokenMalformed
	case len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, seatText(of, b[:seatExpiryBytes]), b[seatExpiryBytes:]):
		return ErrTokenForged
	case uint64(now.Unix()) >= binary.BigEndian.Uint64(b):
		return ErrTokenExpired
	}
	return nil
}

func seatText(of ID, expires []byte) []byte {
	return append(append([]byte(seatContext), of...), expires...)
}
