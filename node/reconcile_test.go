package node

import (
	"testing"

	"github.com/epidaurus-live/epidaurus/room"
)

// What the database could not take, the next start writes down.
func TestStartRepairsTheDatabase(t *testing.T) {
	t.Parallel()
	cfg := usual(t)
	h := openHouse(t, cfg)
	r := h.room()
	err := h.bus.ChangeFacts(t.Context(), r.ID, func(f *room.Facts) error {
		f.State, f.Removed = room.Live, append(f.Removed, "mallory")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	shut(t, h.Node)
	n := open(t, cfg)
	kept, err := n.store.Room(t.Context(), r.ID)
	if err != nil || kept.Facts.State != room.Live || !kept.Facts.IsRemoved("mallory") {
		t.Errorf("the database has %+v (%v)", kept.Facts, err)
	}
}
