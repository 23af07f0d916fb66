package problem

import (
	"errors"
	"strings"

	"github.com/epidaurus-live/epidaurus/room"
)

// OfToken is the refusal of a stage token, by why it was not verified.
func OfToken(err error) Problem {
	for _, known := range []struct {
		err  error
		code Code
	}{
		{room.ErrTokenForged, TokenForged},
		{room.ErrTokenExpired, TokenExpired},
	} {
		if errors.Is(err, known.err) {
			return New(known.code, Sentence(known.err))
		}
	}
	return New(TokenMalformed, Sentence(room.ErrTokenMalformed))
}

// OfSeat is the refusal of a seat token, by why it was not let in.
func OfSeat(err error) Problem {
	for _, known := range []struct {
		err  error
		code Code
	}{
		{room.ErrSeatMissing, InvitationNeeded},
		{room.ErrSeatForged, TokenForged},
		{room.ErrSeatExpired, TokenExpired},
		{room.ErrSeatWrongRoom, TokenWrongRoom},
		{room.ErrSeatRevoked, InvitationVoid},
	} {
		if errors.Is(err, known.err) {
			return New(known.code, Sentence(known.err))
		}
	}
	return New(TokenMalformed, Sentence(room.ErrSeatMalformed))
}

// OfDenial is the refusal of what the table of permissions does not allow. Other errors pass.
func OfDenial(err error) error {
	var d room.Denial
	switch {
	case !errors.As(err, &d):
		return err
	case d.Over:
		return New(RoomEnded, "The room has ended.")
	case d.Early:
		return New(RoomNotOpen, Sentence(d))
	}
	return New(Forbidden, Sentence(d))
}

// Sentence makes an error's words a sentence for people.
func Sentence(err error) string {
	s := err.Error()
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
