package room

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Longest title and name, in characters.
const (
	MaxTitle = 120
	MaxName  = 40
)

// maxMarks is how many combining marks may stand on one letter: enough for every script in use, too few to paint over the
// lines above and below.
const maxMarks = 4

// CheckTitle returns the title as it is kept, or an error that says what to change.
func CheckTitle(s string) (string, error) { return checkText("title", s, MaxTitle) }

// CheckName returns a person's name as it is shown, or an error that says what to change.
func CheckName(s string) (string, error) { return checkText("name", s, MaxName) }

func checkText(what, s string, limit int) (string, error) {
	if !utf8.ValidString(s) {
		return "", fmt.Errorf("the %s is not valid UTF-8 text", what)
	}
	s = clean(s)
	switch n := utf8.RuneCountInString(s); {
	case !strings.ContainsFunc(s, visible):
		return "", fmt.Errorf("the %s is empty: write at least one letter, digit or sign", what)
	case n > limit:
		return "", fmt.Errorf("the %s has %d characters: at most %d are allowed", what, n, limit)
	}
	return s, nil
}

// clean leaves out what nobody can see and what could make one name look like another (controls, direction overrides,
// fillers, towers of marks), and makes every run of white space one space. clean(clean(s)) is clean(s).
func clean(s string) string {
	c := cleaner{kept: make([]rune, 0, len(s))}
	for _, r := range s {
		if unicode.IsSpace(r) {
			r = ' '
		}
		c.add(r)
	}
	return strings.TrimRight(string(c.kept), " ")
}

// The joiners decide how letters of Arabic and Indic scripts are written, and make one picture of several emoji; the style asks
// for an emoji's coloured picture. Elsewhere all three are invisible.
const (
	zwnj       = '\u200c'
	zwj        = '\u200d'
	emojiStyle = '\ufe0f'
)

type cleaner struct {
	kept   []rune
	marks  int  // combining marks since the last letter
	joiner rune // waits for the character after it
}

func (c *cleaner) add(r rune) {
	last := rune(' ')
	if len(c.kept) > 0 {
		last = c.kept[len(c.kept)-1]
	}
	switch {
	case r == zwj || r == zwnj:
		if c.joiner == 0 && joinsNext(last) {
			c.joiner = r
		}
		return
	case r == emojiStyle:
		if !unicode.Is(unicode.So, last) {
			return
		}
	case hidden(r), r == ' ' && last == ' ':
		return
	case unicode.In(r, unicode.Mn, unicode.Me):
		if last == ' ' || c.marks == maxMarks {
			return
		}
		c.marks++
	default:
		c.marks = 0
	}
	if c.joiner != 0 && joins(r) {
		c.kept = append(c.kept, c.joiner)
	}
	c.joiner = 0
	c.kept = append(c.kept, r)
}

// joins reports whether a joiner before r can be seen.
func joins(r rune) bool {
	return unicode.In(r, unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi,
		unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala,
		unicode.Khmer, unicode.So)
}

// joinsNext reports whether a joiner after r can be seen.
func joinsNext(r rune) bool {
	skinTone := r >= '\U0001f3fb' && r <= '\U0001f3ff'
	return joins(r) || r == emojiStyle || skinTone
}

func hidden(r rune) bool {
	const emptyBraille = '\u2800'
	return r == emptyBraille || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Noncharacter_Code_Point,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

func visible(r rune) bool {
	return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S)
}
