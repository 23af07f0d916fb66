package bus

import (
	"testing"

	"github.com/epidaurus-live/epidaurus/room"
)

// A word reaches all nodes, the one that took it too.
func TestBeaconsReachAllNodes(t *testing.T) {
	b := open(t, t.TempDir())
	other := peer(t, b, "edge")
	type word struct {
		id    room.ID
		drawn uint64
	}
	heard := make(chan word, 2)
	for _, node := range []*Bus{b, other} {
		stop, err := node.WatchBeacons(func(id room.ID, drawn uint64) { heard <- word{id, drawn} })
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		err = node.conn.Flush()
		if err != nil {
			t.Fatal(err)
		}
	}
	want := word{"harbour", 1<<48 - 1}
	err := other.PublishBeacon(want.id, want.drawn)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := <-heard; got != want {
			t.Errorf("heard %+v", got)
		}
	}
}

func FuzzBeacon(f *testing.F) {
	f.Add([]byte(`{"room":"harbour","drawn":281474976710655}`))
	f.Add([]byte(`{"room":"../x","drawn":-1}`))
	f.Fuzz(func(t *testing.T, msg []byte) {
		if id, _, ok := parseBeacon(msg); ok && !id.Valid() {
			t.Errorf("%q is no room", id)
		}
	})
}
