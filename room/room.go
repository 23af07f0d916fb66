package room

import (
	"fmt"
	"slices"
	"time"
)

// Role is what a person may do in a room.
type Role string

// The roles that exist so far.
const (
	Host     Role = "host"
	CoHost   Role = "cohost"
	Producer Role = "producer" // runs the desk, and is never on stage
	Speaker  Role = "speaker"
	// Captioner writes what is said, and is never on stage. A program that sends captions is one, too.
	Captioner Role = "captioner"
	Listener  Role = "listener" // everybody else: no token is made for one
)

// State is a step in a room's life.
type State string

// The life of a room: a draft is known to nobody but its team; what is announced has a page and a time; its channel carries the hold sound at
// the doors, the stage while live, and nothing once ended; then its tape may be heard. Not every room has every part.
const (
	Draft     State = "draft"
	Announced State = "announced"
	Doors     State = "doors"
	Live      State = "live"
	Ended     State = "ended"
	Replay    State = "replay" // never on the bus, see Facts.Stage
)

// states are in the order of a life.
var states = []State{Draft, Announced, Doors, Live, Ended, Replay}

// Open reports whether there is something to hear, or will be at any moment. A state that is not known counts as open.
func (s State) Open() bool { return s != Draft && s != Announced && s != Ended && s != Replay }

// MaxOnStage is how many people one stage carries.
const MaxOnStage = 13

// Depth of sound granted to a player at its join.
const (
	DefaultDepth  = 4 * time.Second
	LowDelayDepth = 750 * time.Millisecond
)

// Facts is what every node knows about a room. It travels on the bus and holds no secret.
type Facts struct {
	ID       ID         `json:"id"`
	Title    string     `json:"title"`
	Language string     `json:"lang"`
	State    State      `json:"state"`
	LowDelay bool       `json:"low_delay"`
	Expect   int        `json:"expect,omitempty"`   // listeners expected, as the host said; 0: unknown
	DelayMS  int        `json:"delay_ms,omitempty"` // broadcast delay
	Tape     Taping     `json:"tape,omitempty"`
	Tracks   bool       `json:"tracks,omitempty"` // each speaker is taped apart, too, where the room is taped
	Created  time.Time  `json:"created_at"`
	EndedAt  time.Time  `json:"ended_at,omitzero"`
	Removed  []PersonID `json:"removed,omitempty"` // their tokens are void
	Life     Life       `json:"life,omitzero"`

	Roles   map[PersonID]Role `json:"roles,omitempty"`    // of those whose role is another than their token says
	Blocked []string          `json:"blocked,omitempty"`  // origins from which no hand is taken
	NoHands bool              `json:"no_hands,omitempty"` // listeners are asked not to raise hands

	Consents map[PersonID]Consent `json:"consents,omitempty"` // the last answer of each who was asked whether they may be recorded

	RunOf     ID     `json:"run_of,omitempty"`    // it is a run-through of that room, for its team alone
	Listeners []byte `json:"listeners,omitempty"` // the key by which the links are signed that let somebody listen; empty: anybody may
}

// Taping is whether a room is taped while it is live. A room that was made before there were tapes is not.
type Taping string

// What a host may want of the tape.
const (
	TapeOff     Taping = ""
	TapeOn      Taping = "on"
	TapeDeleted Taping = "deleted" // it was, and every node deletes what it has
)

// MaxExpect is the largest audience that a room may expect.
const MaxExpect = 1_000_000_000

// Depth is the sound granted to a player that joins this room.
func (f Facts) Depth() time.Duration {
	if f.LowDelay {
		return LowDelayDepth
	}
	return DefaultDepth
}

// IsRemoved reports whether p was removed from the room.
func (f Facts) IsRemoved(p PersonID) bool { return slices.Contains(f.Removed, p) }

// RoleOf is the role of a person whose token says granted.
func (f Facts) RoleOf(p PersonID, granted Role) Role {
	if r, ok := f.Roles[p]; ok {
		return r
	}
	return granted
}

// HandOver makes to the host, and from, who is it by the token or by these facts, a co-host; or says why not, and then nothing has changed: of two
// who get the room at once one does. To is a co-host where the facts say nothing else.
func (f *Facts) HandOver(from, to PersonID) error {
	giver, target := f.RoleOf(from, Host), f.RoleOf(to, CoHost)
	switch {
	case f.State == Ended:
		return Denial{Role: giver, Action: ActHandOver, Over: true}
	case giver != Host:
		return Denial{Role: giver, Action: ActHandOver}
	case f.IsRemoved(to):
		return ErrRemoved
	}
	if from == to {
		target = giver
	}
	err := MayTo(giver, ActHandOver, target)
	if err != nil {
		return err
	}
	f.exchangeHost(from, to)
	return nil
}

// IsBlocked reports whether no hand is taken from an origin. The empty one is nobody's.
func (f Facts) IsBlocked(origin string) bool {
	return origin != "" && slices.Contains(f.Blocked, origin)
}

// Person is somebody on stage, as everybody may see them.
type Person struct {
	ID    PersonID `json:"id"`
	Name  string   `json:"name"`
	Role  Role     `json:"role"`
	Muted bool     `json:"muted"`
}

// Step reports whether a room may be found in a later state than it was: life goes one way. Which steps may be taken, and by whom, says
// Facts.Take; this is for those who join what two others know.
func Step(from, to State) error {
	was, is := slices.Index(states, from), slices.Index(states, to)
	if was < 0 || is <= was {
		return fmt.Errorf("%w: %s to %s", ErrStep, from, to)
	}
	return nil
}

// Valid reports whether there are tokens of this role.
func (r Role) Valid() bool {
	return r == Host || r == CoHost || r == Producer || r == Speaker || r == Captioner
}
