package stage

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// Mix is where the voices go.
type Mix interface {
	// Open begins a voice. The same person again, after the old voice was closed, goes on with what the mix had learnt of it.
	Open(room.ID, room.PersonID) (Voice, error)
}

// Voice is one voice in the mix. The stage calls one method at a time, and none after Close. None of them may block.
type Voice interface {
	// Push hands over one RTP packet's Opus payload, which the callee copies. at is the arrival by Config.Clock.
	Push(seq uint16, ts uint32, payload []byte, at time.Duration)
	// Mute fades the voice out or in.
	Mute(bool)
	// Close fades the voice out and forgets it.
	Close()
}

// Rooms tells what is known about a room.
type Rooms interface {
	Facts(room.ID) (room.Facts, bool)
}

// Level is how loud somebody is in the mix.
type Level struct {
	ID    room.PersonID
	DB    float64 // dBFS after levelling; -60 and below is silence
	Heard bool    // sound arrived at the mixer within the last second
}

// Config is what a stage needs. Callbacks may be called from any goroutine, and must not call the stage back.
type Config struct {
	// Verify returns what a stage token grants, or one of room's token errors. Required.
	Verify func(token string) (room.Grant, error)
	// Rooms and Mix are required.
	Rooms Rooms
	Mix   Mix
	// People is told who is on stage, in the order of their coming, at each change: one call at a time for a room, the
	// latest state. Optional.
	People func(room.ID, []room.Person)
	// Remove makes a removal last: from then on Facts.IsRemoved is true. A room.Denial says that the person is the host now. Required.
	Remove func(room.ID, room.PersonID) error
	// Block makes it last that no hand is taken from an origin: from then on Facts.IsBlocked is true. Required.
	Block func(id room.ID, origin string) error
	// HandOver makes it last that to is the room's host, and from a co-host: Facts.RoleOf says so from then on. Where they are not co-host and
	// host at that moment it is refused as room.Facts.HandOver does. Required.
	HandOver func(id room.ID, from, to room.PersonID) error
	// Consent makes it last whether a person may be recorded: from then on Facts.Consent says so. It refuses as room.Facts.Answer does. Required.
	Consent func(room.ID, room.PersonID, room.Consent) error
	// TakeLead makes it last that to, of this role until then, is the room's host, and host a co-host; an empty host is whoever made the room. It
	// refuses as room.Facts.TakeLead does. Required.
	TakeLead func(id room.ID, host, to room.PersonID, role room.Role) error
	// TakeHands makes it last whether hands may be raised. Required.
	TakeHands func(id room.ID, take bool) error
	// NewPerson is a name for a person that nobody has. Required.
	NewPerson func() (room.PersonID, error)
	// Admit makes a listener whose hand was accepted a speaker, each time anew. It must not block. Required.
	Admit func(room.ID, room.Hand) Admitted
	// ListenURL is where a room is heard. Optional.
	ListenURL func(room.ID) string
	// Tape is how the taping of a room goes: "planned", "on", "failed", or nothing. It must not block. Optional.
	Tape func(room.ID) string
	// Unwritten reports that something of a room was done, and could not be written down yet. It must not block. Optional.
	Unwritten func(room.ID) bool
	// MP3 is the sound of MP3 as Opus packets; it reads no more than it needs. Without it radio encoders send Ogg Opus. Optional.
	MP3 func(io.Reader) (Sound, error)
	// Frame is the frame that a room's channel makes now. Optional.
	Frame func(room.ID) tape.Number

	// Media is the UDP socket of all media. The stage owns it from New on and closes it. Required.
	Media net.PacketConn
	// Advertise are the addresses at which clients reach Media and the split listener, where they differ from the machine's
	// own (NAT 1:1). Default: the socket's own address, or all of the machine's where it is bound to none.
	Advertise []netip.Addr

	// Clock is the monotonic time that the mix ticks by. Default: the time since New.
	Clock func() time.Duration
	// Away is how long a lost person's place is kept. Default: 30 s.
	Away time.Duration
	// Hold is how long somebody is spoken to alone without the speaker's page saying again that the button is held. Default: 3 s.
	Hold time.Duration
	// Heartbeat is the time between comments on a quiet event stream. Default: 5 s.
	Heartbeat time.Duration
	// WriteTimeout closes an event stream whose reader takes nothing. Default: 5 s.
	WriteTimeout time.Duration
	// Log is where it says what it does. Default: nowhere.
	Log *slog.Logger
}

// Timing that follows from the protocol rather than from a node's configuration.
const (
	// lostAfter without a packet or check, a connection counts as lost. A browser checks consent every 2 to 2.5 s, and a
	// microphone sends every 20 ms, muted in the page or not.
	lostAfter = 3 * time.Second
	// connectGrace is how long a new session may take to connect before its person is shown as away.
	connectGrace = 5 * time.Second
	// bodyTimeout bounds the reading of a request's body.
	bodyTimeout = 10 * time.Second
	// negotiateTimeout bounds the making of one answer.
	negotiateTimeout = 5 * time.Second
)

// Limits that keep one client from taking what belongs to all.
const (
	maxOffer       = 96 << 10 // bytes of SDP: Chromium's has 2 kB for each section
	maxFragment    = 16 << 10 // bytes of a trickle fragment
	maxSmallBody   = 1 << 10  // bytes of a name or a flag
	maxWords       = 4 << 10  // bytes of a cue or a line of the chat
	maxNegotiating = 16       // offers answered at the same time
	maxStreams     = 64       // event streams in a room
	maxOwnStreams  = 4        // event streams of one person; the oldest gives way
)

func (c *Config) complete() error {
	switch {
	case c.Verify == nil:
		return errors.New("stage: Config.Verify is missing")
	case c.Rooms == nil:
		return errors.New("stage: Config.Rooms is missing")
	case c.Mix == nil:
		return errors.New("stage: Config.Mix is missing")
	case c.Remove == nil:
		return errors.New("stage: Config.Remove is missing")
	case c.Block == nil, c.HandOver == nil, c.Consent == nil, c.TakeLead == nil, c.TakeHands == nil, c.NewPerson == nil, c.Admit == nil:
		return errors.New("stage: Config lacks what leads a conversation")
	case c.Media == nil:
		return errors.New("stage: Config.Media is missing")
	}
	if c.People == nil {
		c.People = func(room.ID, []room.Person) {}
	}
	if c.Unwritten == nil {
		c.Unwritten = func(room.ID) bool { return false }
	}
	if c.Tape == nil {
		c.Tape = func(room.ID) string { return "" }
	}
	if c.ListenURL == nil {
		c.ListenURL = func(room.ID) string { return "" }
	}
	if c.Frame == nil {
		c.Frame = func(room.ID) tape.Number { return 0 }
	}
	if c.Clock == nil {
		start := time.Now()
		c.Clock = func() time.Duration { return time.Since(start) }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	setDefault(&c.Away, 30*time.Second)
	setDefault(&c.Hold, 3*time.Second)
	setDefault(&c.Heartbeat, 5*time.Second)
	setDefault(&c.WriteTimeout, 5*time.Second)
	return nil
}

func setDefault(d *time.Duration, v time.Duration) {
	if *d <= 0 {
		*d = v
	}
}
