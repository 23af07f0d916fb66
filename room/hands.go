package room

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"
)

// HandID names a raised hand at the desk. It is made from the hash of what only the listener's page knows, so it opens nothing.
type HandID string

// HandState is what became of a raised hand.
type HandState string

// The life of a hand. The last three are told to the page, then forgotten.
const (
	HandWaiting  HandState = "waiting"
	HandInvited  HandState = "invited" // to the stage; the listener has to accept
	HandAccepted HandState = "accepted"
	HandLetGo    HandState = "let_go"
	HandMissed   HandState = "missed" // was invited, and did not answer
)

// Bounds of the queue.
const (
	MaxHands = 100 // that wait or are invited
	MaxLine  = 140 // characters of what somebody wants to say

	HandSilence = 90 * time.Second // without a word from its page a hand is lowered
	HandAnswer  = 2 * time.Minute  // that an invited listener has to accept
	HandRest    = time.Minute      // until who was let go, or missed, may raise a hand again
	HandKept    = 10 * time.Minute // for so long an accepted hand's page may ask for its link again
)

// Why a hand is not taken.
var (
	ErrHandsClosed = errors.New("the stage takes no hands now")
	ErrHandsFull   = errors.New("very many hands are raised already")
	ErrHandTwice   = errors.New("from your network's address a hand is raised already")
	ErrHandRest    = errors.New("wait a moment before you raise your hand again")
	ErrHandUnknown = errors.New("there is no such hand any more")
)

// Hand is a listener who wants to speak.
type Hand struct {
	ID     HandID
	Name   string
	Line   string
	State  HandState
	Origin string    // whom it counts for; empty: not known
	Person PersonID  // who the listener is on stage, once accepted
	Raised time.Time // since when it is up

	since time.Time // of State
	seen  time.Time // when its page asked last
}

// HandIDOf makes a hand's name of its page's secret.
func HandIDOf(secret Secret) HandID {
	sum := sha256.Sum256([]byte("epidaurus hand " + string(secret)))
	return HandID(hex.EncodeToString(sum[:8]))
}

// CheckLine returns the line as it is shown, or an error that says what to change. It may be empty.
func CheckLine(s string) (string, error) {
	if clean(s) == "" {
		return "", nil
	}
	return checkText("line", s, MaxLine)
}

// Hands is a room's queue of raised hands, in the order of their coming. The zero value is an empty one. It is not safe for concurrent use.
type Hands struct {
	all []*Hand
}

// Raise puts a hand into the queue. One that is there already only gets its new words: a request whose answer was lost is made again.
func (q *Hands) Raise(h Hand, now time.Time) (Hand, error) {
	if old := q.find(h.ID); old != nil {
		old.seen = now
		switch old.State {
		case HandWaiting:
			old.Name, old.Line = h.Name, h.Line
		case HandLetGo, HandMissed:
			return Hand{}, ErrHandRest
		}
		return *old, nil
	}
	up := 0
	for _, o := range q.all {
		if o.isUp() {
			up++
		}
		if o.State != HandAccepted && h.Origin != "" && o.Origin == h.Origin {
			if o.isUp() {
				return Hand{}, ErrHandTwice
			}
			return Hand{}, ErrHandRest
		}
	}
	if up >= MaxHands {
		return Hand{}, ErrHandsFull
	}
	h.State, h.Raised, h.since, h.seen = HandWaiting, now, now, now
	q.all = append(q.all, &h)
	return h, nil
}

// Look is its page asking how a hand stands, and how many wait before it.
func (q *Hands) Look(id HandID, now time.Time) (h Hand, ahead int, err error) {
	for _, o := range q.all {
		if o.ID == id {
			o.seen = now
			return *o, ahead, nil
		}
		if o.State == HandWaiting {
			ahead++
		}
	}
	return Hand{}, 0, ErrHandUnknown
}

// Lower takes a hand back. To have none is no error.
func (q *Hands) Lower(id HandID) {
	q.all = slices.DeleteFunc(q.all, func(h *Hand) bool { return h.ID == id && h.isUp() })
}

// Invite asks a listener to the stage.
func (q *Hands) Invite(id HandID, now time.Time) error { return q.move(id, HandInvited, now) }

// LetGo tells a listener that it will not be now.
func (q *Hands) LetGo(id HandID, now time.Time) error { return q.move(id, HandLetGo, now) }

func (q *Hands) move(id HandID, to HandState, now time.Time) error {
	h := q.find(id)
	if h == nil || !h.isUp() {
		return ErrHandUnknown
	}
	if h.State != to {
		h.State, h.since = to, now
	}
	return nil
}

// Accept takes the invitation as person; again, as the person of the first time.
func (q *Hands) Accept(id HandID, person PersonID, now time.Time) (Hand, error) {
	h := q.find(id)
	if h == nil || h.State != HandInvited && h.State != HandAccepted {
		return Hand{}, ErrHandUnknown
	}
	if h.State == HandInvited {
		h.State, h.since, h.Person = HandAccepted, now, person
	}
	h.seen = now
	return *h, nil
}

// Drop lowers every hand of an origin, and of a person who came by one: they are blocked.
func (q *Hands) Drop(origin string, person PersonID) {
	q.all = slices.DeleteFunc(q.all, func(h *Hand) bool {
		return origin != "" && h.Origin == origin || person != "" && h.Person == person
	})
}

// Clear lowers all hands that wait.
func (q *Hands) Clear() {
	q.all = slices.DeleteFunc(q.all, func(h *Hand) bool { return h.State == HandWaiting })
}

// Up are the hands that wait or are invited, in order.
func (q *Hands) Up() []Hand {
	var up []Hand
	for _, h := range q.all {
		if h.isUp() {
			up = append(up, *h)
		}
	}
	return up
}

// Expire does what time does, and reports whether the desk sees anything of it and when the next such moment is; the zero time: none.
func (q *Hands) Expire(now time.Time) (changed bool, next time.Time) {
	q.all = slices.DeleteFunc(q.all, func(h *Hand) bool {
		if h.State == HandInvited && !h.since.Add(HandAnswer).After(now) {
			h.State, h.since = HandMissed, now
			changed = true
		}
		at := h.goneAt()
		if !at.After(now) {
			changed = changed || h.isUp()
			return true
		}
		if h.State == HandInvited && h.since.Add(HandAnswer).Before(at) {
			at = h.since.Add(HandAnswer)
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
		return false
	})
	return changed, next
}

// goneAt is when a hand is forgotten if nothing happens.
func (h *Hand) goneAt() time.Time {
	switch h.State {
	case HandAccepted:
		return h.since.Add(HandKept)
	case HandLetGo, HandMissed:
		return h.since.Add(HandRest)
	}
	return h.seen.Add(HandSilence)
}

// RestLeft is how long a hand that is down still stands in the way of another.
func (q *Hands) RestLeft(id HandID, origin string, now time.Time) time.Duration {
	for _, h := range q.all {
		if !h.isUp() && h.State != HandAccepted && (h.ID == id || origin != "" && h.Origin == origin) {
			return max(0, h.goneAt().Sub(now))
		}
	}
	return 0
}

func (h *Hand) isUp() bool { return h.State == HandWaiting || h.State == HandInvited }

func (q *Hands) find(id HandID) *Hand {
	i := slices.IndexFunc(q.all, func(h *Hand) bool { return h.ID == id })
	if i < 0 {
		return nil
	}
	return q.all[i]
}

// HandAsk is what a listener's page wants, on its way from an edge to the node that makes the room.
type HandAsk struct {
	Do     string `json:"do"` // "raise", "look", "lower", "accept"
	ID     HandID `json:"id"`
	Name   string `json:"name,omitempty"`
	Line   string `json:"line,omitempty"`
	Origin string `json:"origin,omitempty"`
}

// HandReply is the answer to it: how the hand stands, or why not.
type HandReply struct {
	State HandState `json:"state,omitempty"`
	Ahead int       `json:"ahead,omitempty"`
	Token string    `json:"token,omitempty"` // of an accepted one
	Stage string    `json:"stage,omitempty"` // where its desk is, without a slash at the end

	Code    string `json:"code,omitempty"` // of a refusal
	Detail  string `json:"detail,omitempty"`
	RetryMS int64  `json:"retry_ms,omitempty"`
}
