package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

func TestInvites(t *testing.T) {
	s := openIn(t, t.TempDir())
	addRoom(t, s, "abc")
	grace := room.Invite{Room: "abc", Person: "grace", Role: room.Speaker, Name: "Grace '); DROP TABLE rooms; --", Created: noon}
	err := s.AddInvite(t.Context(), grace)
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, s.AddInvite(t.Context(), grace), CodeExists)
	nowhere := grace
	nowhere.Room = "nowhere"
	wantCode(t, s.AddInvite(t.Context(), nowhere), CodeNotFound)

	for range 2 { // to remove twice is to remove once
		err = s.RemovePerson(t.Context(), "abc", "grace", noon.Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
	}
	err = s.RemovePerson(t.Context(), "abc", "stranger", noon.Add(time.Hour)) // a token that no invite stands behind
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, s.RemovePerson(t.Context(), "nowhere", "grace", noon), CodeNotFound)

	grace.Removed = noon.Add(time.Minute)
	got, err := s.Invites(t.Context(), "abc")
	if err != nil || !slices.Equal(got, []room.Invite{grace}) {
		t.Errorf("invites = %+v, %v, want %+v", got, err, grace)
	}
	r, err := s.Room(t.Context(), "abc")
	if err != nil || !slices.Equal(r.Facts.Removed, []room.PersonID{"grace", "stranger"}) {
		t.Errorf("removed = %v, %v", r.Facts.Removed, err)
	}

	err = s.SetState(t.Context(), "abc", room.Ended, noon)
	if err != nil {
		t.Fatal(err)
	}
	late := room.Invite{Room: "abc", Person: "late", Role: room.Speaker, Name: "Late", Created: noon}
	wantCode(t, s.AddInvite(t.Context(), late), CodeEnded)
}

func TestARoomInvitesOnlySoMany(t *testing.T) {
	s := openIn(t, t.TempDir())
	addRoom(t, s, "abc")
	_, err := s.writes.Exec(fmt.Sprintf(`INSERT INTO invites (room_id, person_id, role, name, created_at)
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT 'abc', 'p' || i, 'speaker', 'P', 0 FROM n`, room.MaxInvites-1))
	if err != nil {
		t.Fatal(err)
	}
	i := room.Invite{Room: "abc", Person: "last", Role: room.Speaker, Name: "Last", Created: noon}
	err = s.AddInvite(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	i.Person = "onemore"
	wantCode(t, s.AddInvite(t.Context(), i), CodeManyInvites)
}
