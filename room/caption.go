package room

import (
	"errors"
	"fmt"
)

// Caption is a line of what is said, as text: of a human captioner, or of a program. A line may be said again under its ID, and is then what it
// was said to be last; one without text was taken back.
type Caption struct {
	ID       string `json:"id"`
	Language string `json:"lang"` // BCP 47, as CheckLanguage returns it
	At       int64  `json:"at"`   // the frame at which listeners hear its first word
	Text     string `json:"text"`
	Final    bool   `json:"final"` // otherwise more of it is to come
}

// CaptionEvent says which line is the last one of each language.
type CaptionEvent struct {
	Kind  string    `json:"t"`
	At    int64     `json:"at"`    // that of the line that is news: not behind the event's own frame
	Lines []Caption `json:"lines"` // in the order of their languages' first lines
}

// Bounds of captions: every seat gets every line, and who comes late gets the last one of each language with the first frame.
const (
	MaxCaption          = 300 // characters of a line
	MaxCaptionID        = 40
	MaxCaptionLanguages = 4 // of one room at one time
)

// Reasons why a line of captions is not taken.
var (
	ErrDumped        = errors.New("what was said there was dumped")
	ErrManyLanguages = fmt.Errorf("a room has captions in at most %d languages", MaxCaptionLanguages)
	ErrManyCaptions  = errors.New("very many lines wait for what they belong to")
)

// CheckCaptionText returns the text of a line as it is kept, or an error that says what to change. An empty one takes a line back.
func CheckCaptionText(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	return checkText("text", s, MaxCaption)
}

// CheckCaptionID returns an error that says what to change where an ID is not one.
func CheckCaptionID(s string) error {
	if s == "" || len(s) > MaxCaptionID {
		return fmt.Errorf("an id has 1 to %d characters", MaxCaptionID)
	}
	for i := range len(s) {
		if c := s[i]; !isLetterOrDigit(c) && (c < 'A' || c > 'Z') && c != '-' && c != '_' && c != '.' {
			return errors.New("an id is made of letters, digits, dots, - and _")
		}
	}
	return nil
}
