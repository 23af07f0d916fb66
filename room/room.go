package room

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// ID names a room in addresses, subjects and file names: 3 to 64 characters of [a-z0-9-], beginning and ending with a letter or digit.
type ID string

// PersonID names a person within a room: 1 to 32 characters of [a-z0-9].
type PersonID string

// Role is what a person may do in a room.
type Role string

// The roles that exist so far.
const (
	Host    Role = "host"
	CoHost  Role = "cohost"
	Speaker Role = "speaker"
)

// State is a step in a room's life.
type State string

// The life of a room: its channel carries the hold sound at the doors, the stage while live, and nothing once ended.
const (
	Doors State = "doors"
	Live  State = "live"
	Ended State = "ended"
)

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
	Created  time.Time  `json:"created_at"`
	EndedAt  time.Time  `json:"ended_at,omitzero"`
	Removed  []PersonID `json:"removed,omitempty"` // their tokens are void
}

// Depth is the sound granted to a player that joins this room.
func (f Facts) Depth() time.Duration {
	if f.LowDelay {
		return LowDelayDepth
	}
	return DefaultDepth
}

// IsRemoved reports whether p was removed from the room.
func (f Facts) IsRemoved(p PersonID) bool { return slices.Contains(f.Removed, p) }

// Person is somebody on stage, as everybody may see them.
type Person struct {
	ID    PersonID `json:"id"`
	Name  string   `json:"name"`
	Role  Role     `json:"role"`
	Muted bool     `json:"muted"`
}

// ErrStep refuses a step that may not follow the present state.
var ErrStep = errors.New("this step is not possible in the room's present state")

// Step moves a room to its next state. Doors lead to live, and both lead to ended; nothing leads back.
func Step(from, to State) error {
	switch {
	case from == Doors && to == Live, from == Doors && to == Ended, from == Live && to == Ended:
		return nil
	}
	return fmt.Errorf("%w: %s to %s", ErrStep, from, to)
}

// Valid reports whether the ID can stand in addresses, subjects and file names.
func (id ID) Valid() bool {
	n := len(id)
	if n < 3 || n > 64 || id[0] == '-' || id[n-1] == '-' {
		return false
	}
	for i := range n {
		if c := id[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// Valid reports whether the role is one of those that exist.
func (r Role) Valid() bool { return r == Host || r == CoHost || r == Speaker }

// Moderates reports whether the role may mute, remove and invite others.
func (r Role) Moderates() bool { return r == Host || r == CoHost }

const (
	maxTitle = 120
	maxName  = 40
)

// CheckTitle returns the title as it is kept, or an error that says what to change.
func CheckTitle(s string) (string, error) { return checkText("title", s, maxTitle) }

// CheckName returns a person's name as it is shown, or an error that says what to change.
func CheckName(s string) (string, error) { return checkText("name", s, maxName) }

func checkText(what, s string, limit int) (string, error) {
	if !utf8.ValidString(s) {
		return "", fmt.Errorf("the %s is not valid UTF-8 text", what)
	}
	// Control and direction-override characters could make one name look like another.
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	switch n := utf8.RuneCountInString(s); {
	case n == 0:
		return "", fmt.Errorf("the %s is empty: write at least one character", what)
	case n > limit:
		return "", fmt.Errorf("the %s has %d characters: at most %d are allowed", what, n, limit)
	}
	return s, nil
}

// CheckLanguage returns the language tag as it is kept; an empty one means English.
func CheckLanguage(s string) (string, error) {
	if s == "" {
		return "en", nil
	}
	if len(s) > 16 {
		return "", fmt.Errorf("the language tag %.20q is too long: write one such as en, fr or pt-BR", s)
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' {
			return "", fmt.Errorf("%q is no language tag: write one such as en, fr or pt-BR", s)
		}
	}
	return s, nil
}

// NewID makes an ID from a title and random characters of [a-z0-9], such as harbour-talk-k3f9x2.
func NewID(title, random string) ID {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(title) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			b.WriteRune(r)
		default:
			dash = true
		}
		if b.Len() >= 40 {
			break
		}
	}
	if b.Len() > 0 {
		b.WriteByte('-')
	}
	b.WriteString(random)
	return ID(b.String())
}
