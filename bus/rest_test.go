package bus

import (
	"encoding/json"
	"testing"

	"github.com/epidaurus-live/epidaurus/room"
)

// While nodes are upgraded one after the other, a node of the version before changes rooms of which a newer one said more than it knows.
func TestUnknownFactsSurviveAChange(t *testing.T) {
	older := open(t, t.TempDir())
	said := func(id string) map[string]json.RawMessage {
		t.Helper()
		entry, err := older.facts.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]json.RawMessage
		err = json.Unmarshal(entry.Value(), &all)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	const future = `{"id":"harbour","title":"Harbour","state":"doors","created_at":"2026-11-23T20:00:00Z","roles":{"ann":"cohost"},` +
		`"stars":{"most":5},"life":{"rev":7,"encore":[1,2]}}`
	revision, err := older.facts.Put(t.Context(), "harbour", []byte(future))
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the older node knows the room", func() bool { f, _ := older.Facts("harbour"); return f.Title == "Harbour" })
	changes := []struct {
		name   string
		change func(*room.Facts) error
	}{
		{"a member that it knows", func(f *room.Facts) error { f.State, f.Life.Notice = room.Live, "full"; return nil }},
		{"all that it knows", func(f *room.Facts) error { *f = room.Facts{ID: f.ID, Title: "Quay"}; return nil }},
	}
	for _, c := range changes {
		err = older.ChangeFacts(t.Context(), "harbour", c.change)
		if err != nil {
			t.Fatal(err)
		}
		all := said("harbour")
		var life map[string]json.RawMessage
		err = json.Unmarshal(all["life"], &life)
		if err != nil || string(all["stars"]) != `{"most":5}` || string(life["encore"]) != "[1,2]" {
			t.Errorf("after a change of %s the store says %s, life %s (%v)", c.name, all["stars"], all["life"], err)
		}
	}
	if all := said("harbour"); string(all["title"]) != `"Quay"` || all["roles"] != nil {
		t.Errorf("what the older node knows is not as it changed it: %s, %s", all["title"], all["roles"])
	}
	// Put anew, as by a node that finds the room in its database.
	err = older.PutFacts(t.Context(), room.Facts{ID: "harbour", Title: "Mole"})
	if all := said("harbour"); err != nil || all["stars"] == nil || string(all["title"]) != `"Mole"` {
		t.Errorf("after %d, put anew: %v, %v", revision, all, err)
	}
	// What the newer node takes back does not come again.
	_, err = older.facts.Put(t.Context(), "harbour", []byte(`{"id":"harbour","title":"Bay"}`))
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the older node knows the room's new title", func() bool { f, _ := older.Facts("harbour"); return f.Title == "Bay" })
	err = older.ChangeFacts(t.Context(), "harbour", func(f *room.Facts) error { f.State = room.Live; return nil })
	if all := said("harbour"); err != nil || all["stars"] != nil {
		t.Errorf("what was taken back came again: %s, %v", all["stars"], err)
	}
}

// FuzzRest: facts that are read and written again say the same, whatever else stands there.
func FuzzRest(f *testing.F) {
	f.Add([]byte(`{"id":"harbour","stars":{"most":5},"life":{"rev":7,"encore":[1,2]}}`))
	f.Add([]byte(`{"id":"harbour","life":null,"":0}`))
	f.Add([]byte(`{"life":{"":{}}}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		var facts room.Facts
		if json.Unmarshal(value, &facts) != nil {
			return
		}
		r, err := restOf(value)
		if err != nil {
			t.Skip() // null, or two members of one name
		}
		written, err := r.encode(facts)
		if err != nil {
			t.Skip() // a time that JSON has no form for
		}
		again, err := restOf(written)
		if err != nil || len(again.facts) != len(r.facts) || len(again.life) != len(r.life) {
			t.Errorf("%s became %s (%v)", value, written, err)
		}
	})
}
