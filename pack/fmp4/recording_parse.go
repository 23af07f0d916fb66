package fmp4

import (
	"fmt"
	"math"
	"time"

	"github.com/epidaurus-live/epidaurus/tape"
)

// recordingParser reads what AppendRecordingHead writes. It is no reader of anybody's files.
type recordingParser struct {
	Recording
	scale, units uint32
	chunks       []uint32
	titles       uint32 // samples of the text track
	text         bool   // the track that is read is one of text
}

// ParseRecording reads the head of a file back, and tells how long it is: there the units begin. The error is ErrFormat where it is not one that
// AppendRecordingHead wrote, or not whole.
func ParseRecording(head []byte) (r Recording, size int, err error) {
	f := fields{b: head}
	kind, contents, ok := f.box()
	if !ok || kind != "ftyp" || len(contents) < 4 || string(contents[:4]) != "M4A " {
		return r, 0, fmt.Errorf("%w: it does not begin with ftyp of M4A", ErrFormat)
	}
	kind, contents, ok = f.box()
	if !ok || kind != "moov" {
		return r, 0, fmt.Errorf("%w: moov does not stand first", ErrFormat)
	}
	var p recordingParser
	err = p.movie(contents)
	if err != nil {
		return r, 0, err
	}
	mdat := int64(f.u32())
	if name := string(f.take(4)); f.bad || name != "mdat" {
		return r, 0, fmt.Errorf("%w: behind moov there is no mdat", ErrFormat)
	}
	at := len(head) - len(f.b)
	titles := p.chapterSamples()
	f.skip(len(titles))
	sound := int64(0)
	for i, s := range p.Sizes {
		if i%chunkUnits == 0 && (i/chunkUnits >= len(p.chunks) || int64(p.chunks[i/chunkUnits]) != int64(at+len(titles))+sound) {
			return r, 0, fmt.Errorf("%w: a chunk is not where the one before ends", ErrFormat)
		}
		sound += int64(s)
	}
	err = p.check()
	switch {
	case err != nil:
		return r, 0, fmt.Errorf("%w: %w", ErrFormat, err)
	case f.bad || mdat != int64(boxHeader+len(titles))+sound:
		return r, 0, fmt.Errorf("%w: mdat has %d bytes, and the units %d", ErrFormat, mdat, sound)
	case p.scale != tape.SampleRate || int(p.units) != len(p.Sizes) || int(p.titles) != len(p.Chapters) || len(p.chunks) != (len(p.Sizes)+chunkUnits-1)/chunkUnits:
		return r, 0, fmt.Errorf("%w: its tables are of different lengths", ErrFormat)
	}
	return p.Recording, at + len(titles), nil
}

func (p *recordingParser) movie(b []byte) error {
	return children(b, "moov", func(kind string, b []byte) error {
		switch kind {
		case "trak":
			p.text = false
			return p.track(b)
		case "udta":
			return children(b, kind, p.user)
		}
		return nil
	})
}

// track reads trak and what is in it.
func (p *recordingParser) track(b []byte) error {
	return children(b, "trak", func(kind string, b []byte) error {
		f := fields{b: b}
		switch kind {
		case "edts", "mdia", "minf", "stbl":
			return p.track(b)
		case "hdlr":
			f.skip(8)
			p.text = string(f.take(4)) == handlerText
		case "elst":
			v := uint8(f.u32() >> 24)
			count := f.u32()
			samples, skip := f.time(v), f.time(v)
			if count != 1 || samples > math.MaxInt64/4 || skip > math.MaxInt64/4 {
				return fmt.Errorf("%w: its edit list has %d entries", ErrFormat, count)
			}
			p.Samples, p.Skip = int64(samples), int64(skip)
		case "stts", "stsz", "stco", "mdhd":
			p.table(kind, &f)
		}
		if f.bad {
			return fmt.Errorf("%w: %q is cut off", ErrFormat, kind)
		}
		return nil
	})
}

func (f *fields) time(version uint8) uint64 {
	if version == 1 {
		return f.u64()
	}
	return uint64(f.u32())
}

// table reads a table of the samples, but those of text.
func (p *recordingParser) table(kind string, f *fields) {
	v := uint8(f.u32() >> 24)
	switch {
	case kind == "mdhd":
		f.skip(8 << min(v, 1))
		p.scale = f.u32() // both tracks have the same
	case kind == "stsz":
		f.skip(4)
		n := f.u32()
		if p.text {
			p.titles = n
			return
		}
		if int64(n)*4 != int64(len(f.b)) {
			f.bad = true
			return
		}
		p.Sizes = make([]uint16, n)
		for i := range p.Sizes {
			size := f.u32()
			f.bad = f.bad || size > math.MaxUint16
			p.Sizes[i] = uint16(size)
		}
	case p.text:
	case kind == "stts":
		count, units, samples := f.u32(), f.u32(), f.u32()
		f.bad = f.bad || count != 1 || samples != tape.UnitSamples
		p.units = units
	case kind == "stco":
		n := f.u32()
		if int64(n)*4 != int64(len(f.b)) {
			f.bad = true
			return
		}
		p.chunks = make([]uint32, n)
		for i := range p.chunks {
			p.chunks[i] = f.u32()
		}
	}
}

// user reads what is in udta.
func (p *recordingParser) user(kind string, b []byte) error {
	f := fields{b: b}
	switch kind {
	case "meta":
		f.skip(4)
		return children(f.b, kind, func(kind string, b []byte) error {
			if kind == "ilst" {
				return children(b, kind, p.tag)
			}
			return nil
		})
	case "chpl":
		f.skip(8)
		for range f.u8() {
			at := f.u64()
			p.Chapters = append(p.Chapters, Mark{samplesOf(min(at, math.MaxInt64/tape.SampleRate)), string(f.text8())})
		}
	}
	if f.bad {
		return fmt.Errorf("%w: %q is cut off", ErrFormat, kind)
	}
	return nil
}

func (f *fields) text8() []byte {
	n := int(f.u8())
	if n > len(f.b) {
		f.bad, n = true, len(f.b)
	}
	s := f.b[:n]
	f.b = f.b[n:]
	return s
}

func (p *recordingParser) tag(name string, b []byte) error {
	return children(b, name, func(kind string, b []byte) error {
		f := fields{b: b}
		if kind != "data" || name == "----" {
			return nil
		}
		f.skip(8)
		text := string(f.b)
		switch name {
		case tagTitle:
			p.Title = text
		case tagArtist:
			p.Artist = text
		case tagAlbum:
			p.Album = text
		case tagDate:
			at, err := time.Parse(time.RFC3339, text)
			if err != nil {
				return fmt.Errorf("%w: %q is no date", ErrFormat, text)
			}
			p.Date = at.UTC()
		}
		return nil
	})
}
