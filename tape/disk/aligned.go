package disk

import (
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
	"github.com/epidaurus-live/epidaurus/tape/format"
)

// TrackOgg is a speaker's track as an Ogg Opus file that lies beside the one of Ogg: it is as long, to the frame, and what is at one place in
// both was said at one moment. Where the speaker was not heard there is silence.
func (v *View) TrackOgg(t Track) (*File, error) {
	records, err := v.recordsOf(tape.Variants[0], v.within.From, v.within.To)
	if err != nil {
		return nil, err
	}
	own, err := t.recordsOf(tape.Voice, v.within.From, v.within.To)
	if err != nil {
		return nil, err
	}
	meta := t.Meta()
	f := &File{}
	f.addBytes(format.Head(meta.Serial, meta.PreSkip))
	at, last := tape.Number(0), tape.Number(0)
	var silence []byte // the pages of a whole segment of it, as if it began at frame 0
	for _, r := range records {
		part := v.part(tape.Stretch{From: r.From, To: r.To()})
		to := at
		for len(own) > 0 && own[0].To() <= part.From {
			own = own[1:]
		}
		switch heard := len(own) > 0 && own[0].From < part.To; {
		case heard && own[0].From == part.From && own[0].To() == part.To:
			own := own[0]
			f.add(own.Length, func() ([]byte, error) { return t.shifted(tape.Voice, own, to) })
		case heard || part.Len() != tape.SegmentFrames:
			pages, err := t.partly(tape.Voice, part, to)
			if err != nil {
				return nil, err
			}
			f.addBytes(pages)
		default:
			if silence == nil {
				silence = ogg.AppendPages(nil, meta.Serial, 0, silentSegment())
			}
			pages := silence
			f.add(len(pages), func() ([]byte, error) { return moved(pages, to, part.From), nil })
		}
		at, last = at+tape.Number(part.Len()), part.To
	}
	end := ogg.AppendLast(nil, meta.Serial, last, meta.PreSkip, tape.SilencePacket)
	shift(end, at-last)
	f.addBytes(end)
	return f, nil
}

func silentSegment() [][]byte {
	packets := make([][]byte, tape.SegmentFrames)
	for i := range packets {
		packets[i] = tape.SilencePacket
	}
	return packets
}

// moved is a copy of the pages of a segment as if it began at frame 0, moved to where that of frame from is in a file: at frame to.
func moved(pages []byte, to, from tape.Number) []byte {
	pages = append([]byte(nil), pages...)
	format.Scan(pages, func(at int, _ tape.Number, p *ogg.Page) {
		page := pages[at : at+p.Size]
		shift(page, from) // whose grid is that of the pages
		shift(page, to-from)
	})
	return pages
}
