package disk

import (
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
	"github.com/epidaurus-live/epidaurus/tape/format"
)

// File is a variant of a tape as one file whose timeline begins at zero, without the holes. It is made while it is read; what it is
// made of does not change, though the tape may grow. It is not safe for concurrent use.
type File struct {
	parts []part
	size  int64
	at    int64  // read position
	index int    // of the part that is in made
	made  []byte // nil: none
}

// part is a stretch of bytes that can be made whenever it is read.
type part struct {
	offset int64
	size   int
	make   func() ([]byte, error)
}

func (f *File) add(size int, make func() ([]byte, error)) {
	f.parts = append(f.parts, part{f.size, size, make})
	f.size += int64(size)
}

func (f *File) addBytes(b []byte) { f.add(len(b), func() ([]byte, error) { return b, nil }) }

// Ogg is a variant as an Ogg Opus file.
func (t *Tape) Ogg(v tape.Variant) (*File, error) { return t.ogg(v, everything, 0, tape.SilencePacket) }

// Movie is a variant as a fragmented MP4 file, a fragment for each stretch that was written.
func (t *Tape) Movie(v tape.Variant) (*File, error) { return t.movie(v, everything) }

// everything is more than any tape.
var everything = tape.Stretch{From: 0, To: never}

// ogg is what lies in within, as a file. The first lead frames of it, and next, the packet behind it, are there for the decoder, and are not
// heard.
func (t *Tape) ogg(v tape.Variant, within tape.Stretch, lead tape.Number, next []byte) (*File, error) {
	records, err := t.recordsOf(v, within.From, within.To)
	if err != nil {
		return nil, err
	}
	meta := t.Meta()
	f := &File{}
	f.addBytes(format.Head(meta.Serial, meta.PreSkip+uint16(lead.Samples())))
	at, last := tape.Number(0), tape.Number(0)
	for _, r := range records {
		part := tape.Stretch{From: max(r.From, within.From), To: min(r.To(), within.To)}
		to := at
		if part.Len() == r.Frames {
			f.add(r.Length, func() ([]byte, error) { return t.shifted(v, r, to) })
		} else {
			pages, err := t.partly(v, part, to)
			if err != nil {
				return nil, err
			}
			f.addBytes(pages)
		}
		at, last = at+tape.Number(part.Len()), part.To
	}
	if meta.Closed || within.To != never {
		end := ogg.AppendLast(nil, meta.Serial, last, meta.PreSkip, next)
		shift(end, at-last)
		f.addBytes(end)
	}
	return f, nil
}

// shift moves a page on the timeline. Its number goes along, so that pages that follow each other go on doing so.
func shift(page []byte, by tape.Number) { ogg.Shift(page, by.Samples(), int32(by/tape.PageFrames)) }

// shifted is the pages of a record, moved so that they begin at frame to.
func (t *Tape) shifted(v tape.Variant, r format.Record, to tape.Number) ([]byte, error) {
	pages, err := t.readSound(v, r.Offset, r.Offset+int64(r.Length))
	if err != nil {
		return nil, err
	}
	good := format.Scan(pages, func(at int, _ tape.Number, p *ogg.Page) { shift(pages[at:at+p.Size], to-r.From) })
	if good != len(pages) {
		return nil, fmt.Errorf("the tape in %s is damaged at frame %d", t.dir, r.From)
	}
	return pages, nil
}

// partly is the pages of a stretch that is not a whole record, moved so that they begin at frame to.
func (t *Tape) partly(v tape.Variant, part tape.Stretch, to tape.Number) ([]byte, error) {
	packets, err := t.Read(v, part.From, part.To)
	if err != nil {
		return nil, err
	}
	pages := ogg.AppendPages(nil, t.Meta().Serial, part.From, packets)
	format.Scan(pages, func(at int, _ tape.Number, p *ogg.Page) { shift(pages[at:at+p.Size], to-part.From) })
	return pages, nil
}

func (t *Tape) movie(v tape.Variant, within tape.Stretch) (*File, error) {
	records, err := t.recordsOf(v, within.From, within.To)
	if err != nil {
		return nil, err
	}
	f := &File{}
	f.addBytes(fmp4.Init(t.Meta().PreSkip))
	at := tape.Number(0)
	for _, r := range records {
		part := tape.Stretch{From: max(r.From, within.From), To: min(r.To(), within.To)}
		to := at
		fragment := func() ([]byte, error) {
			packets, err := t.Read(v, part.From, part.To)
			return fmp4.AppendFragment(nil, to, packets, nil), err
		}
		if part.Len() == r.Frames {
			f.add(fmp4.FragmentSize(r.Frames, r.Sound), fragment)
		} else {
			made, err := fragment()
			if err != nil {
				return nil, err
			}
			f.addBytes(made)
		}
		at += tape.Number(part.Len())
	}
	return f, nil
}

// Size is how many bytes the file has.
func (f *File) Size() int64 { return f.size }

// Read implements io.Reader.
func (f *File) Read(b []byte) (int, error) {
	if f.at >= f.size {
		return 0, io.EOF
	}
	i := sort.Search(len(f.parts), func(i int) bool { return f.parts[i].offset > f.at }) - 1
	p := f.parts[i]
	if f.made == nil || f.index != i {
		made, err := p.make()
		if err == nil && len(made) != p.size {
			err = fmt.Errorf("a part of the tape has %d bytes, not %d", len(made), p.size)
		}
		if err != nil {
			return 0, err
		}
		f.made, f.index = made, i
	}
	n := copy(b, f.made[f.at-p.offset:])
	f.at += int64(n)
	return n, nil
}

// Seek implements io.Seeker.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.at
	case io.SeekEnd:
		offset += f.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning")
	}
	f.at = offset
	return offset, nil
}
