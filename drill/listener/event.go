package listener

import (
	"time"

	"github.com/epidaurus-live/epidaurus/tape"
)

// Kind says what happened.
type Kind int

// The kinds of Event.
const (
	Joined Kind = iota // an answer began
	Sound              // a fragment arrived
	News               // the room said something: Room
	Cut                // an answer was refused or broke off: Err, and Retry until the next try
	Ended              // the room ended
)

// Event is one thing that happened to a listener.
type Event struct {
	Kind   Kind
	Report Report        // as it stands
	Room   tape.Event    // News: what the room said; its data may be kept
	Err    error         // Cut: why
	Retry  time.Duration // Cut: how long until the next try
}
