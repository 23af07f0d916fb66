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
func (t *Tape) Ogg(v tape.Variant) (*File, error) {
	records, err := t.recordsOf(v, 0, never)
	if err != nil {
		return nil, err
	}
	meta := t.Meta()
	f := &File{}
	f.addBytes(format.Head(meta.Serial, meta.PreSkip))
	at := tape.Number(0)
	for _, r := range records {
		to := at
		f.add(r.Length, func() ([]byte, error) { return t.shifted(v, r, to) })
		at += tape.Number(r.Frames)
	}
	if meta.Closed {
		f.addBytes(ogg.AppendEnd(nil, meta.Serial, at, meta.PreSkip))
	}
	return f, nil
}

// shifted is the pages of a record, moved so that they begin at frame to.
func (t *Tape) shifted(v tape.Variant, r format.Record, to tape.Number) ([]byte, error) {
	pages, err := t.readSound(v, r.Offset, r.Offset+int64(r.Length))
	if err != nil {
		return nil, err
	}
	by := to - r.From
	good := format.Scan(pages, func(at int, _ tape.Number, p *ogg.Page) {
		ogg.Shift(pages[at:at+p.Size], by.Samples(), int32(by/tape.PageFrames))
	})
	if good != len(pages) {
		return nil, fmt.Errorf("the tape in %s is damaged at frame %d", t.dir, r.From)
	}
	return pages, nil
}

// Movie is a variant as a fragmented MP4 file, a fragment for each stretch that was written.
func (t *Tape) Movie(v tape.Variant) (*File, error) {
	records, err := t.recordsOf(v, 0, never)
	if err != nil {
		return nil, err
	}
	f := &File{}
	f.addBytes(fmp4.Init(t.Meta().PreSkip))
	at := tape.Number(0)
	for _, r := range records {
		to := at
		f.add(fmp4.FragmentSize(r.Frames, r.Sound), func() ([]byte, error) {
			packets, err := t.Read(v, r.From, r.To())
			return fmp4.AppendFragment(nil, to, packets, nil), err
		})
		at += tape.Number(r.Frames)
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
