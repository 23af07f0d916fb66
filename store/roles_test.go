package store

import (
	"maps"
	"slices"
	"testing"

	"github.com/epidaurus-live/epidaurus/room"
)

// A room that was handed over, and whom it blocked, are kept.
func TestRolesAndBlocks(t *testing.T) {
	dir := t.TempDir()
	s := openIn(t, dir)
	addRoom(t, s, "abc")
	for range 2 { // again is as good as once
		err := s.SetRoles(t.Context(), "abc", map[room.PersonID]room.Role{"grace": room.Host, "h0st": room.CoHost})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Block(t.Context(), "abc", "0ffe", noon)
		if err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, s.SetRoles(t.Context(), "nowhere", map[room.PersonID]room.Role{"x": room.Host}), CodeNotFound)
	wantCode(t, s.Block(t.Context(), "nowhere", "0ffe", noon), CodeNotFound)
	err := s.Close()
	if err != nil {
		t.Fatal(err)
	}
	f := factsOf(t, openIn(t, dir))
	if !maps.Equal(f.Roles, map[room.PersonID]room.Role{"grace": room.Host, "h0st": room.CoHost}) || !slices.Equal(f.Blocked, []string{"0ffe"}) {
		t.Errorf("kept are roles %v and blocks %v", f.Roles, f.Blocked)
	}
}

// Two co-hosts are the most. Who was removed is none any more, and who was handed the room is its host.
func TestCoHostsAreFew(t *testing.T) {
	s := openIn(t, t.TempDir())
	addRoom(t, s, "abc")
	invite := func(p room.PersonID, r room.Role) error {
		return s.AddInvite(t.Context(), room.Invite{Room: "abc", Person: p, Role: r, Name: "X", Created: noon})
	}
	for _, p := range []room.PersonID{"one", "two"} {
		err := invite(p, room.CoHost)
		if err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, invite("three", room.CoHost), CodeManyCoHosts)
	err := invite("guest", room.Speaker)
	if err != nil {
		t.Fatal(err)
	}
	err = s.RemovePerson(t.Context(), "abc", "one", noon)
	if err == nil {
		err = invite("three", room.CoHost)
	}
	if err != nil {
		t.Fatalf("a place is free again: %v", err)
	}
	err = s.SetRoles(t.Context(), "abc", map[room.PersonID]room.Role{"two": room.Host, "h0st": room.CoHost})
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, invite("four", room.CoHost), CodeManyCoHosts) // three, and the host of before
}
