package room

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var seatNow = time.Unix(1_800_000_000, 0)

// invited is a room by invitation, and the key of its tokens.
func invited(id ID) (*Facts, ed25519.PrivateKey) {
	var k Key
	k[3] = 9
	key := k.SeatKey(id)
	f := &Facts{ID: id, State: Doors, Life: Life{Access: Access{Visibility: ByInvitation}}}
	f.Invites(key.Public().(ed25519.PublicKey))
	return f, key
}

func seatOf(id ID) SeatGrant {
	return SeatGrant{Room: id, Seat: "abc123", Name: "Ada", Seats: 3, Expires: seatNow.Unix() + 60}
}

func TestSeatTokens(t *testing.T) {
	const id ID = "harbour-talk-k3f9x2"
	f, key := invited(id)
	_, foreign := invited("another-talk-000000")
	good := SignSeat(key, seatOf(id))
	change := func(do func(*SeatGrant)) string {
		g := seatOf(id)
		do(&g)
		return SignSeat(key, g)
	}
	body, sig := good[:strings.LastIndexByte(good, '.')], good[strings.LastIndexByte(good, '.'):]
	withdrawn := *f
	err := withdrawn.RevokeSeat("abc123")
	if err != nil {
		t.Fatal(err)
	}
	renewed := *f
	renewed.RevokeSeats()
	keyless := *f
	keyless.Life.Access.Key = nil
	for _, tt := range []struct {
		name, token string
		facts       *Facts
		want        error
	}{
		{"good", good, f, nil},
		{"none", "", f, ErrSeatMissing},
		{"cut by a character", good[:len(good)-1], f, ErrSeatMalformed},
		{"cut in its middle", good[:len(good)/2], f, ErrSeatMalformed},
		{"without a signature", body, f, ErrSeatMalformed},
		{"with a line break", body + ".\n" + sig[1:], f, ErrSeatMalformed},
		{"too long", good + strings.Repeat("A", maxSeatToken), f, ErrSeatMalformed},
		{"of another version", "s2" + good[2:], f, ErrSeatMalformed},
		{"a stage token", "e1.e30.AAAA", f, ErrSeatMalformed},
		{"no name of a room", change(func(g *SeatGrant) { g.Room = "X" }), f, ErrSeatMalformed},
		{"no name of a seat", change(func(g *SeatGrant) { g.Seat = "" }), f, ErrSeatMalformed},
		{"seats below zero", change(func(g *SeatGrant) { g.Seats = -1 }), f, ErrSeatMalformed},
		{"more seats than any may have", change(func(g *SeatGrant) { g.Seats = MaxSeatsPer + 1 }), f, ErrSeatMalformed},
		{"of another room", SignSeat(foreign, seatOf("another-talk-000000")), f, ErrSeatWrongRoom},
		{"of another room's key", SignSeat(foreign, seatOf(id)), f, ErrSeatForged},
		{"with a word changed", change(func(g *SeatGrant) { g.Expires++ })[:len(body)] + sig, f, ErrSeatForged},
		{"where no key is known", good, &keyless, ErrSeatForged},
		{"expired", change(func(g *SeatGrant) { g.Expires = seatNow.Unix() }), f, ErrSeatExpired},
		{"withdrawn", good, &withdrawn, ErrSeatRevoked},
		{"of an older generation", good, &renewed, ErrSeatRevoked},
		{"of the present generation", change(func(g *SeatGrant) { g.Generation = 1 }), &renewed, nil},
		{"of a generation to come", change(func(g *SeatGrant) { g.Generation = 1 }), f, ErrSeatRevoked},
	} {
		g, err := tt.facts.Life.Access.Admit(id, tt.token, seatNow)
		if !errors.Is(err, tt.want) || tt.want == nil && (err != nil || g.Seat != "abc123" || g.Most() != 3 || g.Name != "Ada") {
			t.Errorf("%s: %+v, %v, want %v", tt.name, g, err, tt.want)
		}
	}
}

// Whatever one character of a token is changed to, nobody is let in.
func TestAChangedSeatTokenOpensNothing(t *testing.T) {
	const id ID = "harbour-talk-k3f9x2"
	f, key := invited(id)
	good := SignSeat(key, seatOf(id))
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.IntRange(0, len(good)-1).Draw(t, "at")
		to := rapid.Byte().Draw(t, "to")
		bad := good[:at] + string([]byte{to}) + good[at+1:]
		_, err := f.Life.Access.Admit(id, bad, seatNow)
		if (err == nil) != (bad == good) {
			t.Errorf("%q: %v", bad, err)
		}
	})
}

func TestVisibility(t *testing.T) {
	for _, tt := range []struct {
		said  string
		want  Visibility
		gated bool
	}{{"public", Public, false}, {"unlisted", Unlisted, false}, {"invited", ByInvitation, true}} {
		v, err := ParseVisibility(tt.said)
		a := Access{Visibility: v}
		if err != nil || v != tt.want || v.Word() != tt.said || a.Gated() != tt.gated {
			t.Errorf("%s: %q %v, gated %t", tt.said, v, err, a.Gated())
		}
	}
	if _, err := ParseVisibility(""); err == nil {
		t.Error("nothing is a visibility")
	}
	if a := (Access{Visibility: "of-a-later-version"}); !a.Gated() {
		t.Error("what is not known is open to all")
	}
	f, _ := invited("harbour-talk-k3f9x2")
	seen := f.Life.Revision
	if err := f.SetVisibility(Public, By(CoHost), seen); !errors.Is(err, ErrCause) {
		t.Errorf("a co-host opens it: %v", err)
	}
	if err := f.SetVisibility(Public, By(Host), seen+1); !errors.Is(err, ErrChanged) {
		t.Errorf("a lost update: %v", err)
	}
	if err := f.SetVisibility(Public, By(Host), seen); err != nil || f.Life.Access.Gated() || f.Life.Revision != seen+1 {
		t.Errorf("the host opens it: %v, %+v", err, f.Life)
	}
}

func TestRevocationsAreBounded(t *testing.T) {
	f, _ := invited("harbour-talk-k3f9x2")
	for i := range MaxRevoked {
		err := f.RevokeSeat(SeatID(fmt.Sprintf("s%d", i)))
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.RevokeSeat("one-more"); !errors.Is(err, ErrManyRevoked) {
		t.Errorf("one more: %v", err)
	}
	if err := f.RevokeSeat("s0"); err != nil {
		t.Errorf("one that is void already: %v", err)
	}
	f.RevokeSeats()
	if len(f.Life.Access.Revoked) != 0 || f.Life.Access.Generation != 1 {
		t.Errorf("after all were revoked: %+v", f.Life.Access)
	}
}

func FuzzParseSeat(f *testing.F) {
	const id ID = "harbour-talk-k3f9x2"
	facts, key := invited(id)
	good := SignSeat(key, seatOf(id))
	for _, seed := range []string{"", "s1.", "s1..", good, good[:len(good)-1], good + "\n", "s1.e30." + strings.Repeat("A", 86), "s1.bnVsbA." + strings.Repeat("A", 86), "e1.e30.AAAA", strings.ToUpper(good)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		g, head, sig, err := ParseSeat(token)
		if err != nil && (g != SeatGrant{} || head != "" || sig != nil) {
			t.Errorf("%q: %+v beside %v", token, g, err)
		}
		if err == nil && (!g.Room.Valid() || !g.Seat.Valid() || head+"."+tokenEncoding.EncodeToString(sig) != token) {
			t.Errorf("%q: %+v", token, g)
		}
		_, err = facts.Life.Access.Admit(id, token, seatNow)
		if err == nil && token != good {
			t.Errorf("%q is let in", token)
		}
	})
}

// What a join to a room by invitation costs more than one to any other.
func BenchmarkAdmit(b *testing.B) {
	const id ID = "harbour-talk-k3f9x2"
	f, key := invited(id)
	good := SignSeat(key, seatOf(id))
	for _, bb := range []struct {
		name, token string
	}{{"good", good}, {"forged", good[:len(good)-2] + "AA"}, {"of another room", SignSeat(key, seatOf("another-talk-000000"))}} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := f.Life.Access.Admit(id, bb.token, seatNow)
				if (err == nil) != (bb.name == "good") {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSignSeat(b *testing.B) {
	_, key := invited("harbour-talk-k3f9x2")
	for b.Loop() {
		SignSeat(key, seatOf("harbour-talk-k3f9x2"))
	}
}
