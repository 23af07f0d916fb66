package fmp4

import (
	"fmt"
	"math"

	"github.com/epidaurus-live/epidaurus/tape"
)

// maxTime is the last sample time that fits into the arithmetic of frames.
const maxTime = math.MaxInt64 / 2

// maxPackets bounds a fragment: 82 s.
const maxPackets = 4096

// track is what the head says about the samples of a fragment.
type track struct {
	id       uint32
	duration uint32 // of a sample, where the fragment does not say
	size     uint32
}

// movieFragment is a moof.
type movieFragment struct {
	at     int64 // position of its first byte in the stream
	offset int64 // of the first packet from there
	from   tape.Number
	sizes  []uint32
}

// children calls visit for each box in b.
func children(b []byte, within string, visit func(kind string, contents []byte) error) error {
	f := fields{b: b}
	for {
		kind, contents, ok := f.box()
		if f.bad {
			return fmt.Errorf("%w: a box within %q does not fit", ErrFormat, within)
		}
		if !ok {
			return nil
		}
		if err := visit(kind, contents); err != nil {
			return err
		}
	}
}

// parseMovie reads a moov with one Opus track.
func parseMovie(b []byte) (h Head, t track, err error) {
	tracks := 0
	err = children(b, "moov", func(kind string, b []byte) error {
		switch kind {
		case "trak":
			tracks++
			return children(b, kind, func(kind string, b []byte) error {
				switch kind {
				case "tkhd":
					t.id = parseTrackID(b)
				case "mdia":
					return parseMedia(b, &h)
				}
				return nil
			})
		case "mvex":
			return children(b, kind, func(kind string, b []byte) error {
				if kind == "trex" {
					f := fields{b: b}
					f.skip(4 + 4 + 4)
					t.duration, t.size = f.u32(), f.u32()
				}
				return nil
			})
		}
		return nil
	})
	switch {
	case err != nil:
	case tracks != 1:
		err = fmt.Errorf("%w: it has %d tracks, not one", ErrFormat, tracks)
	case h.Channels == 0:
		err = fmt.Errorf("%w: the track is not Opus", ErrFormat)
	}
	return h, t, err
}

// parseTrackID reads a tkhd of either version.
func parseTrackID(b []byte) uint32 {
	f := fields{b: b}
	if version := f.u32() >> 24; version == 1 {
		f.skip(16)
	} else {
		f.skip(8)
	}
	return f.u32()
}

// parseMedia reads an mdia down to its Opus sample entry.
func parseMedia(b []byte, h *Head) error {
	return children(b, "mdia", func(kind string, b []byte) error {
		switch kind {
		case "mdhd":
			f := fields{b: b}
			if version := f.u32() >> 24; version == 1 {
				f.skip(16)
			} else {
				f.skip(8)
			}
			if scale := f.u32(); scale != tape.SampleRate {
				return fmt.Errorf("%w: its timescale is %d, not %d", ErrFormat, scale, tape.SampleRate)
			}
		case "minf", "stbl":
			return parseMedia(b, h)
		case "stsd":
			f := fields{b: b}
			f.skip(4 + 4)
			return children(f.b, kind, func(kind string, b []byte) error {
				if kind != sampleEntry {
					return nil
				}
				f := fields{b: b}
				f.skip(28) // AudioSampleEntry
				return children(f.b, kind, func(kind string, b []byte) error {
					if kind == "dOps" {
						return parseOpusSpecific(b, h)
					}
					return nil
				})
			})
		}
		return nil
	})
}

func parseOpusSpecific(b []byte, h *Head) error {
	f := fields{b: b}
	version := f.u8()
	h.Channels = f.u8()
	h.PreSkip = f.u16()
	f.skip(4 + 2 + 1)
	if f.bad || version != 0 || h.Channels == 0 {
		return fmt.Errorf("%w: its dOps is damaged", ErrFormat)
	}
	return nil
}

// parseMovieFragment reads a moof. Its packet sizes are appended to sizes.
func parseMovieFragment(b []byte, t *track, sizes []uint32) (m movieFragment, err error) {
	m = movieFragment{offset: -1, sizes: sizes}
	trafs := 0
	err = children(b, "moof", func(kind string, b []byte) error {
		if kind != "traf" {
			return nil
		}
		trafs++
		inTraf := *t
		return children(b, kind, func(kind string, b []byte) error {
			switch kind {
			case "tfhd":
				return parseFragmentHeader(b, &inTraf)
			case "tfdt":
				return m.parseTime(b)
			case "trun":
				return m.parseRun(b, &inTraf)
			}
			return nil
		})
	})
	switch {
	case err != nil:
	case trafs != 1 || len(m.sizes) == 0:
		err = fmt.Errorf("%w: a moof has no samples, or several tracks", ErrFormat)
	case m.offset < 0:
		err = fmt.Errorf("%w: a moof does not say where its samples are", ErrFormat)
	}
	return m, err
}

func parseFragmentHeader(b []byte, t *track) error {
	f := fields{b: b}
	flags := f.u32() & 0xffffff
	id := f.u32()
	if flags&tfhdBaseDataOffset != 0 {
		return fmt.Errorf("%w: a fragment counts from the beginning of the file", ErrFormat)
	}
	if flags&tfhdDescriptionIndex != 0 {
		f.skip(4)
	}
	if flags&tfhdDefaultDuration != 0 {
		t.duration = f.u32()
	}
	if flags&tfhdDefaultSize != 0 {
		t.size = f.u32()
	}
	if flags&tfhdDefaultFlags != 0 {
		f.skip(4)
	}
	if f.bad || id != t.id {
		return fmt.Errorf("%w: a tfhd is damaged or of another track", ErrFormat)
	}
	return nil
}

func (m *movieFragment) parseTime(b []byte) error {
	f := fields{b: b}
	var at uint64
	if version := f.u32() >> 24; version == 1 {
		at = f.u64()
	} else {
		at = uint64(f.u32())
	}
	if f.bad || at > maxTime || at%tape.FrameSamples != 0 {
		return fmt.Errorf("%w: a fragment at %d is not on the grid of frames", ErrFormat, at)
	}
	m.from = tape.Number(at / tape.FrameSamples)
	return nil
}

func (m *movieFragment) parseRun(b []byte, t *track) error {
	f := fields{b: b}
	flags, n := f.u32()&0xffffff, f.u32()
	if flags&trunDataOffset != 0 {
		if len(m.sizes) > 0 {
			return fmt.Errorf("%w: a fragment's samples lie in several places", ErrFormat)
		}
		m.offset = int64(int32(f.u32()))
	}
	if flags&trunFirstFlags != 0 {
		f.skip(4)
	}
	if uint64(n)+uint64(len(m.sizes)) > maxPackets {
		return fmt.Errorf("%w: a fragment has %d samples, more than %d", ErrFormat, n, maxPackets)
	}
	for range n {
		duration, size := t.duration, t.size
		if flags&trunDuration != 0 {
			duration = f.u32()
		}
		if flags&trunSize != 0 {
			size = f.u32()
		}
		if flags&trunFlags != 0 {
			f.skip(4)
		}
		if flags&trunCompositionTime != 0 {
			f.skip(4)
		}
		if f.bad || duration != tape.FrameSamples {
			return fmt.Errorf("%w: a sample is cut off, or lasts %d and not %d", ErrFormat, duration, tape.FrameSamples)
		}
		m.sizes = append(m.sizes, size)
	}
	return nil
}
