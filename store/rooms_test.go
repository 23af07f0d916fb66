package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

func TestRooms(t *testing.T) {
	s := openIn(t, t.TempDir())
	ada := firstHost(t, s)
	bob, err := s.AddHost(t.Context(), noon.Add(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if again := firstHost(t, s); ada == bob || ada != again {
		t.Fatalf("hosts: first %q, added %q, first again %q", ada, bob, again)
	}
	for i, host := range []room.HostID{ada, bob, ada} {
		err = s.AddRoom(t.Context(), room.Record{Host: host, HostPerson: "p1", Facts: room.Facts{
			ID: room.ID(fmt.Sprintf("room-%d", i)), Title: "T", Language: "en", State: room.Doors, Created: noon.Add(time.Duration(i) * time.Second),
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		list func() ([]room.Record, error)
		want []room.ID
	}{
		{"all, the newest first", func() ([]room.Record, error) { return s.Rooms(t.Context()) }, []room.ID{"room-2", "room-1", "room-0"}},
		{"Ada's", func() ([]room.Record, error) { return s.RoomsOf(t.Context(), ada) }, []room.ID{"room-2", "room-0"}},
		{"Bob's", func() ([]room.Record, error) { return s.RoomsOf(t.Context(), bob) }, []room.ID{"room-1"}},
		{"nobody's", func() ([]room.Record, error) { return s.RoomsOf(t.Context(), "x' OR '1'='1") }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			records, err := tt.list()
			if err != nil {
				t.Fatal(err)
			}
			var got []room.ID
			for _, r := range records {
				got = append(got, r.Facts.ID)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("rooms = %v, want %v", got, tt.want)
			}
		})
	}
	_, err = s.Room(t.Context(), "nowhere")
	wantCode(t, err, CodeNotFound)
}

func TestAddRoomRefuses(t *testing.T) {
	s := openIn(t, t.TempDir())
	r := addRoom(t, s, "harbour-k3f9x2")
	wantCode(t, s.AddRoom(t.Context(), r), CodeExists)
	r.Facts.ID, r.Host = "quay-0a0a0a", "nobody"
	wantCode(t, s.AddRoom(t.Context(), r), CodeNotFound)
}

func TestDropRoom(t *testing.T) {
	s := openIn(t, t.TempDir())
	addRoom(t, s, "abc")
	err := s.AddInvite(t.Context(), room.Invite{Room: "abc", Person: "p2", Role: room.Speaker, Name: "Grace", Created: noon})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // once it is gone it is no error to drop it again
		err = s.DropRoom(t.Context(), "abc")
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = s.Room(t.Context(), "abc")
	wantCode(t, err, CodeNotFound)
	invites, err := s.Invites(t.Context(), "abc")
	if err != nil || len(invites) != 0 {
		t.Errorf("invites of a dropped room: %v, %v", invites, err)
	}
}

func TestSetState(t *testing.T) {
	s := openIn(t, t.TempDir())
	addRoom(t, s, "abc")
	for i, step := range []struct {
		to   room.State
		want Code
	}{
		{room.Doors, ""},
		{room.Live, ""},
		{room.Live, ""},
		{room.Doors, CodeStep},
		{"paused", CodeStep},
		{room.Ended, ""},
		{room.Ended, ""},
		{room.Live, CodeStep},
		{room.Doors, CodeStep},
	} {
		err := s.SetState(t.Context(), "abc", step.to, noon.Add(time.Duration(i)*time.Minute))
		if CodeOf(err) != step.want {
			t.Errorf("step %d to %s: %v, want code %q", i, step.to, err, step.want)
		}
	}
	r, err := s.Room(t.Context(), "abc")
	if err != nil || r.Facts.State != room.Ended || !r.Facts.EndedAt.Equal(noon.Add(5*time.Minute)) {
		t.Errorf("room = %+v, %v: the first end is the one that counts", r.Facts, err)
	}
	wantCode(t, s.SetState(t.Context(), "nowhere", room.Ended, noon), CodeNotFound)
}
