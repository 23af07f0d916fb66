package replay

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/epidaurus-live/epidaurus/pack/vtt"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// track is the captions of a language, as an index has them.
type track struct {
	Language string         `json:"lang"`
	Lines    []tape.Caption `json:"lines"` // in the order of their beginnings
}

// How long a line is shown that nobody said when to end: as long as it takes to read, and no longer than to the next one.
const (
	shortestLine = 2 * tape.FramesPerSec
	longestLine  = 8 * tape.FramesPerSec
	perCharacter = tape.FramesPerSec / 15
	leastLine    = tape.FramesPerSec / 2 // also where the next one comes sooner
)

// tracksOf are the captions of what may be heard of a tape: those that its host has corrected, else what captioners wrote while it was live.
func tracksOf(f room.Facts, t Tape) []track {
	spans := t.Spans()
	return tracksIn(f, t, tape.Stretch{From: spans[0].From, To: spans[len(spans)-1].To})
}

// tracksIn are those of a stretch of it: what was written there, and what its host has corrected anywhere.
func tracksIn(f room.Facts, t Tape, at tape.Stretch) []track {
	spans := t.Spans()
	tracks := written(t.Events(at.From, at.To+1))
	for language, lines := range t.Captions() {
		corrected := track{Language: language, Lines: lines}
		tracks = slices.DeleteFunc(tracks, func(o track) bool { return o.Language == language })
		tracks = append(tracks, corrected)
	}
	for i := range tracks {
		tracks[i].Lines = within(tracks[i].Lines, spans, f.Life.Edit.To)
	}
	tracks = slices.DeleteFunc(tracks, func(o track) bool { return len(o.Lines) == 0 })
	slices.SortFunc(tracks, func(a, b track) int { return strings.Compare(a.Language, b.Language) })
	return tracks
}

// lateWords is how long after its words a line may be written, to be among those of a clip.
const lateWords = 30 * tape.FramesPerSec

// clipTracks are the captions of a clip: each line that is shown while it is heard.
func clipTracks(f room.Facts, t Tape, at tape.Stretch) []track {
	tracks := tracksIn(f, t, tape.Stretch{From: at.From - longestLine, To: at.To + lateWords})
	for i := range tracks {
		tracks[i].Lines = slices.DeleteFunc(tracks[i].Lines, func(l tape.Caption) bool { return l.To <= at.From || l.From >= at.To })
	}
	return slices.DeleteFunc(tracks, func(o track) bool { return len(o.Lines) == 0 })
}

// within are the lines of what is to be heard. One of which the first words were cut is left out, and so is one that is too long to be said before the cut at
// the end: it may tell what was cut.
func within(lines []tape.Caption, spans []tape.Stretch, end int64) (kept []tape.Caption) {
	for _, l := range lines {
		i := slices.IndexFunc(spans, func(s tape.Stretch) bool { return l.From >= s.From && l.From < s.To })
		if i < 0 || end > 0 && l.From+spoken(l.Text) > tape.Number(end) {
			continue
		}
		l.To = min(l.To, spans[i].To)
		kept = append(kept, l)
	}
	return kept
}

// spoken is about how long it takes to say a text.
func spoken(text string) tape.Number { return tape.Number(utf8.RuneCountInString(text) * perCharacter) }

// written are the lines that events tell of, each as it was said to be last.
func written(events []tape.Event) (tracks []track) {
	type line struct {
		room.Caption
		n int
	}
	all := map[[2]string]*line{}
	for _, e := range events {
		var said room.CaptionEvent
		if e.Kind != room.KindCaption || json.Unmarshal(e.Data, &said) != nil {
			continue
		}
		for _, c := range said.Lines {
			key := [2]string{c.Language, c.ID}
			if all[key] == nil {
				all[key] = &line{n: len(all)}
			}
			all[key].Caption = c
		}
	}
	byLanguage := map[string][]*line{}
	for _, l := range all {
		if l.Text != "" {
			byLanguage[l.Language] = append(byLanguage[l.Language], l)
		}
	}
	for language, lines := range byLanguage {
		slices.SortFunc(lines, func(a, b *line) int {
			if a.At != b.At {
				return int(min(max(a.At-b.At, -1), 1))
			}
			return a.n - b.n
		})
		t := track{Language: language}
		for i, l := range lines {
			length := min(max(spoken(l.Text), shortestLine), longestLine)
			if i+1 < len(lines) {
				length = max(min(length, tape.Number(lines[i+1].At-l.At)), leastLine)
			}
			t.Lines = append(t.Lines, tape.Caption{From: tape.Number(l.At), To: tape.Number(l.At) + length, Text: l.Text})
		}
		tracks = append(tracks, t)
	}
	return tracks
}

// CaptionFile is the captions of a tape in one language, or in the first one where none is named, as a WebVTT file, or as a SubRip file where srt says so; nil where there are none.
func CaptionFile(f room.Facts, t Tape, language string, srt bool) []byte {
	tracks := tracksOf(f, t)
	if language == "" {
		language = firstLanguage(f, tracks)
	}
	i := slices.IndexFunc(tracks, func(o track) bool { return o.Language == language })
	if i < 0 {
		return nil
	}
	shown := indexSpans(t)
	cues := make([]vtt.Cue, 0, len(tracks[i].Lines))
	for _, l := range tracks[i].Lines {
		c := vtt.Cue{From: shown.time(l.From), To: shown.time(l.To), Text: l.Text}
		if c.To > c.From {
			cues = append(cues, c)
		}
	}
	if srt {
		return vtt.AppendSRT(nil, cues)
	}
	return vtt.Append(nil, cues)
}

// CaptionLanguages are the languages in which there are captions of a tape, the first one first.
func CaptionLanguages(f room.Facts, t Tape) (all []string) {
	tracks := tracksOf(f, t)
	first := firstLanguage(f, tracks)
	for _, o := range tracks {
		if o.Language == first {
			all = slices.Insert(all, 0, first)
		} else {
			all = append(all, o.Language)
		}
	}
	return all
}

// firstLanguage is the room's own where there are captions in it.
func firstLanguage(f room.Facts, tracks []track) string {
	i := slices.IndexFunc(tracks, func(o track) bool { return o.Language == f.Language })
	switch {
	case i >= 0:
		return f.Language
	case len(tracks) > 0:
		return tracks[0].Language
	}
	return ""
}

// Placed are cues of a file at the frames that they are of, on the timeline that is shown: what lies behind its end is left out.
func Placed(t Tape, cues []vtt.Cue) (lines []tape.Caption) {
	shown := indexSpans(t)
	end := shown.time(shown.Last)
	for _, c := range cues {
		if c.From < end {
			lines = append(lines, tape.Caption{From: shown.frame(c.From), To: shown.frame(min(c.To, end)), Text: c.Text})
		}
	}
	return lines
}

// indexSpans is what an index says of where frames are.
func indexSpans(t Tape) *index {
	spans := t.Spans()
	i := &index{First: spans[0].From, Last: spans[len(spans)-1].To}
	for _, s := range spans {
		i.Spans = append(i.Spans, [2]tape.Number{s.From, s.To})
	}
	return i
}

// frame is the frame at a time of the timeline that is shown: the one behind the last at its end.
func (i *index) frame(d time.Duration) tape.Number {
	left := tape.Number((d + tape.FrameDuration/2) / tape.FrameDuration)
	for _, s := range i.Spans {
		if left < s[1]-s[0] {
			return s[0] + left
		}
		left -= s[1] - s[0]
	}
	return i.Last
}

// captions serves captions.vtt and captions.srt, and those of one language as captions.{language}.vtt.
func (h *Handler) captions(w http.ResponseWriter, r *http.Request, t Tape) error {
	rest, ok := strings.CutPrefix(r.PathValue("file"), "captions.")
	if !ok {
		return errNothing
	}
	language, kind, two := strings.Cut(rest, ".")
	if !two {
		language, kind = "", rest
	}
	types := map[string]string{"vtt": "text/vtt; charset=utf-8", "srt": "application/x-subrip; charset=utf-8"}
	if types[kind] == "" {
		return errNothing
	}
	f, _ := h.cfg.Facts(room.ID(r.PathValue("room")))
	body := CaptionFile(f, t, language, kind == "srt")
	if body == nil {
		return errNoCaptions
	}
	w.Header().Set("Content-Disposition", fmt.Sprintf("inline; filename=%q", string(f.ID)+"."+kind))
	return h.small(w, r, types[kind], "public, max-age=60", body)
}
