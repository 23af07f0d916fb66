package room

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestStep(t *testing.T) {
	states := []State{Doors, Live, Ended, "", "paused"}
	allowed := map[[2]State]bool{{Doors, Live}: true, {Doors, Ended}: true, {Live, Ended}: true}
	for _, from := range states {
		for _, to := range states {
			err := Step(from, to)
			if (err == nil) != allowed[[2]State{from, to}] {
				t.Errorf("Step(%q, %q) = %v", from, to, err)
			}
			if err != nil && !errors.Is(err, ErrStep) {
				t.Errorf("Step(%q, %q) = %v, want ErrStep", from, to, err)
			}
		}
	}
}

// A room that takes whatever steps it may is never anything again after its end, and never at its doors twice.
func TestLifeOfARoom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		state, life := Doors, []State{Doors}
		for range rapid.IntRange(0, 20).Draw(t, "tries") {
			to := rapid.SampledFrom([]State{Doors, Live, Ended}).Draw(t, "to")
			if Step(state, to) == nil {
				state = to
				life = append(life, to)
			}
		}
		for i := 1; i < len(life); i++ {
			if life[i] == Doors || life[i-1] == Ended {
				t.Fatalf("life = %v", life)
			}
		}
	})
}

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
