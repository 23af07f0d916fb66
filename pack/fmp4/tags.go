package fmp4

import (
	"fmt"
	"time"

	"github.com/epidaurus-live/epidaurus/tape"
)

// The names of what is said of a recording, as iTunes has them.
const (
	tagTitle  = "\xa9nam"
	tagArtist = "\xa9ART"
	tagAlbum  = "\xa9alb"
	tagDate   = "\xa9day"

	gaplessMean = "com.apple.iTunes"
	gaplessName = "iTunSMPB"

	chapterTicks = 10_000_000 // a second, in chpl
)

// appendTags appends what stands in udta.
func (r *Recording) appendTags(b []byte) []byte {
	b = appendBox(b, "meta", func(b []byte) []byte {
		b = appendZeros(b, 4)
		b = appendBox(b, "hdlr", func(b []byte) []byte {
			b = appendZeros(b, 4+4)
			b = append(b, "mdirappl"...)
			return appendZeros(b, 8+1)
		})
		return appendBox(b, "ilst", func(b []byte) []byte {
			for _, tag := range r.tags() {
				if tag.text != "" {
					b = appendBox(b, tag.name, func(b []byte) []byte { return appendTagText(b, tag.text) })
				}
			}
			return appendBox(b, "----", r.appendGapless)
		})
	})
	if len(r.Chapters) == 0 {
		return b
	}
	return appendBox(b, "chpl", func(b []byte) []byte {
		b = append(b, 1, 0, 0, 0, 0, 0, 0, 0, byte(len(r.Chapters))) // version and flags, reserved, count
		for _, c := range r.Chapters {
			b = be.AppendUint64(b, chapterTime(c.At))
			b = append(b, byte(len(c.Title)))
			b = append(b, c.Title...)
		}
		return b
	})
}

// chapterTime is a number of samples in hundreds of nanoseconds, rounded so that samplesOf finds it again.
func chapterTime(samples int64) uint64 {
	second, rest := samples/tape.SampleRate, samples%tape.SampleRate
	return uint64(second*chapterTicks + (rest*chapterTicks+tape.SampleRate/2)/tape.SampleRate)
}

func samplesOf(ticks uint64) int64 {
	second, rest := ticks/chapterTicks, ticks%chapterTicks
	return int64(second*tape.SampleRate + (rest*tape.SampleRate+chapterTicks/2)/chapterTicks)
}

type tag struct{ name, text string }

func (r *Recording) tags() []tag {
	date := ""
	if !r.Date.IsZero() {
		date = r.Date.UTC().Format(time.RFC3339)
	}
	return []tag{{tagTitle, r.Title}, {tagArtist, r.Artist}, {tagAlbum, r.Album}, {tagDate, date}}
}

func appendTagText(b []byte, text string) []byte {
	const utf8Text = 1
	b = appendBoxHeader(b, boxHeader+8+len(text), "data")
	b = be.AppendUint32(b, utf8Text)
	b = be.AppendUint32(b, 0) // any language
	return append(b, text...)
}

// appendGapless appends what an edit list says in words of iTunes: samples before, behind, and those that are heard.
func (r *Recording) appendGapless(b []byte) []byte {
	for _, s := range []tag{{"mean", gaplessMean}, {"name", gaplessName}} {
		b = appendFullHeader(b, fullBoxHeader+len(s.text), s.name, 0, 0)
		b = append(b, s.text...)
	}
	behind := int64(len(r.Sizes))*tape.UnitSamples - r.Skip - r.Samples
	text := fmt.Sprintf(" 00000000 %08X %08X %016X", r.Skip, behind, r.Samples)
	for range 8 {
		text += " 00000000"
	}
	return appendTagText(b, text)
}
