package disk

import (
	"encoding/json"
	"slices"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
	"github.com/epidaurus-live/epidaurus/tape/format"
)

// View is a tape as it may be heard: all of it, or what lies within bounds. What lies outside is as if it had never been taped. All its methods
// may be called from any goroutine.
type View struct {
	*Tape
	within tape.Stretch
}

// Cut is the tape from one frame (inclusive; 0: its first) to another (exclusive; 0: its end).
func (t *Tape) Cut(from, to tape.Number) *View {
	if to <= 0 {
		to = never
	}
	return &View{t, tape.Stretch{From: from, To: to}}
}

// Spans implements what Tape says, within the bounds. Where nothing is left there is none.
func (v *View) Spans() (spans []tape.Stretch) {
	for _, s := range v.Tape.Spans() {
		if part := v.part(s); part.Len() > 0 {
			spans = append(spans, part)
		}
	}
	return spans
}

func (v *View) part(s tape.Stretch) tape.Stretch {
	return tape.Stretch{From: max(s.From, v.within.From), To: min(s.To, v.within.To)}
}

// Lost is how many frames never came; a segment that the bounds cut counts whole.
func (v *View) Lost() (lost int) {
	records, err := v.recordsOf(tape.Variants[0], v.within.From, v.within.To)
	if err != nil {
		return 0
	}
	for _, r := range records {
		lost += r.Missing
	}
	return lost
}

// Events are as of a tape that begins and ends with the bounds.
func (v *View) Events(from, to tape.Number) []tape.Event {
	spans := v.Spans()
	if len(spans) == 0 {
		return nil
	}
	last := spans[len(spans)-1].To
	if last == v.within.To {
		to = min(to, last)
	}
	return v.withoutCut(v.Tape.Events(max(from, v.within.From), to)) // else with that of the room's end, which is behind the last frame
}

// withoutCut leaves out what captions say of what was cut at the beginning: they are written after the words.
func (v *View) withoutCut(events []tape.Event) []tape.Event {
	if v.within.From == 0 {
		return events
	}
	kept := make([]tape.Event, 0, len(events))
	for _, e := range events {
		if e.Kind == room.KindCaption {
			var said room.CaptionEvent
			err := json.Unmarshal(e.Data, &said)
			said.Lines = slices.DeleteFunc(said.Lines, func(c room.Caption) bool { return tape.Number(c.At) < v.within.From })
			if err == nil {
				e.Data, err = json.Marshal(said)
			}
			if err != nil || len(said.Lines) == 0 {
				continue
			}
		}
		kept = append(kept, e)
	}
	return kept
}

// Segment implements what Tape says, within the bounds.
func (v *View) Segment(k tape.Number) (s tape.Stretch, ok bool) {
	s, ok = v.Tape.Segment(k)
	s = v.part(s)
	return s, ok && s.Len() > 0
}

// IsCut reports whether the bounds go through segment k: its bytes are other ones with other bounds.
func (v *View) IsCut(k tape.Number) bool {
	s, _ := v.Tape.Segment(k)
	return v.part(s) != s
}

// Read implements what Tape says: what lies outside of the bounds is silence.
func (v *View) Read(variant tape.Variant, from, to tape.Number) ([][]byte, error) {
	part := v.part(tape.Stretch{From: from, To: to})
	if part.Len() == int(to-from) {
		return v.Tape.Read(variant, from, to)
	}
	packets := make([][]byte, max(0, to-from))
	for i := range packets {
		packets[i] = tape.SilencePacket
	}
	if part.Len() <= 0 {
		return packets, nil
	}
	heard, err := v.Tape.Read(variant, part.From, part.To)
	copy(packets[part.From-from:], heard)
	return packets, err
}

// Whole reports whether each frame of a stretch came to the tape and lies in segments that no bound goes through.
func (v *View) Whole(variant tape.Variant, from, to tape.Number) bool {
	cut := v.IsCut(tape.SegmentOf(from)) || v.IsCut(tape.SegmentOf(to-1))
	return !cut && v.Tape.Whole(variant, from, to)
}

// Levels implements what Tape says, within the bounds.
func (v *View) Levels() []byte { return v.LevelsOf(v.within) }

// LevelsOf are how loud a stretch is, format.LevelFrames at a time as the tape counts them.
func (v *View) LevelsOf(at tape.Stretch) (levels []byte) {
	at = v.part(at)
	records, err := v.recordsOf(tape.Variants[0], at.From, at.To)
	if err != nil {
		return nil
	}
	for _, r := range records {
		from, to := int(max(at.From, r.From)-r.From), int(min(at.To, r.To())-r.From)
		levels = append(levels, r.Levels[from/format.LevelFrames:(to+format.LevelFrames-1)/format.LevelFrames]...)
	}
	return levels
}

// Ogg is a variant as an Ogg Opus file.
func (v *View) Ogg(variant tape.Variant) (*File, error) {
	return v.ogg(variant, v.within, 0, tape.SilencePacket)
}

// Movie is a variant as a fragmented MP4 file.
func (v *View) Movie(variant tape.Variant) (*File, error) { return v.movie(variant, v.within) }

// leadFrames is how much sound a decoder is given to come into step. RFC 7845, section 4.6, asks for 80 ms at least; of a steady tone, which
// predicts itself, a seventh of what was before is left then, and nothing that is heard after half a second.
const leadFrames tape.Number = 25

// Clip is a stretch as an Ogg Opus file that is exact to a frame: the sound around it that the decoder needs is in the file, and left
// out by who plays it. The error is ErrNoTape where not all of it is on tape.
func (v *View) Clip(variant tape.Variant, at tape.Stretch) (*File, error) {
	lead, next, err := v.around(variant, at)
	if err != nil {
		return nil, err
	}
	return v.ogg(variant, tape.Stretch{From: at.From - lead, To: at.To}, lead, next)
}

// around is how many frames before a stretch its decoder is given, and the packet behind it. The error is ErrNoTape where not all of the stretch is
// on tape.
func (v *View) around(variant tape.Variant, at tape.Stretch) (lead tape.Number, next []byte, err error) {
	spans := v.Spans()
	i := slices.IndexFunc(spans, func(s tape.Stretch) bool { return s.From <= at.From && at.To <= s.To })
	if i < 0 || at.Len() <= 0 {
		return 0, nil, ErrNoTape
	}
	packets, err := v.Read(variant, at.To, at.To+1) // silence behind the end
	if err != nil {
		return 0, nil, err
	}
	return min(leadFrames, at.From-spans[i].From), packets[0], nil
}
