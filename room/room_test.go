package room

import (
	"encoding/json"
	"errors"
	"maps"
	"testing"
	"time"
)

func TestRoles(t *testing.T) {
	for role, valid := range map[Role]bool{Host: true, CoHost: true, Producer: true, Speaker: true, Listener: false, "": false, "HOST": false} {
		if role.Valid() != valid {
			t.Errorf("%q: Valid = %v", role, role.Valid())
		}
	}
	f := Facts{Roles: map[PersonID]Role{"p1": Host, "h0st": CoHost}}
	if f.RoleOf("p1", CoHost) != Host || f.RoleOf("h0st", Host) != CoHost || f.RoleOf("p2", Speaker) != Speaker {
		t.Error("a room that was handed over has other roles than it should")
	}
}

// A room has one host whatever two do at once: who gives it has to be the host at that moment, and who gets it a co-host who is still there.
func TestFactsHandOver(t *testing.T) {
	f := Facts{State: Live, Removed: []PersonID{"eve"}, Roles: map[PersonID]Role{"pru": Producer}}
	before := f.Roles
	for _, row := range []struct {
		name     string
		from, to PersonID
		want     error
	}{
		{"to one who was removed", "ada", "eve", ErrRemoved},
		{"to one who is no co-host", "ada", "pru", Denial{Role: Host, Action: ActHandOver, Target: Producer}},
		{"to oneself", "ada", "ada", Denial{Role: Host, Action: ActHandOver, Target: Host}},
		{"to a co-host", "ada", "cyd", nil},
		{"to another at once", "ada", "dan", Denial{Role: CoHost, Action: ActHandOver}},
		{"and on", "cyd", "dan", nil},
		{"and back", "dan", "ada", nil},
	} {
		if err := f.HandOver(row.from, row.to); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", row.name, err, row.want)
		}
	}
	want := map[PersonID]Role{"ada": Host, "cyd": CoHost, "dan": CoHost, "pru": Producer}
	if !maps.Equal(f.Roles, want) || len(before) != 1 {
		t.Errorf("roles are %v, want %v; before they were %v", f.Roles, want, before)
	}
	f.State = Ended
	if f.HandOver("ada", "cyd") == nil {
		t.Error("a room that has ended is handed over")
	}
}

func TestFacts(t *testing.T) {
	f := Facts{ID: "harbour-k3f9x2", Title: "Harbour", Language: "en", State: Doors, Created: time.Unix(1, 0).UTC()}
	if f.Depth() != 4*time.Second {
		t.Errorf("depth = %v", f.Depth())
	}
	f.LowDelay = true
	if f.Depth() != 750*time.Millisecond {
		t.Errorf("depth of low delay = %v", f.Depth())
	}
	if f.IsRemoved("p1") {
		t.Error("p1 was not removed")
	}
	f.Removed = []PersonID{"p1"}
	if !f.IsRemoved("p1") || f.IsRemoved("p2") {
		t.Error("only p1 was removed")
	}
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"id":"harbour-k3f9x2","title":"Harbour","lang":"en","state":"doors","low_delay":true,"created_at":"1970-01-01T00:00:01Z","removed":["p1"]}`
	if string(b) != want {
		t.Errorf("on the wire: %s\nwant         %s", b, want)
	}
}
