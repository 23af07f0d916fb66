package room

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// foldAt is how many octets a line of a calendar file has at most (RFC 5545, section 3.1).
const foldAt = 75

// Calendar is the calendar file (RFC 5545) of a room with a plan: one event, whose SEQUENCE grows whenever the plan changes, so that a
// calendar that has it already takes the new time. Times are in UTC, which no change of summer time moves. url is where the room is heard,
// host names this server in the event's UID, and stays the same for good.
func Calendar(f *Facts, url, host string) []byte {
	plan := &f.Life.Plan
	var c calendar
	c.line("BEGIN:VCALENDAR")
	c.line("VERSION:2.0")
	c.line("PRODID:-//Epidaurus//Epidaurus//EN")
	c.line("CALSCALE:GREGORIAN")
	c.line("METHOD:PUBLISH")
	c.line("BEGIN:VEVENT")
	c.line("UID:" + escapeText(string(f.ID)+"@"+host))
	c.line("SEQUENCE:" + fmt.Sprint(f.Life.Revision))
	c.line("DTSTAMP:" + stamp(plan.Changed))
	c.line("LAST-MODIFIED:" + stamp(plan.Changed))
	c.line("DTSTART:" + stamp(plan.Start))
	c.line("DTEND:" + stamp(plan.Start.Add(usualLength)))
	c.line("SUMMARY;LANGUAGE=" + f.Language + ":" + escapeText(f.Title))
	about := url
	for _, part := range []string{plan.Billing(), plan.Description} {
		if part != "" {
			about = part + "\n\n" + about
		}
	}
	c.line("DESCRIPTION;LANGUAGE=" + f.Language + ":" + escapeText(about))
	c.line("LOCATION:" + escapeText(url))
	c.line("URL:" + url)
	c.line("STATUS:CONFIRMED")
	c.line("TRANSP:OPAQUE")
	c.line("END:VEVENT")
	c.line("END:VCALENDAR")
	return c.text
}

// usualLength is what a calendar shows as taken; nobody knows how long a conversation lasts.
const usualLength = time.Hour

func stamp(t time.Time) string { return t.UTC().Format("20060102T150405Z") }

var textEscapes = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`)

// escapeText is a text as a property's value (RFC 5545, section 3.3.11).
func escapeText(s string) string { return textEscapes.Replace(s) }

// calendar is a calendar file in the making.
type calendar struct{ text []byte }

// line adds a line, folded between characters where it is too long.
func (c *calendar) line(s string) {
	room := foldAt
	for len(s) > room {
		cut := room
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		c.text = append(append(c.text, s[:cut]...), "\r\n "...)
		s, room = s[cut:], foldAt-1 // the space counts
	}
	c.text = append(append(c.text, s...), "\r\n"...)
}
