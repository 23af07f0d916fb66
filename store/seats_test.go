package store

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// withRoom is a store that has a room.
func withRoom(t *testing.T, id room.ID) *Store {
	t.Helper()
	s := openIn(t, t.TempDir())
	err := s.AddRoom(t.Context(), room.Record{Host: firstHost(t, s), HostPerson: "p1", Facts: room.Facts{
		ID: id, Title: "T", Language: "en", State: room.Doors, Created: noon,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSeats(t *testing.T) {
	s := withRoom(t, "harbour-k3f9x2")
	seat := func(name room.SeatID) room.Invitation {
		return room.Invitation{SeatGrant: room.SeatGrant{Room: "harbour-k3f9x2", Seat: name, Generation: 2, Name: "Ada", Seats: 3, Expires: 1_900_000_000}, Created: noon}
	}
	err := s.AddSeats(t.Context(), "harbour-k3f9x2", []room.Invitation{seat("a"), seat("b")})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		err  error
		want error
	}{
		{"one that is there, and one that is not", s.AddSeats(t.Context(), "harbour-k3f9x2", []room.Invitation{seat("c"), seat("a")}), room.ErrExists},
		{"no room", s.AddSeats(t.Context(), "nowhere-abc", []room.Invitation{seat("a")}), room.ErrNotFound},
		{"withdraw one that is not there", s.RevokeSeats(t.Context(), "harbour-k3f9x2", "c", noon), room.ErrNotFound},
		{"withdraw", s.RevokeSeats(t.Context(), "harbour-k3f9x2", "a", noon.Add(time.Second)), nil},
		{"withdraw again", s.RevokeSeats(t.Context(), "harbour-k3f9x2", "a", noon.Add(time.Hour)), nil},
	} {
		if !errors.Is(tt.err, tt.want) || (tt.err == nil) != (tt.want == nil) {
			t.Errorf("%s: %v, want %v", tt.name, tt.err, tt.want)
		}
	}
	all, err := s.Seats(t.Context(), "harbour-k3f9x2")
	if err != nil || len(all) != 2 || all[1] != seat("b") || !all[0].Revoked.Equal(noon.Add(time.Second)) {
		t.Errorf("%+v, %v", all, err)
	}
	err = s.RevokeSeats(t.Context(), "harbour-k3f9x2", "", noon.Add(2*time.Second))
	all, again := s.Seats(t.Context(), "harbour-k3f9x2")
	if err != nil || again != nil || all[1].Revoked.IsZero() || !all[0].Revoked.Equal(noon.Add(time.Second)) {
		t.Errorf("all withdrawn: %+v, %v %v", all, err, again)
	}
}

func TestSeatsAreBounded(t *testing.T) {
	s := withRoom(t, "harbour-k3f9x2")
	many := make([]room.Invitation, room.MaxSeatTokens)
	for i := range many {
		many[i] = room.Invitation{SeatGrant: room.SeatGrant{Seat: room.SeatID(fmt.Sprintf("s%d", i)), Expires: 1}, Created: noon}
	}
	err := s.AddSeats(t.Context(), "harbour-k3f9x2", many[1:])
	if err != nil {
		t.Fatal(err)
	}
	err = s.AddSeats(t.Context(), "harbour-k3f9x2", []room.Invitation{{SeatGrant: room.SeatGrant{Seat: "x"}}, many[0]})
	if !errors.Is(err, room.ErrManySeats) {
		t.Errorf("one too many: %v", err)
	}
	err = s.AddSeats(t.Context(), "harbour-k3f9x2", many[:1])
	if err != nil {
		t.Errorf("the last one: %v", err)
	}
}

func TestPicture(t *testing.T) {
	s := withRoom(t, "harbour-k3f9x2")
	_, err := s.Picture(t.Context(), "harbour-k3f9x2", "one")
	if !errors.Is(err, room.ErrNotFound) {
		t.Errorf("none yet: %v", err)
	}
	for _, sum := range []string{"one", "two"} {
		err = s.SetPicture(t.Context(), "harbour-k3f9x2", sum, []byte(sum))
		got, again := s.Picture(t.Context(), "harbour-k3f9x2", sum)
		if err != nil || again != nil || !bytes.Equal(got, []byte(sum)) {
			t.Errorf("%s: %q, %v %v", sum, got, err, again)
		}
	}
	_, err = s.Picture(t.Context(), "harbour-k3f9x2", "one")
	if !errors.Is(err, room.ErrNotFound) {
		t.Errorf("the one before: %v", err)
	}
	err = s.SetPicture(t.Context(), "harbour-k3f9x2", "", nil)
	_, again := s.Picture(t.Context(), "harbour-k3f9x2", "two")
	if err != nil || !errors.Is(again, room.ErrNotFound) {
		t.Errorf("dropped: %v %v", err, again)
	}
	if err = s.SetPicture(t.Context(), "nowhere-abc", "one", []byte("one")); !errors.Is(err, room.ErrNotFound) {
		t.Errorf("no room: %v", err)
	}
}

// What is announced can be changed, title and language with it; an older life changes nothing.
func TestSetLifeKeepsTheTitle(t *testing.T) {
	s := withRoom(t, "harbour-k3f9x2")
	f := room.Facts{ID: "harbour-k3f9x2", Title: "Another", Language: "fr", State: room.Doors, Life: room.Life{Revision: 2, Access: room.Access{
		Visibility: room.ByInvitation, Key: []byte{1}, Generation: 1, Revoked: []room.SeatID{"a"},
	}, Plan: room.Plan{People: []room.Billed{{Name: "Ada", Host: true}}}}}
	err := s.SetLife(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	f.Title, f.Life.Revision = "Older", 1
	err = s.SetLife(t.Context(), f)
	got, again := s.Room(t.Context(), "harbour-k3f9x2")
	if err != nil || again != nil || got.Facts.Title != "Another" || got.Facts.Language != "fr" || !got.Facts.Life.Access.Gated() ||
		len(got.Facts.Life.Access.Revoked) != 1 || len(got.Facts.Life.Plan.People) != 1 {
		t.Errorf("%+v, %v %v", got.Facts, err, again)
	}
}
