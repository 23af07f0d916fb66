package room

import (
	"errors"
	"slices"
	"time"
)

// CueID names a cue within its room.
type CueID string

// CueName is a cue that pages say in their own language.
type CueName string

// The cues that have a name.
const (
	CueWrapUp    CueName = "wrap_up"
	CueOneMinute CueName = "one_minute"
	CueLouder    CueName = "louder"
	CueStandBy   CueName = "stand_by"
	CueNext      CueName = "next" // you are on next
)

// CueNames are the cues that have a name, in the order in which pages offer them.
var CueNames = []CueName{CueWrapUp, CueOneMinute, CueLouder, CueStandBy, CueNext}

// CueState is what became of a cue at one person.
type CueState string

// The life of a cue at one person.
const (
	CueUndelivered CueState = "undelivered" // no page of theirs is there to show it
	CueSent        CueState = "sent"        // a page of theirs shows it
	CueTaken       CueState = "taken"       // they acknowledged it
	CueLapsed      CueState = "lapsed"      // they did not, and it is shown no more
)

// Bounds of cues.
const (
	MaxCue = 140 // characters of one in free words

	CueLife  = time.Minute     // for so long one is shown
	CueKept  = 5 * time.Minute // for so long who leads sees what became of it
	CuesKept = 20              // of a room; the oldest go first
	CuesOpen = 3               // that one person sees at once; the oldest lapses for a newer one

	CueBurst = 10          // of one sender at once
	CueEvery = time.Second // and then one in this time
)

// Why a cue is not sent, or not taken.
var (
	ErrCueUnknown = errors.New("this cue is not shown to you any more")
	ErrCuePace    = errors.New("you send cues very fast: wait a moment before the next one")
	ErrCueNobody  = errors.New("there is nobody on stage to whom a cue could go")
)

// CheckCue returns a cue in free words as it is shown, or an error that says what to change.
func CheckCue(s string) (string, error) { return checkText("cue", s, MaxCue) }

// Cue is a short message of who leads a conversation to people in it.
type Cue struct {
	ID   CueID
	By   PersonID
	From string // the sender's name
	Name CueName
	Text string // where it has no Name
	Sent time.Time
	To   []CueTo
}

// CueTo is one of those whom a cue is for.
type CueTo struct {
	Person PersonID `json:"id"`
	Name   string   `json:"name"`
	State  CueState `json:"state"`
}

// Left is how long the cue is still shown.
func (c *Cue) Left(now time.Time) time.Duration { return max(c.Sent.Add(CueLife).Sub(now), 0) }

func (c *Cue) to(p PersonID) *CueTo {
	i := slices.IndexFunc(c.To, func(t CueTo) bool { return t.Person == p })
	if i < 0 {
		return nil
	}
	return &c.To[i]
}

// Cues are those of a room. The zero value is none. It is not safe for concurrent use.
type Cues struct {
	all   []*Cue // oldest first
	paces map[PersonID]*Pace
}

// Send takes a cue whose ID, By, words and To are set. ErrCuePace comes with how long to wait.
func (q *Cues) Send(c Cue, now time.Time) (wait time.Duration, err error) {
	if len(c.To) == 0 {
		return 0, ErrCueNobody
	}
	pace := q.paces[c.By]
	if pace == nil {
		if q.paces == nil {
			q.paces = map[PersonID]*Pace{}
		}
		pace = &Pace{}
		q.paces[c.By] = pace
	}
	wait = pace.Take(now, CueBurst, CueEvery)
	if wait > 0 {
		return wait, ErrCuePace
	}
	c.Sent = now
	q.all = append(q.all, &c)
	if over := len(q.all) - CuesKept; over > 0 {
		q.all = slices.Delete(q.all, 0, over)
	}
	for _, t := range c.To {
		shown := q.shownTo(t.Person, now)
		for _, old := range shown[min(CuesOpen, len(shown)):] {
			old.to(t.Person).State = CueLapsed
		}
	}
	return 0, nil
}

// Reach notes that a page of a person is there: what was not delivered to them is now. It reports whether anything changed.
func (q *Cues) Reach(p PersonID, now time.Time) (changed bool) {
	for _, c := range q.all {
		if t := c.to(p); t != nil && t.State == CueUndelivered && c.Left(now) > 0 {
			t.State, changed = CueSent, true
		}
	}
	return changed
}

// Take is a person acknowledging a cue. Said again it is no error: an answer may get lost.
func (q *Cues) Take(id CueID, p PersonID, now time.Time) error {
	for _, c := range q.all {
		t := c.to(p)
		if c.ID != id || t == nil {
			continue
		}
		switch {
		case t.State == CueTaken:
			return nil
		case t.State == CueLapsed || c.Left(now) == 0:
			return ErrCueUnknown
		}
		t.State = CueTaken
		return nil
	}
	return ErrCueUnknown
}

// Shown are the cues that a person's page shows, the newest first.
func (q *Cues) Shown(p PersonID, now time.Time) []Cue {
	shown := q.shownTo(p, now)
	out := make([]Cue, len(shown))
	for i, c := range shown {
		out[i] = *c
	}
	return out
}

func (q *Cues) shownTo(p PersonID, now time.Time) (shown []*Cue) {
	for _, c := range slices.Backward(q.all) {
		t := c.to(p)
		if t != nil && (t.State == CueSent || t.State == CueUndelivered) && c.Left(now) > 0 {
			shown = append(shown, c)
		}
	}
	return shown
}

// All are the cues that were sent lately, the newest first.
func (q *Cues) All() []Cue {
	out := make([]Cue, 0, len(q.all))
	for _, c := range slices.Backward(q.all) {
		one := *c
		one.To = slices.Clone(c.To)
		out = append(out, one)
	}
	return out
}

// Expire does what time does, and returns when it has more to do; the zero time: never, as things stand.
func (q *Cues) Expire(now time.Time) (changed bool, next time.Time) {
	kept := len(q.all)
	q.all = slices.DeleteFunc(q.all, func(c *Cue) bool { return !now.Before(c.Sent.Add(CueKept)) })
	changed = len(q.all) != kept
	sooner := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	for _, c := range q.all {
		if c.Left(now) > 0 {
			sooner(c.Sent.Add(CueLife))
			continue
		}
		sooner(c.Sent.Add(CueKept))
		for i := range c.To {
			if c.To[i].State == CueSent {
				c.To[i].State, changed = CueLapsed, true
			}
		}
	}
	return changed, next
}
