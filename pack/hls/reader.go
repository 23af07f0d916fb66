package hls

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Playlist is a playlist as a stranger reads it: any, not only those of this package. It is for those who check.
type Playlist struct {
	text []byte
	tags []tag // all of them, in order

	media  []element // segments, with what stands before each
	behind []tag     // tags behind the last URI
}

// tag is a line that begins with #EXT.
type tag struct {
	name  string // without #
	value string // behind the colon
	attrs map[string]string
	bad   string // why its attributes cannot be read
}

// element is a URI, and the tags that stand between it and the one before.
type element struct {
	uri  string
	tags []tag
}

// attributed are the tags whose value is a list of attributes.
var attributed = []string{
	"EXT-X-SERVER-CONTROL", "EXT-X-PART-INF", "EXT-X-START", "EXT-X-MAP", "EXT-X-PART", "EXT-X-PRELOAD-HINT", "EXT-X-RENDITION-REPORT",
	"EXT-X-STREAM-INF", "EXT-X-SKIP", "EXT-X-KEY", "EXT-X-MEDIA",
}

// ReadPlaylist reads any bytes: what is wrong with them is for Check to say.
func ReadPlaylist(text []byte) *Playlist {
	p := &Playlist{text: text}
	var before []tag
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case line == "" || strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "#EXT"): // blank, or a comment
		case strings.HasPrefix(line, "#"):
			t := readTag(line[1:])
			p.tags, before = append(p.tags, t), append(before, t)
		default:
			p.media, before = append(p.media, element{line, before}), nil
		}
	}
	p.behind = before
	return p
}

func readTag(line string) (t tag) {
	t.name, t.value, _ = strings.Cut(line, ":")
	if slices.Contains(attributed, t.name) {
		t.attrs, t.bad = readAttributes(t.value)
	}
	return t
}

// readAttributes reads a list of attributes (§4.2).
func readAttributes(list string) (attrs map[string]string, bad string) {
	attrs = map[string]string{}
	for list != "" {
		name, rest, ok := strings.Cut(list, "=")
		if !ok || name == "" || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
			return attrs, fmt.Sprintf("%q is no attribute", list)
		}
		var value string
		if strings.HasPrefix(rest, `"`) {
			value, rest, ok = strings.Cut(rest[1:], `"`)
			if !ok {
				return attrs, name + " has no second quote"
			}
			if rest != "" && rest[0] != ',' {
				return attrs, name + " goes on behind its quotes"
			}
			rest = strings.TrimPrefix(rest, ",")
			value = `"` + value
		} else {
			value, rest, _ = strings.Cut(rest, ",")
			if value == "" || strings.ContainsAny(value, "\" \t") {
				return attrs, name + " has no value"
			}
		}
		if _, twice := attrs[name]; twice {
			return attrs, name + " is there twice"
		}
		attrs[name], list = value, rest
	}
	return attrs, ""
}

// quoted is the value of an attribute that is a text.
func (t tag) quoted(name string) (text string, ok bool) {
	return strings.CutPrefix(t.attrs[name], `"`)
}

// seconds is the value of an attribute that is a time.
func (t tag) seconds(name string) (d time.Duration, ok bool) { return seconds(t.attrs[name]) }

// number is the value of an attribute that is a whole number.
func (t tag) number(name string) (n uint64, ok bool) {
	n, err := strconv.ParseUint(t.attrs[name], 10, 64)
	return n, err == nil
}

// seconds reads a decimal number of seconds, of a year at most.
func seconds(text string) (d time.Duration, ok bool) {
	if text == "" || strings.Trim(text, "0123456789.") != "" {
		return 0, false
	}
	s, err := strconv.ParseFloat(text, 64)
	if err != nil || s > 366*86400 {
		return 0, false
	}
	return time.Duration(s*1e6+0.5) * time.Microsecond, true
}

func (p *Playlist) all(name string) (found []tag) {
	for _, t := range p.tags {
		if t.name == name {
			found = append(found, t)
		}
	}
	return found
}

func (p *Playlist) has(name string) bool { return len(p.all(name)) > 0 }

// one is the tag of that name; the zero tag where there is none.
func (p *Playlist) one(name string) (t tag) {
	if found := p.all(name); len(found) > 0 {
		t = found[0]
	}
	return t
}

func (p *Playlist) integer(name string) (n uint64, ok bool) {
	n, err := strconv.ParseUint(p.one(name).value, 10, 64)
	return n, err == nil
}

func (e element) one(name string) (t tag, ok bool) {
	i := slices.IndexFunc(e.tags, func(t tag) bool { return t.name == name })
	if i < 0 {
		return t, false
	}
	return e.tags[i], true
}

// duration is what EXTINF says.
func (e element) duration() (d time.Duration, ok bool) {
	t, _ := e.one("EXTINF")
	text, _, _ := strings.Cut(t.value, ",")
	return seconds(text)
}

// parts are those that are listed of a segment.
func partsOf(tags []tag) (parts []tag) {
	for _, t := range tags {
		if t.name == "EXT-X-PART" {
			parts = append(parts, t)
		}
	}
	return parts
}

// isMaster reports whether it lists variants.
func (p *Playlist) isMaster() bool { return p.has("EXT-X-STREAM-INF") || p.has("EXT-X-MEDIA") }

// text in UTF-8 without a mark of its order and without control characters.
func (p *Playlist) cleanText() string {
	if bytes.HasPrefix(p.text, []byte("\ufeff")) {
		return "it begins with a byte order mark"
	}
	if !utf8.Valid(p.text) {
		return "it is not UTF-8"
	}
	for _, c := range string(p.text) {
		if unicode.IsControl(c) && c != '\r' && c != '\n' {
			return fmt.Sprintf("it has the control character %U", c)
		}
	}
	return ""
}
