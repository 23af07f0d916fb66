package hls

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Clause is one thing that draft-pantos-hls-rfc8216bis asks of playlists.
type Clause struct {
	Number string
	Asks   string

	// broken says what is wrong with a playlist of that kind; empty: nothing.
	media, master, both func(*Playlist) string
	update              func(before, after *Playlist) string
}

// Broken is an error that names a clause.
type Broken struct {
	Clause Clause
	What   string
}

func (b Broken) Error() string {
	return fmt.Sprintf("clause %s (%s): %s", b.Clause.Number, b.Clause.Asks, b.What)
}

// Clauses are those that a playlist can be held to by itself, or together with the one before it.
var Clauses = []Clause{
	{Number: "4.1", Asks: "UTF-8, without a byte order mark and control characters", both: (*Playlist).cleanText},
	{Number: "4.2", Asks: "attributes can be read, each is there once", both: func(p *Playlist) string {
		for _, t := range p.tags {
			if t.bad != "" {
				return t.name + ": " + t.bad
			}
		}
		return ""
	}},
	{Number: "4.4.1.1", Asks: "EXTM3U is the first line", both: func(p *Playlist) string {
		return unless(strings.HasPrefix(string(p.text), "#EXTM3U\n") && len(p.all("EXTM3U")) == 1, "it is not, or it is there again")
	}},
	{Number: "4.4.1.2", Asks: "the version is there once, and as high as the tags need", both: func(p *Playlist) string {
		version, ok := p.integer("EXT-X-VERSION")
		need := uint64(1)
		for name, least := range map[string]uint64{"EXT-X-MAP": 6, "EXT-X-SKIP": 9} {
			if p.has(name) {
				need = max(need, least)
			}
		}
		return unless(ok && len(p.all("EXT-X-VERSION")) == 1 && version >= need, fmt.Sprintf("it is %d, and %d is needed", version, need))
	}},
	{Number: "4.4.3", Asks: "tags of the whole playlist are there once", media: func(p *Playlist) string {
		for _, name := range []string{
			"EXT-X-TARGETDURATION", "EXT-X-MEDIA-SEQUENCE", "EXT-X-ENDLIST", "EXT-X-PLAYLIST-TYPE", "EXT-X-PART-INF", "EXT-X-SERVER-CONTROL", "EXT-X-START",
			"EXT-X-INDEPENDENT-SEGMENTS",
		} {
			if len(p.all(name)) > 1 {
				return name + " is there twice"
			}
		}
		return ""
	}},
	{Number: "4.4.3.1", Asks: "no segment is longer than the target duration, rounded", media: func(p *Playlist) string {
		target, ok := p.integer("EXT-X-TARGETDURATION")
		if !ok {
			return "there is none"
		}
		for _, s := range p.media {
			if d, _ := s.duration(); uint64(math.Round(d.Seconds())) > target {
				return fmt.Sprintf("%s has %v", s.uri, d)
			}
		}
		return ""
	}},
	{Number: "4.4.3.2", Asks: "the number of the first segment stands before it", media: func(p *Playlist) string {
		if !p.has("EXT-X-MEDIA-SEQUENCE") {
			return ""
		}
		_, ok := p.integer("EXT-X-MEDIA-SEQUENCE")
		before := p.behind
		if len(p.media) > 0 {
			before = p.media[0].tags
		}
		number := slices.IndexFunc(before, named("EXT-X-MEDIA-SEQUENCE"))
		part := slices.IndexFunc(before, named("EXT-X-PART"))
		return unless(ok && number >= 0 && (part < 0 || number < part), "it does not, or is no number")
	}},
	{Number: "4.4.3.5", Asks: "the type is EVENT or VOD", media: func(p *Playlist) string {
		t := p.one("EXT-X-PLAYLIST-TYPE").value
		return unless(t == "" || t == "EVENT" || t == "VOD", t)
	}},
	{Number: "4.4.3.7", Asks: "where there are parts, it is said how long they are at most", media: func(p *Playlist) string {
		d, ok := p.one("EXT-X-PART-INF").seconds("PART-TARGET")
		return unless(!p.has("EXT-X-PART") && !p.has("EXT-X-PART-INF") || ok && d > 0, "it is not")
	}},
	{Number: "4.4.3.8", Asks: "where there are parts, a player stays two of them from the end at least, and may ask for the next playlist before it is there", media: func(p *Playlist) string {
		if !p.has("EXT-X-PART-INF") {
			return ""
		}
		target, _ := p.one("EXT-X-PART-INF").seconds("PART-TARGET")
		control := p.one("EXT-X-SERVER-CONTROL")
		hold, ok := control.seconds("PART-HOLD-BACK")
		if !ok || hold < 2*target {
			return fmt.Sprintf("it stays %v from the end, and parts have %v", hold, target)
		}
		return unless(control.attrs["CAN-BLOCK-RELOAD"] == "YES", "it may not ask before")
	}},
	{Number: "4.4.4.1", Asks: "each segment says how long it is", media: func(p *Playlist) string {
		for _, s := range p.media {
			if d, ok := s.duration(); !ok || d <= 0 {
				return s.uri + " does not"
			}
		}
		return ""
	}},
	{Number: "4.4.4.5", Asks: "what stands before fMP4 segments is named before the first of them, and its parts", media: func(p *Playlist) string {
		tags := p.behind
		if len(p.media) > 0 {
			tags = p.media[0].tags
		} else if len(partsOf(tags)) == 0 {
			return ""
		}
		at, part := slices.IndexFunc(tags, named("EXT-X-MAP")), slices.IndexFunc(tags, named("EXT-X-PART"))
		if at < 0 || part >= 0 && part < at {
			return "it is not"
		}
		uri, ok := tags[at].quoted("URI")
		return unless(ok && isURI(uri), "it has no address")
	}},
	{Number: "4.4.4.6", Asks: "dates have a zone and milliseconds, and stand before the first part", media: func(p *Playlist) string {
		for _, tags := range p.groups() {
			at, part := slices.IndexFunc(tags, named("EXT-X-PROGRAM-DATE-TIME")), slices.IndexFunc(tags, named("EXT-X-PART"))
			if at < 0 {
				continue
			}
			_, err := time.Parse("2006-01-02T15:04:05.000Z07:00", tags[at].value)
			if err != nil {
				return tags[at].value
			}
			if part >= 0 && part < at {
				return "one stands behind a part"
			}
		}
		return ""
	}},
	{Number: "4.4.4.9", Asks: "parts have an address and are of the length that was said; together they are their segment", media: (*Playlist).wrongPart},
	{Number: "4.4.5.3", Asks: "what comes next is a part that is not listed, and nothing comes behind the end", media: func(p *Playlist) string {
		for _, hint := range p.all("EXT-X-PRELOAD-HINT") {
			uri, ok := hint.quoted("URI")
			if !ok || !isURI(uri) || hint.attrs["TYPE"] != "PART" && hint.attrs["TYPE"] != "MAP" {
				return "it has no address, or no type"
			}
			if p.has("EXT-X-ENDLIST") {
				return uri + " is to come behind the end"
			}
			for _, t := range p.all("EXT-X-PART") {
				if listed, _ := t.quoted("URI"); listed == uri {
					return uri + " is listed"
				}
			}
		}
		return ""
	}},
	{Number: "4.4.5.4", Asks: "reports name another playlist relative to this one, and how far it is", media: func(p *Playlist) string {
		for _, t := range p.all("EXT-X-RENDITION-REPORT") {
			uri, ok := t.quoted("URI")
			_, msn := t.number("LAST-MSN")
			_, part := t.number("LAST-PART")
			if !ok || !isURI(uri) || !msn || !part || strings.Contains(uri, "://") {
				return uri
			}
		}
		return ""
	}},
	{Number: "4.4.6", Asks: "tags of a master playlist and of segments are not in one playlist", master: func(p *Playlist) string {
		for _, name := range []string{"EXTINF", "EXT-X-TARGETDURATION", "EXT-X-MEDIA-SEQUENCE", "EXT-X-MAP", "EXT-X-PART", "EXT-X-ENDLIST"} {
			if p.has(name) {
				return name
			}
		}
		return ""
	}},
	{Number: "4.4.6.2", Asks: "each variant has an address, a bandwidth that is no less than its average, and codecs", master: func(p *Playlist) string {
		if len(p.all("EXT-X-STREAM-INF")) != len(p.media) {
			return "variants and addresses are not as many"
		}
		for _, v := range p.media {
			t, ok := v.one("EXT-X-STREAM-INF")
			most, has := t.number("BANDWIDTH")
			average, hasAverage := t.number("AVERAGE-BANDWIDTH")
			codecs, hasCodecs := t.quoted("CODECS")
			if !ok || !has || most == 0 || hasAverage && average > most || !hasCodecs || codecs == "" {
				return v.uri
			}
		}
		return ""
	}},
	{Number: "6.2.1", Asks: "from one playlist to the next nothing changes but its two ends", update: changed},
	{Number: "6.2.2", Asks: "a playlist from which something was removed is as long as three target durations", update: func(before, after *Playlist) string {
		first, _ := before.integer("EXT-X-MEDIA-SEQUENCE")
		second, _ := after.integer("EXT-X-MEDIA-SEQUENCE")
		target, _ := after.integer("EXT-X-TARGETDURATION")
		length := time.Duration(0)
		for _, s := range after.media {
			d, _ := s.duration()
			length += d
		}
		return unless(second <= first || length >= time.Duration(3*target)*time.Second, fmt.Sprintf("it has %v", length))
	}},
}

// Check says which clauses a playlist breaks: its error wraps a Broken for each.
func Check(text []byte) error {
	p := ReadPlaylist(text)
	var all []error
	for _, c := range Clauses {
		checks := []func(*Playlist) string{c.both, c.media}
		if p.isMaster() {
			checks[1] = c.master
		}
		for _, broken := range checks {
			if broken == nil {
				continue
			}
			if what := broken(p); what != "" {
				all = append(all, Broken{c, what})
			}
		}
	}
	return errors.Join(all...)
}

// CheckUpdate says which clauses the playlist of a variant breaks that came after another one at the same address.
func CheckUpdate(before, after []byte) error {
	p, q := ReadPlaylist(before), ReadPlaylist(after)
	all := []error{Check(after)}
	for _, c := range Clauses {
		if c.update == nil {
			continue
		}
		if what := c.update(p, q); what != "" {
			all = append(all, Broken{c, what})
		}
	}
	return errors.Join(all...)
}

func unless(kept bool, what string) string {
	if kept {
		return ""
	}
	return what
}

func named(name string) func(tag) bool { return func(t tag) bool { return t.name == name } }

// isURI reports whether a text may be an address: what else is wrong with one its reader will find out.
func isURI(text string) bool { return text != "" && !strings.ContainsAny(text, " <>\\^`{|}") }

// groups are the tags before each segment, and those behind the last.
func (p *Playlist) groups() (groups [][]tag) {
	for _, s := range p.media {
		groups = append(groups, s.tags)
	}
	return append(groups, p.behind)
}

// wrongPart holds parts to §4.4.4.9.
func (p *Playlist) wrongPart() string {
	target, _ := p.one("EXT-X-PART-INF").seconds("PART-TARGET")
	for i, tags := range p.groups() {
		parts, sum := partsOf(tags), time.Duration(0)
		for k, t := range parts {
			uri, ok := t.quoted("URI")
			d, timed := t.seconds("DURATION")
			final := k == len(parts)-1 && i < len(p.media)
			switch {
			case !ok || !isURI(uri) || !timed || d <= 0:
				return "one has no address, or no duration"
			case d > target:
				return fmt.Sprintf("%s has %v", uri, d)
			case float64(d) < 0.85*float64(target) && !final && t.attrs["INDEPENDENT"] != "YES" && t.attrs["GAP"] != "YES":
				return fmt.Sprintf("%s has %v", uri, d)
			}
			sum += d
		}
		if len(parts) == 0 || i == len(p.media) {
			continue
		}
		whole, _ := p.media[i].duration()
		if late := sum - whole; late.Abs() > time.Duration(len(parts)+1)*time.Microsecond {
			return fmt.Sprintf("those of %s have %v, and it has %v", p.media[i].uri, sum, whole)
		}
	}
	return ""
}

// changed compares two playlists of one variant.
func changed(before, after *Playlist) string {
	for _, name := range []string{"EXT-X-VERSION", "EXT-X-TARGETDURATION", "EXT-X-PART-INF", "EXT-X-SERVER-CONTROL", "EXT-X-PLAYLIST-TYPE", "EXT-X-MAP"} {
		if before.one(name).value != after.one(name).value {
			return name
		}
	}
	first, _ := before.integer("EXT-X-MEDIA-SEQUENCE")
	second, _ := after.integer("EXT-X-MEDIA-SEQUENCE")
	switch {
	case second < first:
		return "the number of its first segment is less"
	case second > first && before.has("EXT-X-PLAYLIST-TYPE"):
		return "something was removed from what only grows"
	case before.has("EXT-X-ENDLIST") && string(before.text) != string(after.text):
		return "it went on behind its end"
	}
	for i, s := range before.media {
		at := uint64(i) + first
		if at < second {
			continue
		}
		k := at - second
		if k >= uint64(len(after.media)) {
			return s.uri + " is gone"
		}
		t := after.media[k]
		was, _ := s.duration()
		is, _ := t.duration()
		_, gap := s.one("EXT-X-GAP")
		_, still := t.one("EXT-X-GAP")
		if s.uri != t.uri || was != is || gap != still {
			return s.uri + " is " + t.uri + " now, or of another length"
		}
	}
	return before.lostPart(after, first, second)
}

// lostPart finds a part, or one that was to come, that is not in the next playlist though its segment is in the making there, or newer.
func (p *Playlist) lostPart(after *Playlist, first, second uint64) string {
	at := first + uint64(len(p.media)) // their segment
	tags := after.behind
	if at < second {
		return ""
	}
	if k := at - second; k < uint64(len(after.media)) {
		tags = after.media[k].tags
	}
	known := partsOf(tags)
	if len(known) == 0 {
		return "" // its segment is listed without them
	}
	for i, t := range partsOf(p.behind) {
		was, _ := t.quoted("URI")
		if i >= len(known) {
			return was + " is gone"
		}
		if is, _ := known[i].quoted("URI"); is != was {
			return was + " is " + is + " now"
		}
	}
	hint, _ := p.one("EXT-X-PRELOAD-HINT").quoted("URI")
	if n := len(partsOf(p.behind)); hint != "" && n > 0 && n < len(known) {
		if is, _ := known[n].quoted("URI"); is != hint {
			return hint + " was to come, and " + is + " came"
		}
	}
	return ""
}
