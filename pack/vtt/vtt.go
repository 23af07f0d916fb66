// Package vtt writes captions as WebVTT (https://www.w3.org/TR/webvtt1/) and SubRip, and reads WebVTT that others wrote. It is pure: its functions may be called
// from any goroutine.
package vtt

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Cue is a text that is shown from one time to another.
type Cue struct {
	From, To time.Duration // of the sound; To is later than From
	Text     string        // lines, without markup
}

// Bounds of what Parse takes.
const (
	MaxSize = 2 << 20 // bytes of a file: some 24 hours of speech
	MaxCues = 20_000
	MaxText = 2000 // bytes of a cue
	MaxTime = 100 * time.Hour
)

// Error says in which line of a file something cannot be taken, and why.
type Error struct {
	Line int // from 1
	Why  string
}

func (e Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Why) }

// Append writes cues as a WebVTT file. They have to be in the order of their beginnings.
func Append(dst []byte, cues []Cue) []byte {
	dst = append(dst, "WEBVTT\n"...)
	for _, c := range cues {
		dst = append(dst, '\n')
		dst = appendTime(dst, c.From, '.')
		dst = append(dst, " --> "...)
		dst = appendTime(dst, c.To, '.')
		dst = append(dst, '\n')
		dst = append(dst, escape(c.Text)...)
		dst = append(dst, '\n')
	}
	return dst
}

// AppendSRT writes cues as a SubRip file.
func AppendSRT(dst []byte, cues []Cue) []byte {
	for i, c := range cues {
		dst = fmt.Appendf(dst, "%d\n", i+1)
		dst = appendTime(dst, c.From, ',')
		dst = append(dst, " --> "...)
		dst = appendTime(dst, c.To, ',')
		dst = append(dst, '\n')
		dst = append(dst, plain(c.Text)...)
		dst = append(dst, "\n\n"...)
	}
	return dst
}

func appendTime(dst []byte, d time.Duration, point byte) []byte {
	ms := d.Milliseconds()
	return fmt.Appendf(dst, "%02d:%02d:%02d%c%03d", ms/3_600_000, ms/60_000%60, ms/1000%60, point, ms%1000)
}

var escapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// escape makes a text one that ends no cue and is no markup.
func escape(s string) string { return escapes.Replace(plain(s)) }

// plain leaves out empty lines, which would end a cue.
func plain(s string) string {
	var lines []string
	for line := range strings.SplitSeq(strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "\ufffd").Replace(s), "\n") {
		if strings.TrimSpace(line) != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// parser reads a file line by line.
type parser struct {
	lines []string
	n     int // of the line that is read next, from 0
	cues  []Cue
}

// Parse reads a WebVTT file as UTF-8: its cues in order, without their settings and markup. Notes, styles and regions are passed over. An error is an
// Error.
func Parse(file []byte) ([]Cue, error) {
	switch {
	case len(file) > MaxSize:
		return nil, Error{1, fmt.Sprintf("the file has more than %d bytes", MaxSize)}
	case !utf8.Valid(file):
		good := 0
		for good < len(file) {
			r, n := utf8.DecodeRune(file[good:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			good += n
		}
		return nil, Error{1 + bytes.Count(file[:good], []byte("\n")), "it is not UTF-8 text"}
	}
	text := strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "\ufffd").Replace(strings.TrimPrefix(string(file), "\ufeff"))
	p := &parser{lines: strings.Split(text, "\n")}
	if head := p.lines[0]; head != "WEBVTT" && !strings.HasPrefix(head, "WEBVTT ") && !strings.HasPrefix(head, "WEBVTT\t") {
		return nil, Error{1, "a WebVTT file begins with WEBVTT"}
	}
	for p.n = 1; p.n < len(p.lines) && p.lines[p.n] != ""; p.n++ {
		if strings.Contains(p.lines[p.n], "-->") {
			return nil, Error{p.n + 1, "an empty line is missing between the head and the first cue"}
		}
	}
	for p.n < len(p.lines) {
		err := p.block()
		if err != nil {
			return nil, err
		}
	}
	return p.cues, nil
}

// block reads what stands between two empty lines.
func (p *parser) block() error {
	if p.lines[p.n] == "" {
		p.n++
		return nil
	}
	first := p.lines[p.n]
	if skipped(first) {
		p.skip()
		return nil
	}
	if !strings.Contains(first, "-->") { // the name of a cue
		p.n++
		if p.n == len(p.lines) || !strings.Contains(p.lines[p.n], "-->") {
			return Error{p.n, fmt.Sprintf("%.40q is no cue: a line with two times is missing below it", first)}
		}
	}
	return p.cue()
}

func skipped(line string) bool {
	for _, word := range []string{"NOTE", "STYLE", "REGION"} {
		if rest, ok := strings.CutPrefix(line, word); ok && (rest == "" || rest[0] == ' ' || rest[0] == '\t') && !strings.Contains(line, "-->") {
			return true
		}
	}
	return false
}

func (p *parser) skip() {
	for p.n < len(p.lines) && p.lines[p.n] != "" {
		p.n++
	}
}

// cue reads times and text.
func (p *parser) cue() error {
	at := p.n + 1
	from, rest, _ := strings.Cut(p.lines[p.n], "-->")
	to := ""
	if fields := strings.Fields(rest); len(fields) > 0 {
		to = fields[0] // settings stand behind
	}
	c := Cue{}
	var ok, until bool
	c.From, ok = parseTime(strings.TrimSpace(from))
	c.To, until = parseTime(to)
	switch {
	case !ok:
		return Error{at, fmt.Sprintf("%.20q is no time such as 00:01:02.500", strings.TrimSpace(from))}
	case !until:
		return Error{at, fmt.Sprintf("%.20q is no time such as 00:01:02.500", to)}
	case c.To <= c.From:
		return Error{at, "the cue ends before it begins"}
	case len(p.cues) > 0 && c.From < p.cues[len(p.cues)-1].From:
		return Error{at, "the cue begins before the one above it"}
	case len(p.cues) == MaxCues:
		return Error{at, fmt.Sprintf("there are more than %d cues", MaxCues)}
	}
	begin := p.n + 1
	p.n = begin
	p.skip()
	for i, line := range p.lines[begin:p.n] {
		if strings.Contains(line, "-->") {
			return Error{begin + i + 1, "an empty line is missing above this cue"}
		}
	}
	c.Text = strip(strings.Join(p.lines[begin:p.n], "\n"))
	if len(c.Text) > MaxText {
		return Error{begin + 1, fmt.Sprintf("the text of a cue has at most %d bytes", MaxText)}
	}
	if c.Text != "" {
		p.cues = append(p.cues, c)
	}
	return nil
}

// parseTime reads mm:ss.ttt or hh:mm:ss.ttt.
func parseTime(s string) (time.Duration, bool) {
	clock, fraction, ok := strings.Cut(s, ".")
	parts := strings.Split(clock, ":")
	if !ok || len(fraction) != 3 || len(parts) < 2 || len(parts) > 3 {
		return 0, false
	}
	total := 0
	for i, part := range parts {
		n, ok := number(part)
		short := len(part) != 2
		if i == 0 && len(parts) == 3 {
			short = len(part) < 2 || len(part) > 4
		} else if n > 59 {
			return 0, false
		}
		if !ok || short {
			return 0, false
		}
		total = total*60 + n
	}
	ms, ok := number(fraction)
	d := time.Duration(total)*time.Second + time.Duration(ms)*time.Millisecond
	return d, ok && d <= MaxTime
}

func number(s string) (int, bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

var entities = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">", "&nbsp;", "\u00a0", "&lrm;", "", "&rlm;", "")

// strip takes out markup and what nobody can see, and leaves the text.
func strip(s string) string {
	var b strings.Builder
	inside := false
	for _, r := range s {
		switch {
		case r == '<':
			inside = true
		case r == '>' && inside:
			inside = false
		case inside, r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)):
		default:
			b.WriteRune(r)
		}
	}
	return strings.TrimSpace(plain(entities.Replace(b.String())))
}
