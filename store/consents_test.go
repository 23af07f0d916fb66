package store

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
)

// Every answer is kept, over a restart, and the last one of each person counts. The same answer again is the same.
func TestConsents(t *testing.T) {
	dir := t.TempDir()
	s := openIn(t, dir)
	addRoom(t, s, "abc")
	addRoom(t, s, "other")
	err := s.AddInvite(t.Context(), room.Invite{Room: "abc", Person: "grace", Role: room.Speaker, Name: "Grace", Created: noon})
	if err != nil {
		t.Fatal(err)
	}
	no := room.Consent{Text: 1, At: noon, N: 1}
	yes := room.Consent{Agreed: true, Text: 1, At: noon.Add(time.Second), N: 2}
	vouched := room.Consent{Agreed: true, Text: 1, At: noon.Add(2 * time.Second), By: "p1", N: 1}
	for range 2 {
		for _, c := range []struct {
			person room.PersonID
			answer room.Consent
		}{{"grace", no}, {"grace", yes}, {"obs", vouched}} {
			err = s.AddConsent(t.Context(), "abc", c.person, c.answer)
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	wantCode(t, s.AddConsent(t.Context(), "nowhere", "grace", yes), CodeNotFound)
	closed(t, s)

	s = openIn(t, dir)
	all, err := s.Consents(t.Context(), "abc")
	want := []room.ConsentRecord{{Person: "grace", Name: "Grace", Consent: no}, {Person: "grace", Name: "Grace", Consent: yes}, {Person: "obs", Consent: vouched}}
	if err != nil || !slices.Equal(all, want) {
		t.Errorf("kept are %+v, %v", all, err)
	}
	r, err := s.Room(t.Context(), "abc")
	if err != nil || !maps.Equal(r.Facts.Consents, map[room.PersonID]room.Consent{"grace": yes, "obs": vouched}) {
		t.Errorf("the room knows of %+v, %v", r.Facts.Consents, err)
	}
	if all, err = s.Consents(t.Context(), "other"); err != nil || len(all) != 0 {
		t.Errorf("another room has %+v, %v", all, err)
	}
	if err = s.DropRoom(t.Context(), "abc"); err == nil {
		all, err = s.Consents(t.Context(), "abc")
	}
	if err != nil || len(all) != 0 {
		t.Errorf("a room that is gone has %+v, %v", all, err)
	}
}
