package room

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestParseStart(t *testing.T) {
	tests := []struct{ text, zone, want string }{
		{"2026-12-31T20:00", "Europe/Paris", "2026-12-31T19:00:00Z"},
		{"2026-12-31T20:00:30", "Europe/Paris", "2026-12-31T19:00:30Z"},
		{"2026-12-31T20:00:00+05:30", "Europe/Paris", "2026-12-31T14:30:00Z"},
		{"2027-03-27T20:00", "Europe/Paris", "2027-03-27T19:00:00Z"}, // the evening before the clocks are set forward
		{"2027-03-28T20:00", "Europe/Paris", "2027-03-28T18:00:00Z"}, // and the evening after
		{"2027-03-28T02:30", "Europe/Paris", "set forward"},
		{"2027-10-31T02:30", "Europe/Paris", "2027-10-31T00:30:00Z"}, // twice: the first
		{"2027-10-31T03:00", "Europe/Paris", "2027-10-31T02:00:00Z"},
		{"2027-11-07T01:30", "America/New_York", "2027-11-07T05:30:00Z"},
		{"2027-04-04T01:45", "Australia/Lord_Howe", "2027-04-03T14:45:00Z"}, // half an hour, twice: the first
		{"2026-12-31T20:00", "UTC", "2026-12-31T20:00:00Z"},
		{"2026-12-31T20:00", "", "needs a time zone"},
		{"2026-12-31T20:00", "Local", "needs a time zone"},
		{"2026-12-31T20:00", "Europe/Atlantis", "not known"},
		{"2026-12-31T20:00", "../etc/passwd", "not known"},
		{"tomorrow", "UTC", "cannot be read"},
		{"2026-02-30T20:00", "UTC", "cannot be read"},
	}
	for _, tt := range tests {
		got, err := ParseStart(tt.text, tt.zone)
		said := got.Format(time.RFC3339)
		if err != nil {
			said = err.Error()
		}
		if err == nil && said != tt.want || err != nil && !strings.Contains(said, tt.want) {
			t.Errorf("%s in %s: %s, want %s", tt.text, tt.zone, said, tt.want)
		}
	}
}

// A start that was read shows on the wall what was said, in every zone and season.
func TestAStartIsReadAsItIsShown(t *testing.T) {
	zones := []string{"Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "UTC"}
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		at, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		moment := time.Unix(rapid.Int64Range(1_790_000_000, 1_990_000_000).Draw(t, "moment"), 0)
		wall := moment.In(at).Format(wallForms[0])
		start, err := ParseStart(wall, zone)
		if err != nil {
			t.Fatal(err)
		}
		p := Plan{Start: start, Zone: zone}
		if got := p.Local().Format(wallForms[0]); got != wall || start.After(moment) || moment.Sub(start) > time.Hour {
			t.Fatalf("%s in %s is %v, which shows %s", wall, zone, start, got)
		}
	})
}

func FuzzParseStart(f *testing.F) {
	f.Add("2026-12-31T20:00", "Europe/Paris")
	f.Add("2026-12-31T20:00:00.5+05:30", "UTC")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, text, zone string) {
		start, err := ParseStart(text, zone)
		if err == nil && (start.Location() != time.UTC || start.Nanosecond() != 0) {
			t.Errorf("%q in %q is %v", text, zone, start)
		}
	})
}

func TestCheckPlan(t *testing.T) {
	good := Plan{Start: evening, Zone: "Europe/Paris", LeadS: 900, Description: " What the sea  remembers.\r\n\r\nWith music. "}
	now := evening.Add(-time.Hour)
	got, err := good.Check(now)
	if err != nil || got.Description != "What the sea remembers.\n\nWith music." || !got.Changed.Equal(now) || !got.DoorsAt().Equal(evening.Add(-15*time.Minute)) {
		t.Errorf("%+v, %v", got, err)
	}
	for want, bad := range map[string]func(*Plan){
		"passed already":      func(p *Plan) { p.Start = now },
		"two years":           func(p *Plan) { p.Start = now.AddDate(3, 0, 0) },
		"time zone":           func(p *Plan) { p.Zone = "" },
		"the doors":           func(p *Plan) { p.LeadS = -1 },
		"from 0 to 86400":     func(p *Plan) { p.LeadS = 86401 },
		"characters":          func(p *Plan) { p.Description = strings.Repeat("x", MaxDescription+1) },
		"not valid UTF-8":     func(p *Plan) { p.Description = "\xff" },
		"is not known: write": func(p *Plan) { p.Zone = "Atlantis" },
	} {
		p := good
		bad(&p)
		_, err := p.Check(now)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want one with %q", err, want)
		}
	}
}

// Ten minutes late is ten minutes after the announced time; after that has passed, ten minutes from the next minute on.
func TestLate(t *testing.T) {
	p := Plan{Start: evening}
	for now, want := range map[time.Time]time.Time{
		evening.Add(-time.Hour):       evening.Add(10 * time.Minute),
		evening:                       evening.Add(10 * time.Minute),
		evening.Add(90 * time.Second): evening.Add(12 * time.Minute),
	} {
		if got := p.Late(10*time.Minute, now).Start; !got.Equal(want) {
			t.Errorf("at %v: %v, want %v", now, got, want)
		}
	}
}

func planned() *Facts {
	return &Facts{
		ID: "harbour-talk-k3f9x2", Title: `Harbour; talk, with a \ and «quotes»`, Language: "en", State: Announced,
		Life: Life{Revision: 4, Plan: Plan{
			Start: time.Date(2027, 3, 28, 18, 0, 0, 0, time.UTC), Zone: "Europe/Paris", LeadS: 900, Changed: time.Date(2027, 3, 1, 9, 30, 0, 0, time.UTC),
			Description: "What the sea remembers, ångström by ångström, a conversation.\nDoors at a quarter to eight.",
		}},
	}
}

func TestCalendar(t *testing.T) {
	const want = `BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Epidaurus//Epidaurus//EN
CALSCALE:GREGORIAN
METHOD:PUBLISH
BEGIN:VEVENT
UID:harbour-talk-k3f9x2@live.example.org
SEQUENCE:4
DTSTAMP:20270301T093000Z
LAST-MODIFIED:20270301T093000Z
DTSTART:20270328T180000Z
DTEND:20270328T190000Z
SUMMARY;LANGUAGE=en:Harbour\; talk\, with a \\ and «quotes»
DESCRIPTION;LANGUAGE=en:What the sea remembers\, ångström by ångström\,
  a conversation.\nDoors at a quarter to eight.\n\nhttps://live.example.org
 /r/harbour-talk-k3f9x2
LOCATION:https://live.example.org/r/harbour-talk-k3f9x2
URL:https://live.example.org/r/harbour-talk-k3f9x2
STATUS:CONFIRMED
TRANSP:OPAQUE
END:VEVENT
END:VCALENDAR
`
	got := string(Calendar(planned(), "https://live.example.org/r/harbour-talk-k3f9x2", "live.example.org"))
	if strings.ReplaceAll(got, "\r\n", "\n") != want || strings.Count(got, "\r\n") != strings.Count(got, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Whatever the host wrote, a calendar that unfolds and unescapes the file reads exactly that, and the time as it is on the wall there.
func TestACalendarReadsWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := planned()
		title, err := CheckTitle(rapid.StringN(1, 60, 240).Draw(t, "title"))
		if err != nil {
			t.Skip(err)
		}
		f.Title = title
		f.Life.Plan.Description, err = CheckDescription(rapid.StringN(0, 200, 800).Draw(t, "description"))
		if err != nil {
			t.Skip(err)
		}
		// Around the night in which clocks are set forward, and the one in which they are set back.
		night := rapid.SampledFrom([]int64{1_805_936_400, 1_824_685_200}).Draw(t, "night")
		f.Life.Plan.Start = time.Unix(night+rapid.Int64Range(-86_400, 86_400).Draw(t, "seconds"), 0).UTC()
		file := string(Calendar(f, "https://h/r/x", "h"))
		for line := range strings.SplitSeq(strings.TrimSuffix(file, "\r\n"), "\r\n") {
			if len(line) > 75 || !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n") {
				t.Fatalf("a line of %d octets: %q", len(line), line)
			}
		}
		read := map[string]string{}
		for line := range strings.SplitSeq(strings.ReplaceAll(file, "\r\n ", ""), "\r\n") {
			name, value, _ := strings.Cut(line, ":")
			name, _, _ = strings.Cut(name, ";")
			read[name] = strings.NewReplacer(`\\`, `\`, `\;`, ";", `\,`, ",", `\n`, "\n").Replace(value)
		}
		about := "https://h/r/x"
		if d := f.Life.Plan.Description; d != "" {
			about = d + "\n\n" + about
		}
		start, err := time.Parse("20060102T150405Z", read["DTSTART"])
		if err != nil || !start.Equal(f.Life.Plan.Start) || read["SUMMARY"] != f.Title || read["DESCRIPTION"] != about {
			t.Fatalf("read %+v (%v)", read, err)
		}
	})
}
