//go:build linux

package crowd

import (
	"time"

	"github.com/epidaurus-live/epidaurus/drill/plan"
)

type state uint8

const (
	away        state = iota // waits for the time of the next try
	connecting               // the connection is not there yet
	queued                   // waits for its handshake
	handshaking              // a goroutine has the connection; the loop feeds it
	asking                   // the answer's head is due
	refusing                 // the answer is a refusal, whose body is read
	hearing                  // the answer's body comes
	dawdling                 // the answer's body comes, and is not read, or hardly
	gone                     // not to be used any more
)

// listener is one who listens. All of it belongs to its loop, but for the wire while it is in handshaking.
type listener struct {
	// what it is
	number int32 // among all arrivals of the drill
	slot   int32
	manner plan.Manner
	check  plan.Check
	due    time.Duration // when it was to come

	// the connection
	fd         int32
	generation int32 // of the connection: events of one that is closed are not taken for the next one's
	state      state
	tries      uint8 // that failed since there was sound
	place      *place
	began      time.Duration // of the state
	wire       *wire         // TLS; nil where bytes are not encrypted, or only counted
	stash      []byte        // of a head, or of a refusal, that came in part
	head       *head         // of a refusal

	// the answer
	chunks  chunker
	chunked bool
	raw     bool  // bytes are counted where they are
	seated  bool  // it brought sound
	fresh   bool  // no fragment of this answer came yet
	counted bool  // the first byte of the body was
	left    int64 // of a body of a stated length; -1: until the end
	last    time.Duration
	boxes   *boxes
	pages   *pages
	bitrate int64

	// what was heard, over answers
	ever     bool
	resuming bool          // it lost its connection, and comes back
	lost     time.Duration // when
	told     bool          // it has to wait as it was told, wherever it goes
	promised int64         // Epidaurus-Frame of this answer; -1: not said
	next     int64         // the frame that is due; -1: any
	expect   int64         // within this answer
	play     player
	depth    time.Duration // sound that the first answer began with
	edges    *edgeList
	failed   []*place // since there was sound
	waits    bool     // each of the list has failed since then

	// when the room is moved
	leaving bool      // another one with the same number opens the sound of the new room
	old     *listener // whose place this one takes when it hears something; nil: nobody's
	hops    uint8     // how often it was redirected
	hls     *hlsState
}

// request appends what the listener sends.
func (x *listener) request(dst []byte, p *plan.Plan) []byte {
	path := x.place.path
	if x.hls != nil {
		path = x.hls.path
	}
	dst = append(dst, "GET "...)
	dst = append(dst, path...)
	if p.Kind == plan.Epidaurus {
		dst = x.query(dst, p)
	}
	dst = append(dst, " HTTP/1.1\r\nHost: "...)
	dst = append(dst, x.place.host...)
	return append(dst, "\r\nUser-Agent: epidaurus-drill\r\nAccept: */*\r\n\r\n"...)
}

// firstRetry and lastRetry bound the time between two tries.
const (
	firstRetry = 250 * time.Millisecond
	lastRetry  = 8 * time.Second
)

// backoff is how long the listener waits before its next try: at first up to 250 ms, then between half and all of twice as long each
// time. chance is in [0, 1).
func (x *listener) backoff(chance float64) time.Duration {
	tries := min(x.tries, 10)
	x.tries = tries + 1
	if tries == 0 {
		return time.Duration(chance * float64(firstRetry))
	}
	step := min(firstRetry<<tries, lastRetry)
	return step/2 + time.Duration(chance*float64(step/2))
}
