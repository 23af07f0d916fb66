//go:build linux

package edge

import (
	"slices"

	"github.com/epidaurus-live/epidaurus/pack/adts"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
)

// container says what frames are packed into.
type container uint8

const (
	mp4 container = iota
	oggOpus
	adtsAAC
	icyAAC     // of the same address, for who asks for titles (icy.go)
	containers // how many there are
)

// file is the name of an answer in a container, below its room's address.
func (c container) file() string {
	return [...]string{"live.mp4", "live.ogg", "live.aac", "live.aac"}[c]
}

// contentType is the media type that a container is served as.
func (c container) contentType() string {
	switch c {
	case oggOpus:
		return "audio/ogg; codecs=opus"
	case adtsAAC, icyAAC:
		return adts.ContentType
	}
	return `audio/mp4; codecs="opus"`
}

// grid is what the beginnings and ends of a container's stretches are multiples of, in frames, but for the end of a channel and where a seat
// resumes in what needs no grid.
func (c container) grid() tape.Number {
	switch c {
	case oggOpus:
		return tape.PageFrames
	case icyAAC:
		return adts.GroupFrames
	}
	return 1
}

// variants are those that a container carries, as the first and the one behind the last in the edge's variants.
func (c container) variants() (first, end int) {
	if c.onDemand() {
		return len(tape.Variants), len(variants)
	}
	return 0, len(tape.Variants)
}

// variants are all that an edge serves: those that are always made, from the best to the smallest, and behind them those that are made while
// somebody needs them. A seat steps between the former only.
var variants = slices.Concat(tape.Variants, tape.OnDemand)

// maxVariants is at least how many there are.
const maxVariants = 4

// packer appends parts of a stream to dst. What it appends depends on its arguments and on the channel alone. It has no state: any
// goroutine may use it.
type packer interface {
	// appendHead appends what stands before the sound of a player, with the state of the room where it begins.
	appendHead(dst []byte, state []tape.Event) []byte
	// appendNotices appends events that belong to no frame, in front of a stretch of sound.
	appendNotices(dst []byte, events []tape.Event) []byte
	// appendSound appends the frames from, from+1, … and the events among them. Begins: they are a player's first.
	appendSound(dst []byte, from tape.Number, packets [][]byte, events []tape.Event, begins bool) []byte
	// appendEnd appends what tells a player that the channel has ended before frame end.
	appendEnd(dst []byte, end tape.Number, events []tape.Event) []byte
}

// mp4Packer packs into fragmented MP4, with events as emsg boxes.
type mp4Packer struct{ init []byte }

func newMP4Packer(preSkip uint16) mp4Packer { return mp4Packer{init: fmp4.Init(preSkip)} }

func (p mp4Packer) appendHead(dst []byte, state []tape.Event) []byte {
	return appendEvents(append(dst, p.init...), state)
}

func (mp4Packer) appendNotices(dst []byte, events []tape.Event) []byte {
	return appendEvents(dst, events)
}

func (mp4Packer) appendSound(dst []byte, from tape.Number, packets [][]byte, events []tape.Event, _ bool) []byte {
	return fmp4.AppendFragment(dst, from, packets, events)
}

func (mp4Packer) appendEnd(dst []byte, _ tape.Number, events []tape.Event) []byte {
	return appendEvents(dst, events)
}

func appendEvents(dst []byte, events []tape.Event) []byte {
	for _, e := range events {
		dst = fmp4.AppendEvent(dst, e)
	}
	return dst
}

// oggPacker packs into Ogg pages, which have no place for events.
type oggPacker struct {
	serial uint32
	head   ogg.Head
}

func (p oggPacker) appendHead(dst []byte, _ []tape.Event) []byte {
	return ogg.AppendHeaders(dst, p.serial, p.head)
}

func (oggPacker) appendNotices(dst []byte, _ []tape.Event) []byte { return dst }

func (p oggPacker) appendSound(dst []byte, from tape.Number, packets [][]byte, _ []tape.Event, _ bool) []byte {
	return ogg.AppendPages(dst, p.serial, from, packets)
}

func (p oggPacker) appendEnd(dst []byte, end tape.Number, _ []tape.Event) []byte {
	return ogg.AppendEnd(dst, p.serial, end, p.head.PreSkip)
}

// adtsPacker packs into ADTS, which has no place for events, no head and no end. Its frames carry whole access units, so any cadence and
// phase cuts between two.
type adtsPacker struct{}

func (adtsPacker) appendHead(dst []byte, _ []tape.Event) []byte { return dst }

func (adtsPacker) appendNotices(dst []byte, _ []tape.Event) []byte { return dst }

func (adtsPacker) appendSound(dst []byte, from tape.Number, packets [][]byte, _ []tape.Event, _ bool) []byte {
	return adts.AppendFrames(dst, from, packets)
}

func (adtsPacker) appendEnd(dst []byte, _ tape.Number, _ []tape.Event) []byte { return dst }

// onDemand reports whether a container carries what is made only while somebody needs it.
func (c container) onDemand() bool { return c == adtsAAC || c == icyAAC }

// pressOf is the press of the reel's frames in a container that carries them.
func (r *reel) pressOf(c container) *press {
	if c == icyAAC {
		return r.presses[adtsAAC].withTitles(&r.hub.tally.silenced)
	}
	return r.presses[c]
}
