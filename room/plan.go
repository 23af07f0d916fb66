package room

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // a zone means the same on every machine, whatever it has installed
	"unicode/utf8"
)

// Plan is what is announced of a room before it begins.
type Plan struct {
	Start       time.Time `json:"start"` // UTC, to the second
	Zone        string    `json:"zone"`  // IANA name of the zone in which the start was said
	Description string    `json:"text,omitempty"`
	People      []Billed  `json:"people,omitempty"` // in the order in which they are named; never changed in place
	LeadS       int       `json:"lead_s"`           // the doors open so many seconds before the start
	ByClock     bool      `json:"by_clock"`         // it goes live at the start by itself; otherwise when somebody says so
	Changed     time.Time `json:"changed"`          // when the plan was made or changed last
}

// Limits of a plan.
const (
	DefaultLead    = 15 * time.Minute
	MaxLead        = 24 * time.Hour
	MaxDescription = 1000                     // characters
	MaxAhead       = 2 * 366 * 24 * time.Hour // between the announcement and the start
)

// DoorsAt is when the doors open.
func (p *Plan) DoorsAt() time.Time { return p.Start.Add(-time.Duration(p.LeadS) * time.Second) }

// Local is the start by the clocks of the zone in which it was said.
func (p *Plan) Local() time.Time {
	zone, err := time.LoadLocation(p.Zone)
	if err != nil {
		return p.Start // a zone that this program does not know any more
	}
	return p.Start.In(zone)
}

// Late is the plan with the start put off: from the start on, or from now where that has passed.
func (p Plan) Late(by time.Duration, now time.Time) Plan {
	from := p.Start
	if from.Before(now) {
		from = now.UTC().Truncate(time.Minute).Add(time.Minute)
	}
	p.Start = from.Add(by)
	return p
}

// The forms in which a start may be said: with an offset, or as a clock on a wall of the zone shows it.
var wallForms = []string{"2006-01-02T15:04:05", "2006-01-02T15:04"}

// ParseStart reads a start: RFC 3339, or without an offset as the clocks of zone show it. A moment that these clocks skip is refused; of one
// that they show twice the first is meant.
func ParseStart(s, zone string) (start time.Time, err error) {
	at, err := loadZone(zone)
	if err != nil {
		return time.Time{}, err
	}
	start, err = time.Parse(time.RFC3339, s)
	if err == nil {
		return start.UTC().Truncate(time.Second), nil
	}
	for _, form := range wallForms {
		start, err = time.ParseInLocation(form, s, at)
		if err != nil {
			continue
		}
		if start.Format(form) != s {
			return time.Time{}, fmt.Errorf("there is no %s in %s: the clocks are set forward over it", s, zone)
		}
		return firstOf(start, form).UTC(), nil
	}
	return time.Time{}, fmt.Errorf("the start %.40q cannot be read: write it as 2026-12-31T20:00 or 2026-12-31T19:00:00Z", s)
}

// firstOf is the earlier one of two moments that a clock shows alike.
func firstOf(t time.Time, form string) time.Time {
	for _, back := range []time.Duration{2 * time.Hour, time.Hour, 30 * time.Minute} {
		if earlier := t.Add(-back); earlier.Format(form) == t.Format(form) {
			return earlier
		}
	}
	return t
}

func loadZone(zone string) (*time.Location, error) {
	if zone == "" || zone == "Local" || len(zone) > 64 {
		return nil, errors.New("the start needs a time zone: write its name, such as Europe/Paris or UTC")
	}
	at, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("the time zone %.64q is not known: write one such as Europe/Paris or UTC", zone)
	}
	return at, nil
}

// Check returns the plan as it is kept, or an error that says what to change.
func (p Plan) Check(now time.Time) (Plan, error) {
	_, err := loadZone(p.Zone)
	if err != nil {
		return Plan{}, err
	}
	p.Description, err = CheckDescription(p.Description)
	if err == nil {
		p.People, err = CheckBill(p.People)
	}
	switch {
	case err != nil:
		return Plan{}, err
	case !p.Start.After(now):
		return Plan{}, errors.New("the start has passed already: choose a later one")
	case p.Start.Sub(now) > MaxAhead:
		return Plan{}, errors.New("the start is more than two years away: choose an earlier one")
	case p.LeadS < 0 || time.Duration(p.LeadS)*time.Second > MaxLead:
		return Plan{}, fmt.Errorf("the doors can open from 0 to %d seconds before the start", int(MaxLead.Seconds()))
	}
	p.Start, p.Changed = p.Start.UTC().Truncate(time.Second), now.UTC().Truncate(time.Second)
	return p, nil
}

// MaxNotice is the longest word to who comes too late, in characters.
const MaxNotice = 200

// CheckNotice returns such a word as it is kept, or an error that says what to change. There may be none.
func CheckNotice(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	return checkText("notice", s, MaxNotice)
}

// CheckDescription returns a description as it is kept, or an error that says what to change. Lines stay lines, and there may be none.
func CheckDescription(s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", errors.New("the description is not valid UTF-8 text")
	}
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n").Replace(s), "\n")
	for i, line := range lines {
		lines[i] = clean(strings.TrimLeft(line, " \t"))
	}
	s = strings.Trim(strings.Join(lines, "\n"), "\n")
	if n := utf8.RuneCountInString(s); n > MaxDescription {
		return "", fmt.Errorf("the description has %d characters: at most %d are allowed", n, MaxDescription)
	}
	return s, nil
}
