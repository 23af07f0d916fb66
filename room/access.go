package room

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Visibility is who finds a room, and who may hear it.
type Visibility string

// What a room may be. One that was made before there was a choice is unlisted; of what is not known everybody is kept out.
const (
	Unlisted     Visibility = ""        // whoever has its address hears it
	Public       Visibility = "public"  // it is listed, too
	ByInvitation Visibility = "invited" // heard with a seat token only
)

// ParseVisibility reads what is said in a request: public, unlisted or invited.
func ParseVisibility(s string) (Visibility, error) {
	switch s {
	case "unlisted":
		return Unlisted, nil
	case string(Public), string(ByInvitation):
		return Visibility(s), nil
	}
	return "", errors.New(`the visibility has to be "public", "unlisted" or "invited"`)
}

// Word is the visibility as requests and answers say it.
func (v Visibility) Word() string {
	if v == Unlisted {
		return "unlisted"
	}
	return string(v)
}

// Access is who may hear a room. It is a part of its life, so every edge has it, and it is all that an edge needs to check a seat token.
type Access struct {
	Visibility Visibility `json:"visibility,omitempty"`
	Key        []byte     `json:"key,omitempty"`     // public, Ed25519: of the room's seat tokens
	Generation int        `json:"gen,omitempty"`     // tokens of an older one are void
	Revoked    []SeatID   `json:"revoked,omitempty"` // of this generation; at most MaxRevoked
	WHEP       int        `json:"whep,omitempty"`    // so many may hear it with the delay of a call, on all edges together; 0: nobody
}

// MaxWHEP is the most that a room may let hear it with the delay of a call.
const MaxWHEP = 100_000

// SeatID names an invitation to listen within a room. It has the form of a PersonID.
type SeatID string

// Valid reports whether the ID can stand in addresses and tokens.
func (id SeatID) Valid() bool { return PersonID(id).Valid() }

// Limits of invitations to listen.
const (
	MaxRevoked      = 500 // one by one: the list travels to every edge. To revoke all of them makes it empty
	MaxSeatTokens   = 20_000
	MaxSeatsPer     = 1000 // seats at the same time with one token, on each edge
	DefaultSeatsPer = 2    // a telephone and a computer
	DefaultSeatLife = 30 * 24 * time.Hour
	MaxSeatLife     = 3 * 366 * 24 * time.Hour
)

// SeatGrant is what a seat token says: who has it may hear this room.
type SeatGrant struct {
	Room       ID     `json:"r"`
	Seat       SeatID `json:"i"`
	Generation int    `json:"g,omitempty"`
	Seats      int    `json:"s,omitempty"` // at the same time on one edge; 0: DefaultSeatsPer
	Name       string `json:"n,omitempty"` // for whom it was made
	Expires    int64  `json:"e"`           // Unix seconds
}

// Most is how many seats the token may have at the same time on one edge.
func (g SeatGrant) Most() int {
	if g.Seats == 0 {
		return DefaultSeatsPer
	}
	return g.Seats
}

// Invitation is a seat token as the host's side keeps it: all but the token, which anybody with the key makes anew.
type Invitation struct {
	SeatGrant
	Created time.Time
	Revoked time.Time // zero while it is good
}

// Reasons why a seat token is refused.
var (
	ErrSeatMissing   = errors.New("this room is heard by invitation: open the link that you were sent, or ask the host for one")
	ErrSeatMalformed = errors.New("the invitation is damaged: copy the whole link again")
	ErrSeatForged    = errors.New("the invitation was not made by this room's host: ask for a new one")
	ErrSeatWrongRoom = errors.New("the invitation is for another room: use the link of this one")
	ErrSeatExpired   = errors.New("the invitation has expired: ask the host for a new one")
	ErrSeatRevoked   = errors.New("the invitation was withdrawn: ask the host for a new one")
)

// Reasons why an invitation is not made or withdrawn.
var (
	ErrManySeats   = fmt.Errorf("this room has %d invitations to listen, and may not have more", MaxSeatTokens)
	ErrManyRevoked = fmt.Errorf("%d invitations were withdrawn one by one: withdraw all of them, and make new ones for those who stay", MaxRevoked)
)

const (
	seatVersion  = "s1."
	maxSeatToken = 512
)

// SignSeat makes a token: a version, the grant, and an Ed25519 signature over both. Every grant of valid IDs, a name as CheckName returns it
// and no number below zero makes a token that Admit takes.
func SignSeat(key ed25519.PrivateKey, g SeatGrant) string {
	body, err := json.Marshal(g)
	if err != nil {
		panic(err) // strings and integers always marshal
	}
	head := seatVersion + tokenEncoding.EncodeToString(body)
	return head + "." + tokenEncoding.EncodeToString(ed25519.Sign(key, []byte(head)))
}

// ParseSeat reads what a token says, and what its signature has to be over. It believes nothing of it yet.
func ParseSeat(token string) (g SeatGrant, head string, sig []byte, err error) {
	if len(token) > maxSeatToken || !strings.HasPrefix(token, seatVersion) || strings.ContainsAny(token, "\r\n") {
		return g, "", nil, ErrSeatMalformed // decoding passes over line breaks: one grant has one token
	}
	dot := strings.LastIndexByte(token, '.')
	if dot < len(seatVersion) {
		return g, "", nil, ErrSeatMalformed
	}
	head = token[:dot]
	sig, err = tokenEncoding.DecodeString(token[dot+1:])
	if err != nil || len(sig) != ed25519.SignatureSize {
		return g, "", nil, ErrSeatMalformed
	}
	body, err := tokenEncoding.DecodeString(head[len(seatVersion):])
	if err != nil {
		return g, "", nil, ErrSeatMalformed
	}
	err = json.Unmarshal(body, &g)
	if err != nil || !g.Room.Valid() || !g.Seat.Valid() || g.Generation < 0 || g.Seats < 0 || g.Seats > MaxSeatsPer {
		return SeatGrant{}, "", nil, ErrSeatMalformed
	}
	return g, head, sig, nil
}

// Gated reports whether the room is heard with a seat token only.
func (a *Access) Gated() bool { return a.Visibility != Unlisted && a.Visibility != Public }

// Admit returns what a token says that may hear the room of this ID at now, or why it may not. It asks nobody. What it compares with secrets
// is nothing: the key is public, and a signature is checked by arithmetic on what everybody may know.
func (a *Access) Admit(id ID, token string, now time.Time) (SeatGrant, error) {
	if token == "" {
		return SeatGrant{}, ErrSeatMissing
	}
	g, head, sig, err := ParseSeat(token)
	switch {
	case err != nil:
		return SeatGrant{}, err
	case g.Room != id:
		return SeatGrant{}, ErrSeatWrongRoom
	case len(a.Key) != ed25519.PublicKeySize || !ed25519.Verify(a.Key, []byte(head), sig):
		return SeatGrant{}, ErrSeatForged
	case now.Unix() >= g.Expires:
		return SeatGrant{}, ErrSeatExpired
	case g.Generation != a.Generation || slices.Contains(a.Revoked, g.Seat):
		return SeatGrant{}, ErrSeatRevoked
	}
	return g, nil
}

// SeatKey signs the seat tokens of one room. It is made of the key of stage tokens, so that nothing more has to be kept.
func (k *Key) SeatKey(id ID) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(k.mac("seats " + string(id)))
}

// Invites makes a room ready for seat tokens of a key: who hears it needs the public half. It reports whether anything changed.
func (f *Facts) Invites(key ed25519.PublicKey) bool {
	a := &f.Life.Access
	if bytes.Equal(a.Key, key) {
		return false
	}
	a.Key = slices.Clone(key)
	f.Life.Revision++
	return true
}

// SetVisibility says anew who finds and who hears the room, whatever its state: its tape is heard by the same people. Seen is the revision that
// whoever asks has seen; 0 does not ask. Who has a seat keeps it.
func (f *Facts) SetVisibility(v Visibility, by Cause, seen int) error {
	switch {
	case !slices.Contains(byHost, by):
		return fmt.Errorf("%w: to say who hears the room by %s", ErrCause, by)
	case seen != 0 && seen != f.Life.Revision:
		return ErrChanged
	}
	if f.Life.Access.Visibility != v {
		f.Life.Access.Visibility = v
		f.Life.Revision++
	}
	return nil
}

// SetWHEP lets so many hear the room with the delay of a call; who does stays. Seen is as in SetVisibility.
func (f *Facts) SetWHEP(most int, by Cause, seen int) error {
	switch {
	case !slices.Contains(byHost, by):
		return fmt.Errorf("%w: to say who hears the room by %s", ErrCause, by)
	case seen != 0 && seen != f.Life.Revision:
		return ErrChanged
	}
	if f.Life.Access.WHEP != most {
		f.Life.Access.WHEP = most
		f.Life.Revision++
	}
	return nil
}

// CheckWHEP says what is wrong with a number of listeners by WHEP.
func CheckWHEP(most int) error {
	if most < 0 || most > MaxWHEP {
		return fmt.Errorf("as many as may listen by WHEP are a number from 0 (nobody) to %d", MaxWHEP)
	}
	return nil
}

// RevokeSeat makes a token void on every edge. To be void already is no error.
func (f *Facts) RevokeSeat(seat SeatID) error {
	a := &f.Life.Access
	switch {
	case slices.Contains(a.Revoked, seat):
		return nil
	case len(a.Revoked) >= MaxRevoked:
		return ErrManyRevoked
	}
	a.Revoked = append(slices.Clone(a.Revoked), seat) // readers of facts may hold the old ones
	f.Life.Revision++
	return nil
}

// RevokeSeats makes all tokens void that there are.
func (f *Facts) RevokeSeats() {
	a := &f.Life.Access
	a.Generation++
	a.Revoked = nil
	f.Life.Revision++
}
