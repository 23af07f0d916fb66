package room

import (
	"errors"
	"slices"
	"time"
)

// Bounds of the backstage chat.
const (
	ChatKept    = 200 // lines; the oldest go first
	MaxChatLine = 300 // characters

	ChatBurst = 5               // lines of one person at once
	ChatEvery = 2 * time.Second // and then one in this time
)

// ErrChatPace is that somebody writes faster than others can read.
var ErrChatPace = errors.New("you write very fast: wait a moment before the next line")

// CheckChatLine returns what was written as it is shown, or an error that says what to change.
func CheckChatLine(s string) (string, error) { return checkText("line", s, MaxChatLine) }

// ChatLine is what somebody wrote backstage. Name and role are those of that moment.
type ChatLine struct {
	N    int       `json:"n"` // its number, from 1
	At   time.Time `json:"at"`
	By   PersonID  `json:"by"`
	Name string    `json:"name"`
	Role Role      `json:"role"`
	Text string    `json:"text"`
}

// Chat is a room's backstage chat, which is kept while the room lasts and nowhere else. The zero value is an empty one. It is not safe for
// concurrent use.
type Chat struct {
	lines []ChatLine
	last  int
	paces map[PersonID]*Pace
}

// Say adds a line and gives it its number. ErrChatPace comes with how long to wait.
func (c *Chat) Say(l ChatLine, now time.Time) (n int, wait time.Duration, err error) {
	pace := c.paces[l.By]
	if pace == nil {
		if c.paces == nil {
			c.paces = map[PersonID]*Pace{}
		}
		pace = &Pace{}
		c.paces[l.By] = pace
	}
	wait = pace.Take(now, ChatBurst, ChatEvery)
	if wait > 0 {
		return 0, wait, ErrChatPace
	}
	c.last++
	l.N, l.At = c.last, now
	c.lines = append(c.lines, l)
	if over := len(c.lines) - ChatKept; over > 0 {
		c.lines = slices.Delete(c.lines, 0, over)
	}
	return l.N, 0, nil
}

// Last is the number of the newest line; 0: there is none.
func (c *Chat) Last() int { return c.last }

// After are the lines behind number n that are kept, oldest first.
func (c *Chat) After(n int) []ChatLine {
	i := max(len(c.lines)-(c.last-n), 0)
	return slices.Clone(c.lines[min(i, len(c.lines)):])
}
