package store

import (
	"errors"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// A run-through is a room of its own: listed with its evening and nowhere else, with what lets somebody listen to it, over a restart.
func TestRunThroughsAreKept(t *testing.T) {
	s := openIn(t, t.TempDir())
	host, err := s.AddHost(t.Context(), noon)
	if err != nil {
		t.Fatal(err)
	}
	evening := room.Facts{ID: "harbour-k3f9x2", Title: "Harbour talk", Language: "en", State: room.Announced, Created: noon}
	evening.Roles, evening.Removed = map[room.PersonID]room.Role{"h0st": room.CoHost, "grace": room.Host}, []room.PersonID{"mallory"}
	run := evening.RunRoom(noon.Add(time.Second), []byte("a key"))
	run.ID = "harbour-run"
	err = errors.Join(
		s.AddRoom(t.Context(), room.Record{Facts: evening, Host: host, HostPerson: "h0st"}),
		s.AddRoom(t.Context(), room.Record{Facts: run, Host: host, HostPerson: "h0st"}),
		s.AddInvite(t.Context(), room.Invite{Room: evening.ID, Person: "grace", Role: room.CoHost, Name: "Grace", Created: noon}),
		s.AddInvite(t.Context(), room.Invite{Room: evening.ID, Person: "mallory", Role: room.Speaker, Name: "Mallory", Created: noon}),
		s.RemovePerson(t.Context(), evening.ID, "mallory", noon),
		s.SetCart(t.Context(), evening.ID, room.CartJingle, []byte("RIFF")),
		s.CopyTeam(t.Context(), evening.ID, run.ID, true),
		s.CopyTeam(t.Context(), evening.ID, run.ID, true), // again changes nothing
	)
	if err != nil {
		t.Fatal(err)
	}
	runs, err := s.RunsOf(t.Context(), evening.ID)
	if err != nil || len(runs) != 1 || runs[0].Facts.ID != run.ID || runs[0].Facts.RunOf != evening.ID || string(runs[0].Facts.Listeners) != "a key" {
		t.Errorf("run-throughs: %+v, %v", runs, err)
	}
	if f := runs[0].Facts; f.RoleOf("grace", room.CoHost) != room.Host || !f.IsRemoved("mallory") {
		t.Errorf("who leads the evening does not lead its run-through after a restart, or who was removed is back: %+v", f)
	}
	rooms, err := s.RoomsOf(t.Context(), host)
	if err != nil || len(rooms) != 1 || rooms[0].Facts.IsRun() || rooms[0].Facts.Listeners != nil {
		t.Errorf("rooms: %+v, %v", rooms, err)
	}
	invites, err := s.Invites(t.Context(), run.ID)
	if err != nil || len(invites) != 1 || invites[0].Person != "grace" || invites[0].Role != room.CoHost {
		t.Errorf("its team: %+v, %v", invites, err)
	}
	carts, err := s.Carts(t.Context(), run.ID)
	if err != nil || string(carts[room.CartJingle]) != "RIFF" {
		t.Errorf("its carts: %v, %v", carts, err)
	}
	if err := s.CopyTeam(t.Context(), evening.ID, "nowhere-run", false); !errors.Is(err, room.ErrNotFound) {
		t.Errorf("a team for no room: %v", err)
	}
	if err := s.DropRoom(t.Context(), run.ID); err != nil {
		t.Fatal(err)
	}
	runs, err = s.RunsOf(t.Context(), evening.ID)
	if err != nil || len(runs) != 0 {
		t.Errorf("deleted, and there is %+v, %v", runs, err)
	}
}
