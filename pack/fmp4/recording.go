package fmp4

import (
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/epidaurus-live/epidaurus/tape"
)

// Recording is what the head of an M4A file says: a whole recording of AAC-LC, mono at 48 kHz, whose units lie behind the head, one behind the
// other and in order. A player may begin before it has the end, and seek by byte ranges.
type Recording struct {
	Sizes   []uint16 // of the access units, in bytes; each has tape.UnitSamples
	Skip    int64    // samples that a decoder gives first and that are not heard: it came into step
	Samples int64    // that are heard behind them; the rest of the last unit is not

	Title, Artist, Album string
	Date                 time.Time // when it was said; zero where that is not known
	Chapters             []Mark    // in order; where there are any, the first begins at 0
}

// Mark is where a chapter begins.
type Mark struct {
	At    int64 // samples that were heard before it
	Title string
}

// The measures of what ParseRecording takes and AppendRecordingHead writes.
const (
	maxMarks     = 255 // a count of one byte, in chpl
	maxMarkTitle = 255 // a length of one byte
	chunkUnits   = tape.SegmentUnits
	soundTrack   = trackID
	chapterTrack = trackID + 1
	handlerText  = "text"
)

// ErrRecording says that there can be no such recording.
var ErrRecording = errors.New("no recording can be like this")

func (r *Recording) check() error {
	total := int64(len(r.Sizes)) * tape.UnitSamples
	switch {
	case len(r.Sizes) == 0 || r.Skip < 0 || r.Samples <= 0 || r.Samples > total || r.Skip > total-r.Samples:
		return fmt.Errorf("%w: of %d units %d samples are skipped and %d heard", ErrRecording, len(r.Sizes), r.Skip, r.Samples)
	case len(r.Chapters) > maxMarks:
		return fmt.Errorf("%w: it has %d chapters, more than %d", ErrRecording, len(r.Chapters), maxMarks)
	}
	for i, c := range r.Chapters {
		if i == 0 && c.At != 0 || i > 0 && c.At <= r.Chapters[i-1].At || c.At >= r.Samples || len(c.Title) > maxMarkTitle {
			return fmt.Errorf("%w: its chapter %d begins at %d, with a title of %d bytes", ErrRecording, i, c.At, len(c.Title))
		}
	}
	return nil
}

// CutTitle shortens a chapter's title to what a file holds, between two letters.
func CutTitle(s string) string {
	if len(s) <= maxMarkTitle {
		return s
	}
	n := maxMarkTitle
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// AppendRecordingHead appends all of a file but its units: ftyp, moov, the header of mdat, and in it the titles of the chapters. The moov stands
// first, so that a player which reads from the beginning may play at once. What a decoder gives too much is told by an edit list (ISO/IEC
// 14496-12, 8.6.6), and again for players of music that have none (iTunSMPB). The chapters are told twice: as QuickTime's text track, for Apple's
// players, and as chpl for others. The error is ErrRecording.
func AppendRecordingHead(dst []byte, r Recording) ([]byte, error) {
	err := r.check()
	if err != nil {
		return dst, err
	}
	sound, titles := int64(0), r.chapterSamples()
	for _, s := range r.Sizes {
		sound += int64(s)
	}
	dst = appendBox(dst, "ftyp", func(b []byte) []byte {
		b = append(b, "M4A "...)
		b = be.AppendUint32(b, 0x200)
		return append(b, "M4A mp42isom"...)
	})
	const ftypSize = boxHeader + 4 + 4 + 12
	moov := len(r.appendMovie(nil, 0)) // it tells where the sound begins, which is behind it
	at := int64(ftypSize + moov + boxHeader)
	if at+int64(len(titles))+sound > math.MaxUint32 {
		return dst[:len(dst)-ftypSize], fmt.Errorf("%w: %d bytes are more than 4 GB", ErrRecording, sound)
	}
	dst = r.appendMovie(dst, uint32(at))
	dst = appendBoxHeader(dst, boxHeader+len(titles)+int(sound), "mdat")
	return append(dst, titles...), nil
}

// appendMovie appends moov, of a file whose mdat has its contents at a position.
func (r *Recording) appendMovie(b []byte, at uint32) []byte {
	media := int64(len(r.Sizes)) * tape.UnitSamples
	return appendBox(b, "moov", func(b []byte) []byte {
		tracks := uint32(soundTrack)
		if len(r.Chapters) > 0 {
			tracks = chapterTrack
		}
		b = r.appendRecordingHeader(b, tracks)
		b = appendBox(b, "trak", func(b []byte) []byte {
			b = r.appendTrack(b, soundTrack)
			b = appendBox(b, "edts", r.appendEdit)
			if len(r.Chapters) > 0 {
				b = appendBox(b, "tref", func(b []byte) []byte {
					b = appendBoxHeader(b, boxHeader+4, "chap")
					return be.AppendUint32(b, chapterTrack)
				})
			}
			return appendBox(b, "mdia", func(b []byte) []byte {
				b = appendMediaHeader(b, media)
				return r.appendSoundMedia(b, at+uint32(len(r.chapterSamples())))
			})
		})
		if len(r.Chapters) > 0 {
			b = appendBox(b, "trak", func(b []byte) []byte { return r.appendChapterTrack(b, at) })
		}
		return appendBox(b, "udta", r.appendTags)
	})
}

// version is 1 where a time does not fit into 32 bits, after 24.8 hours.
func version(samples int64) uint8 {
	if samples > math.MaxUint32 {
		return 1
	}
	return 0
}

func appendTime(b []byte, version uint8, samples int64) []byte {
	if version == 1 {
		return be.AppendUint64(b, uint64(samples))
	}
	return be.AppendUint32(b, uint32(samples))
}

// appendRecordingHeader appends mvhd. The movie counts samples, so that the edit list is exact.
func (r *Recording) appendRecordingHeader(b []byte, tracks uint32) []byte {
	v := version(r.Samples)
	b = appendFullHeader(b, 108+12*int(v), "mvhd", v, 0)
	b = appendZeros(b, 8<<v) // created, modified: a pure function has no clock
	b = be.AppendUint32(b, tape.SampleRate)
	b = appendTime(b, v, r.Samples)
	b = be.AppendUint32(b, 0x10000) // rate 1.0
	b = be.AppendUint16(b, 0x0100)  // volume 1.0
	b = appendZeros(b, 10)
	b = appendMatrix(b)
	b = appendZeros(b, 24)
	return be.AppendUint32(b, tracks+1) // next track
}

func (r *Recording) appendTrack(b []byte, id uint32) []byte {
	v, flags, group, volume := version(r.Samples), uint32(7), uint16(1), uint16(0x0100) // enabled, in movie, in preview
	if id == chapterTrack {
		flags, group, volume = 0, 0, 0 // not shown by itself
	}
	b = appendFullHeader(b, 92+12*int(v), "tkhd", v, flags)
	b = appendZeros(b, 8<<v)
	b = be.AppendUint32(b, id)
	b = appendZeros(b, 4)
	b = appendTime(b, v, r.Samples)
	b = appendZeros(b, 8+2) // reserved, layer
	b = be.AppendUint16(b, group)
	b = be.AppendUint16(b, volume)
	b = appendZeros(b, 2)
	b = appendMatrix(b)
	return appendZeros(b, 8) // width, height
}

// appendEdit appends elst: of the media these samples are heard.
func (r *Recording) appendEdit(b []byte) []byte {
	v := version(r.Samples + r.Skip)
	b = appendFullHeader(b, fullBoxHeader+4+(8<<v)+4, "elst", v, 0)
	b = be.AppendUint32(b, 1)
	b = appendTime(b, v, r.Samples)
	b = appendTime(b, v, r.Skip)
	return be.AppendUint32(b, 0x10000) // rate 1.0
}

func appendMediaHeader(b []byte, samples int64) []byte {
	v := version(samples)
	b = appendFullHeader(b, 32+12*int(v), "mdhd", v, 0)
	b = appendZeros(b, 8<<v)
	b = be.AppendUint32(b, tape.SampleRate)
	b = appendTime(b, v, samples)
	b = be.AppendUint16(b, 0x55c4) // language "und"
	return be.AppendUint16(b, 0)
}

func appendHandler(b []byte, kind, name string) []byte {
	return appendBox(b, "hdlr", func(b []byte) []byte {
		b = appendZeros(b, 4+4)
		b = append(b, kind...)
		b = appendZeros(b, 12)
		return append(append(b, name...), 0)
	})
}

func appendDataReference(b []byte) []byte {
	return appendBox(b, "dinf", func(b []byte) []byte {
		b = appendFullHeader(b, 28, "dref", 0, 0)
		b = be.AppendUint32(b, 1)
		const selfContained = 1
		return appendFullHeader(b, 12, "url ", 0, selfContained)
	})
}

func (r *Recording) appendSoundMedia(b []byte, at uint32) []byte {
	b = appendHandler(b, handlerSound, "sound")
	return appendBox(b, "minf", func(b []byte) []byte {
		b = appendFullHeader(b, 16, "smhd", 0, 0)
		b = appendZeros(b, 4)
		b = appendDataReference(b)
		return appendBox(b, "stbl", func(b []byte) []byte {
			b = appendBox(b, "stsd", func(b []byte) []byte {
				b = appendZeros(b, 4)
				b = be.AppendUint32(b, 1)
				return appendSoundEntry(b, "mp4a", appendElementaryStream)
			})
			b = appendFullHeader(b, fullBoxHeader+12, "stts", 0, 0)
			b = be.AppendUint32(b, 1)
			b = be.AppendUint32(b, uint32(len(r.Sizes)))
			b = be.AppendUint32(b, tape.UnitSamples)
			b = r.appendChunks(b, at)
			return appendPreRoll(b, len(r.Sizes))
		})
	})
}

// appendChunks appends stsc, stsz and stco: the units lie in chunks of chunkUnits, from a position on.
func (r *Recording) appendChunks(b []byte, at uint32) []byte {
	whole, rest := len(r.Sizes)/chunkUnits, len(r.Sizes)%chunkUnits
	type run struct{ first, units int }
	var runs []run
	if whole > 0 {
		runs = append(runs, run{1, chunkUnits})
	}
	if rest > 0 {
		runs = append(runs, run{whole + 1, rest})
		whole++
	}
	b = appendFullHeader(b, fullBoxHeader+4+12*len(runs), "stsc", 0, 0)
	b = be.AppendUint32(b, uint32(len(runs)))
	for _, c := range runs {
		b = be.AppendUint32(b, uint32(c.first))
		b = be.AppendUint32(b, uint32(c.units))
		b = be.AppendUint32(b, 1) // sample description
	}
	b = appendFullHeader(b, fullBoxHeader+8+4*len(r.Sizes), "stsz", 0, 0)
	b = be.AppendUint32(b, 0) // each has a size of its own
	b = be.AppendUint32(b, uint32(len(r.Sizes)))
	for _, s := range r.Sizes {
		b = be.AppendUint32(b, uint32(s))
	}
	b = appendFullHeader(b, fullBoxHeader+4+4*whole, "stco", 0, 0)
	b = be.AppendUint32(b, uint32(whole))
	for i, s := range r.Sizes {
		if i%chunkUnits == 0 {
			b = be.AppendUint32(b, at)
		}
		at += uint32(s)
	}
	return b
}

// appendPreRoll says that a decoder which begins anywhere needs the unit before (ISO/IEC 14496-12, 10.1).
func appendPreRoll(b []byte, units int) []byte {
	const one = 1
	b = appendFullHeader(b, fullBoxHeader+4+4+4+2, "sgpd", 1, 0)
	b = append(b, "roll"...)
	b = be.AppendUint32(b, 2) // bytes of a description
	b = be.AppendUint32(b, one)
	b = be.AppendUint16(b, 0xffff) // -1
	b = appendFullHeader(b, fullBoxHeader+4+4+8, "sbgp", 0, 0)
	b = append(b, "roll"...)
	b = be.AppendUint32(b, 1)
	b = be.AppendUint32(b, uint32(units))
	return be.AppendUint32(b, one)
}

// appendChapterTrack appends a trak whose samples, each a title, lie at a position.
func (r *Recording) appendChapterTrack(b []byte, at uint32) []byte {
	b = r.appendTrack(b, chapterTrack)
	return appendBox(b, "mdia", func(b []byte) []byte {
		b = appendMediaHeader(b, r.Samples)
		b = appendHandler(b, handlerText, "chapters")
		return appendBox(b, "minf", func(b []byte) []byte {
			b = appendBox(b, "gmhd", func(b []byte) []byte {
				b = appendFullHeader(b, 24, "gmin", 0, 0)
				b = be.AppendUint16(b, 0x40)                         // copied
				b = append(b, 0x80, 0, 0x80, 0, 0x80, 0, 0, 0, 0, 0) // colour, balance, reserved
				b = appendBoxHeader(b, boxHeader+36, "text")
				return appendMatrix(b)
			})
			b = appendDataReference(b)
			return appendBox(b, "stbl", func(b []byte) []byte { return r.appendTitleTable(b, at) })
		})
	})
}

func (r *Recording) appendTitleTable(b []byte, at uint32) []byte {
	n := len(r.Chapters)
	b = appendBox(b, "stsd", func(b []byte) []byte {
		b = appendZeros(b, 4)
		b = be.AppendUint32(b, 1)
		return appendBox(b, "text", func(b []byte) []byte { // QuickTime's text sample description
			b = appendZeros(b, 6)
			b = be.AppendUint16(b, 1)                  // data reference
			b = be.AppendUint32(b, 1)                  // not scaled
			return appendZeros(b, 4+6+8+8+2+2+1+2+6+1) // justification, colour, box, reserved, font, face, reserved, colour, name
		})
	})
	b = appendFullHeader(b, fullBoxHeader+4+8*n, "stts", 0, 0)
	b = be.AppendUint32(b, uint32(n))
	for i, c := range r.Chapters {
		end := r.Samples
		if i+1 < n {
			end = r.Chapters[i+1].At
		}
		b = be.AppendUint32(b, 1)
		b = be.AppendUint32(b, uint32(min(end-c.At, math.MaxUint32)))
	}
	b = appendFullHeader(b, fullBoxHeader+4+12, "stsc", 0, 0)
	b = be.AppendUint32(b, 1)
	b = be.AppendUint32(b, 1)
	b = be.AppendUint32(b, uint32(n))
	b = be.AppendUint32(b, 1)
	b = appendFullHeader(b, fullBoxHeader+8+4*n, "stsz", 0, 0)
	b = be.AppendUint32(b, 0)
	b = be.AppendUint32(b, uint32(n))
	for _, c := range r.Chapters {
		b = be.AppendUint32(b, uint32(2+len(c.Title)+len(textEncoding)))
	}
	b = appendFullHeader(b, fullBoxHeader+4+4, "stco", 0, 0)
	b = be.AppendUint32(b, 1)
	return be.AppendUint32(b, at)
}

// textEncoding says behind a title that it is UTF-8.
const textEncoding = "\x00\x00\x00\x0cencd\x00\x00\x01\x00"

// chapterSamples are the titles as the text track has them.
func (r *Recording) chapterSamples() (b []byte) {
	for _, c := range r.Chapters {
		b = be.AppendUint16(b, uint16(len(c.Title)))
		b = append(append(b, c.Title...), textEncoding...)
	}
	return b
}
