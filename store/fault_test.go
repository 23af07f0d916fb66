package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

var errFault = errors.New("the disk is unplugged")

// failing makes every write of that name fail at that moment, until the returned function is called.
func failing(s *Store, op string, when moment) (heal func()) {
	s.fault = func(gotOp string, gotWhen moment) error {
		if gotOp == op && gotWhen == when {
			return errFault
		}
		return nil
	}
	return func() { s.fault = nil }
}

// TestFailedWrites makes each write fail in both ways: it fails and is not done, and it fails but is done, as when the answer to a
// commit is lost. In both cases the same call again must end well, or say what has become of the first one.
func TestFailedWrites(t *testing.T) {
	ctx := context.Background()
	invite := room.Invite{Room: "abc", Person: "grace", Role: room.Speaker, Name: "Grace", Created: noon}
	tests := []struct {
		op        string
		do        func(*Store, room.Record, room.SecretHash) error
		done      func(*testing.T, *Store, room.Record) bool
		afterDone Code // what the second try says after a first one that was done
	}{
		{"room add", func(s *Store, r room.Record, _ room.SecretHash) error {
			r.Facts.ID = "quay-0a0a0a"
			return s.AddRoom(ctx, r)
		}, func(t *testing.T, s *Store, _ room.Record) bool { return hasRoom(t, s, "quay-0a0a0a") }, CodeExists},
		{"room drop", func(s *Store, _ room.Record, _ room.SecretHash) error { return s.DropRoom(ctx, "abc") },
			func(t *testing.T, s *Store, _ room.Record) bool { return !hasRoom(t, s, "abc") }, ""},
		{"room state", func(s *Store, _ room.Record, _ room.SecretHash) error {
			return s.SetState(ctx, "abc", room.Ended, noon)
		},
			func(t *testing.T, s *Store, _ room.Record) bool { return factsOf(t, s).State == room.Ended }, ""},
		{"room life", func(s *Store, _ room.Record, _ room.SecretHash) error {
			return s.SetLife(ctx, room.Facts{ID: "abc", State: room.Live, Life: room.Life{LiveAt: noon, Revision: 1}})
		},
			func(t *testing.T, s *Store, _ room.Record) bool {
				f := factsOf(t, s)
				return f.State == room.Live && f.Life.LiveAt.Equal(noon)
			}, ""},
		{"invite add", func(s *Store, _ room.Record, _ room.SecretHash) error { return s.AddInvite(ctx, invite) },
			func(t *testing.T, s *Store, _ room.Record) bool { return invited(t, s) == 1 }, CodeExists},
		{"person remove", func(s *Store, _ room.Record, _ room.SecretHash) error {
			return s.RemovePerson(ctx, "abc", "grace", noon)
		},
			func(t *testing.T, s *Store, _ room.Record) bool { return factsOf(t, s).IsRemoved("grace") }, ""},
		{"roles set", func(s *Store, _ room.Record, _ room.SecretHash) error {
			return s.SetRoles(ctx, "abc", map[room.PersonID]room.Role{"grace": room.Host})
		},
			func(t *testing.T, s *Store, _ room.Record) bool { return factsOf(t, s).Roles["grace"] == room.Host }, ""},
		{"origin block", func(s *Store, _ room.Record, _ room.SecretHash) error { return s.Block(ctx, "abc", "0ffe", noon) },
			func(t *testing.T, s *Store, _ room.Record) bool { return factsOf(t, s).IsBlocked("0ffe") }, ""},
		{"consent add", func(s *Store, _ room.Record, _ room.SecretHash) error {
			return s.AddConsent(ctx, "abc", "grace", room.Consent{Agreed: true, Text: 1, At: noon, N: 1})
		},
			func(t *testing.T, s *Store, _ room.Record) bool { return factsOf(t, s).Consents["grace"].Agreed }, ""},
		{"delay set", func(s *Store, _ room.Record, _ room.SecretHash) error { return s.SetDelay(ctx, "abc", 10000) },
			func(t *testing.T, s *Store, _ room.Record) bool { return factsOf(t, s).DelayMS == 10000 }, ""},
		{"cart set", func(s *Store, _ room.Record, _ room.SecretHash) error {
			return s.SetCart(ctx, "abc", room.CartTone, []byte("beep"))
		},
			func(t *testing.T, s *Store, _ room.Record) bool {
				carts, _ := s.Carts(ctx, "abc")
				return len(carts) == 1
			}, ""},
		{"seats add", func(s *Store, _ room.Record, _ room.SecretHash) error {
			return s.AddSeats(ctx, "abc", []room.Invitation{{SeatGrant: room.SeatGrant{Seat: "ada"}, Created: noon}})
		},
			func(t *testing.T, s *Store, _ room.Record) bool {
				seats, _ := s.Seats(ctx, "abc")
				return len(seats) == 1
			}, CodeExists},
		{"picture set", func(s *Store, _ room.Record, _ room.SecretHash) error {
			return s.SetPicture(ctx, "abc", "sum", []byte("picture"))
		},
			func(t *testing.T, s *Store, _ room.Record) bool {
				_, err := s.Picture(ctx, "abc", "sum")
				return err == nil
			}, ""},
		{"link redeem", func(s *Store, _ room.Record, link room.SecretHash) error {
			_, err := s.Redeem(ctx, link, room.SecretHash{1}, noon)
			return err
		}, func(t *testing.T, s *Store, _ room.Record) bool {
			_, err := s.Session(ctx, room.SecretHash{1}, noon)
			return err == nil
		}, CodeLinkUsed},
		{"setting set", func(s *Store, _ room.Record, _ room.SecretHash) error { return s.SetSetting(ctx, "colour", "blue") },
			func(t *testing.T, s *Store, _ room.Record) bool {
				v, _ := s.Setting(ctx, "colour")
				return v == "blue"
			}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.op, func(t *testing.T) {
			for _, when := range []moment{beforeWrite, afterCommit} {
				s := openIn(t, t.TempDir())
				r := addRoom(t, s, "abc")
				link := addLink(t, s).Hash()

				heal := failing(s, tt.op, when)
				err := tt.do(s, r, link)
				if !errors.Is(err, errFault) || CodeOf(err) != CodeInternal {
					t.Fatalf("error = %v, want the fault: is %q this write's name?", err, tt.op)
				}
				if got, want := tt.done(t, s, r), when == afterCommit; got != want {
					t.Errorf("failing at %d: done = %v, want %v", when, got, want)
				}
				heal()
				want := Code("")
				if when == afterCommit {
					want = tt.afterDone
				}
				err = tt.do(s, r, link)
				if CodeOf(err) != want {
					t.Errorf("the second try after failing at %d: %v, want code %q", when, err, want)
				}
				if !tt.done(t, s, r) {
					t.Errorf("after the second try it is not done")
				}
			}
		})
	}
}

// A link whose secret was never told is in nobody's hands, and does not stand in the way of the next.
func TestFailedLink(t *testing.T) {
	s := openIn(t, t.TempDir())
	host := firstHost(t, s)
	for _, when := range []moment{beforeWrite, afterCommit} {
		heal := failing(s, "link add", when)
		secret, err := s.AddLink(t.Context(), host, noon, time.Hour)
		if !errors.Is(err, errFault) || secret != "" {
			t.Errorf("AddLink = %q, %v, want the fault and no secret", secret, err)
		}
		heal()
	}
	_, err := s.Redeem(t.Context(), addLink(t, s).Hash(), room.SecretHash{1}, noon)
	if err != nil {
		t.Error(err)
	}
}

func TestFailedHost(t *testing.T) {
	for _, when := range []moment{beforeWrite, afterCommit} {
		s := openIn(t, t.TempDir())
		heal := failing(s, "host first", when)
		_, err := s.FirstHost(t.Context(), noon)
		if !errors.Is(err, errFault) {
			t.Errorf("error = %v, want the fault", err)
		}
		heal()
		if a, b := firstHost(t, s), firstHost(t, s); a != b {
			t.Errorf("two first hosts: %q and %q", a, b)
		}
	}
}

func hasRoom(t *testing.T, s *Store, id room.ID) bool {
	t.Helper()
	_, err := s.Room(t.Context(), id)
	if err != nil && !errors.Is(err, room.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

func factsOf(t *testing.T, s *Store) room.Facts {
	t.Helper()
	r, err := s.Room(t.Context(), "abc")
	if err != nil {
		t.Fatal(err)
	}
	return r.Facts
}

func invited(t *testing.T, s *Store) int {
	t.Helper()
	invites, err := s.Invites(t.Context(), "abc")
	if err != nil {
		t.Fatal(err)
	}
	return len(invites)
}
