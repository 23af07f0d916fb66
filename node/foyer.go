package node

import (
	"cmp"
	"slices"
	"sync"

	"github.com/epidaurus-live/epidaurus/room"
)

// foyer knows the rooms that are listed.
type foyer struct {
	mu    sync.Mutex
	rooms map[room.ID]room.Facts // guarded by mu
	moved int                    // guarded by mu; grows with each change
}

// follow takes note of what facts says of a room now. Facts is asked in turn, so that of two who follow one room the later one is right.
func (y *foyer) follow(id room.ID, facts func(room.ID) (room.Facts, bool)) {
	y.mu.Lock()
	defer y.mu.Unlock()
	f, ok := facts(id)
	_, was := y.rooms[id]
	is := ok && listed(&f)
	if is {
		if y.rooms == nil {
			y.rooms = map[room.ID]room.Facts{}
		}
		y.rooms[id] = f
	} else {
		delete(y.rooms, id)
	}
	if is || was {
		y.moved++
	}
}

// listed reports whether a room is shown to who did not ask for it.
func listed(f *room.Facts) bool {
	if f.IsPrivate() || f.Life.Access.Visibility != room.Public {
		return false
	}
	return f.State == room.Announced || f.State.Open() || f.Stage() == room.Replay && f.Tape == room.TapeOn
}

// list is the rooms in the order in which they are shown, and a number that changes when they do: those that can be heard now, those to come by
// their start, those that can be heard again with the latest first.
func (y *foyer) list() (rooms []room.Facts, moved int) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, f := range y.rooms {
		rooms = append(rooms, f)
	}
	slices.SortFunc(rooms, func(a, b room.Facts) int {
		return cmp.Or(cmp.Compare(turn(&a), turn(&b)), cmp.Compare(within(&a), within(&b)), cmp.Compare(a.ID, b.ID))
	})
	return rooms, y.moved
}

func turn(f *room.Facts) int {
	return slices.Index([]room.State{room.Live, room.Doors, room.Announced, room.Replay}, f.Stage())
}

func within(f *room.Facts) int64 {
	switch f.Stage() {
	case room.Replay:
		return -f.EndedAt.Unix()
	case room.Live:
		return -f.Life.LiveAt.Unix()
	}
	return f.Life.Plan.Start.Unix()
}
