package poster

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/text/unicode/norm"
)

// sayable is a text with what the font can write of it. Signs that it lacks, emoji among them, are left out; a text with letters or digits that
// it lacks (our fonts have the Latin, Greek and Cyrillic ones) is not sayable: part of it would say something else.
func (p *press) sayable(f *opentype.Font, text string) (said string, ok bool) {
	var buffer sfnt.Buffer
	var kept strings.Builder
	letters := false
	for _, r := range norm.NFC.String(text) {
		glyph, err := f.GlyphIndex(&buffer, r)
		has := err == nil && glyph != 0
		word := unicode.In(r, unicode.L, unicode.N)
		switch {
		case has:
			kept.WriteRune(r)
			letters = letters || word
		case word:
			return "", false
		case unicode.Is(unicode.Mn, r):
			// A mark that could not be joined with its letter: the letter is read without.
		default:
			kept.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(kept.String()), " "), letters
}

// wrap breaks a text into lines, between words where that can be; whole is false where it is not all, and then the last line says so.
func wrap(f font.Face, text string, width, most int) (lines []string, whole bool) {
	room := fixed.I(width)
	fits := func(s string) bool { return font.MeasureString(f, s) <= room }
	most = max(1, most)
	line := ""
	for _, word := range strings.Fields(text) {
		for {
			joined := strings.TrimPrefix(line+" "+word, " ")
			if fits(joined) {
				line = joined
				break
			}
			if line == "" { // a word that is longer than a line
				head := longest(word, fits)
				lines, word = append(lines, head), word[len(head):]
			} else {
				lines, line = append(lines, line), ""
			}
			if len(lines) == most && (line != "" || word != "") {
				lines[most-1] = ellipsis(lines[most-1], fits)
				return lines, false
			}
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines, true
}

// longest is as much of a word as fits, one character at least.
func longest(word string, fits func(string) bool) string {
	end := 0
	for i, r := range word {
		next := i + len(string(r))
		if end > 0 && !fits(word[:next]) {
			break
		}
		end = next
	}
	return word[:end]
}

// ellipsis ends a line that goes on nowhere.
func ellipsis(line string, fits func(string) bool) string {
	runes := []rune(line)
	for len(runes) > 0 && !fits(string(runes)+"…") {
		runes = runes[:len(runes)-1]
	}
	return strings.TrimRight(string(runes), " ,;:.-–—") + "…"
}

var (
	daysFR   = []string{"dimanche", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi"}
	monthsFR = []string{"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"}
)

// when is a start in words of the room's language, where we have them, and else in figures.
func when(t time.Time, language string) string {
	zone := t.Format("MST")
	if strings.HasPrefix(zone, "+") || strings.HasPrefix(zone, "-") {
		zone = "UTC" + zone
	}
	tag, _, _ := strings.Cut(language, "-")
	switch tag {
	case "en":
		return t.Format("Monday 2 January 2006, 15:04 ") + zone
	case "fr":
		return fmt.Sprintf("%s %s %s %d à %s %s", daysFR[t.Weekday()], ordinalFR(t.Day()), monthsFR[t.Month()-1], t.Year(), t.Format("15:04"), zone)
	}
	return t.Format("2006-01-02  15:04 ") + zone
}

func ordinalFR(day int) string {
	if day == 1 {
		return "1er"
	}
	return fmt.Sprint(day)
}
