package channel

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// UnitEncoder makes AAC access units of 1024 samples of 48 kHz mono. The unit that Encode returns is that of the block unitDelay calls
// before; the first call returns none.
type UnitEncoder interface {
	Encode(block []float32, unit []byte) (int, error)
	Reset() error
}

// unitDelay is how many calls of UnitEncoder a unit is late, so the frames of AAC64 come three or four after those of the others.
const unitDelay = 2

const (
	// wantLinger is how long AAC64 is made after somebody last said that he needs it.
	wantLinger = time.Minute

	// leadFrames is how many frames before the sound the first unit lies: that of the silence before it, so that a decoder begins without an
	// edge. It and the frame without a unit behind it are the last two of a group.
	leadFrames = 2

	maxUnit = 768
)

// units makes AAC64 beside the tick, while it is on. It begins where its grid meets that of the frames. What it publishes goes by the frame's
// number without holes from where it was switched on to where it was switched off, and is never ahead of the frame being made.
type units struct {
	make func() (UnitEncoder, error) // immutable; nil: never made
	log  *slog.Logger                // immutable
	room room.ID                     // immutable

	wanted atomic.Int64 // monotonic time of when somebody last said so, and one more; 0: never

	// owned by the tick
	publish func(tape.Number, []byte)
	enc     UnitEncoder
	running bool
	begin   tape.Number // the frame with which the encoder's sound begins
	next    tape.Number // the first frame that is not published
	to      tape.Number // nothing is published from this frame on: a flush ends there
	block   []float32   // what is there of the next block
	fed     tape.Unit   // the number of that block
	unit    []byte
}

const noEnd = tape.Number(1<<63 - 1)

// want says that somebody needs the variant at a monotonic time.
func (u *units) want(mono time.Duration) { u.wanted.Store(int64(mono) + 1) }

func (u *units) isWanted(mono time.Duration) bool {
	said := u.wanted.Load()
	return u.make != nil && said > 0 && mono < time.Duration(said-1)+wantLinger
}

// start makes the variant from frame from on; the sound follows as soon as the grids meet from frame running on. It does nothing when the
// encoder cannot be had.
func (u *units) start(from, running tape.Number) {
	if u.make == nil {
		return
	}
	var err error
	if u.enc == nil {
		u.enc, err = u.make()
	} else {
		err = u.enc.Reset()
	}
	if err != nil {
		u.log.Error("aac cannot be made", "room", u.room, "error", err)
		u.enc, u.running = nil, false
		u.wanted.Store(0) // asked again, it is tried again
		return
	}
	if u.unit == nil {
		u.unit, u.block = make([]byte, maxUnit), make([]float32, 0, tape.UnitSamples)
	}
	u.begin = (running + tape.GroupFrames - 1) / tape.GroupFrames * tape.GroupFrames
	u.fed, _ = u.begin.Unit()
	u.running, u.next, u.to, u.block = true, from, noEnd, u.block[:0]
}

// follow takes the sound of frame n. Where the variant is not made and somebody wants it, it begins with a segment; it ends with one too.
// No frame before first may be published.
func (u *units) follow(n, first tape.Number, wanted bool, pcm []float32) {
	boundary := n%tape.SegmentFrames == 0
	switch {
	case !u.running && !(wanted && boundary):
		return
	case !u.running:
		u.log.Info("aac is made from now on", "room", u.room, "frame", n)
		u.start(max(n-leadFrames, first), n)
		if !u.running {
			return
		}
	case !wanted && boundary:
		u.log.Info("nobody needs aac any more", "room", u.room, "frame", n)
		u.stop(n)
		return
	}
	if n < u.begin {
		u.silent(min(n+1, u.begin-leadFrames))
		return
	}
	for len(pcm) > 0 {
		take := min(len(pcm), tape.UnitSamples-len(u.block))
		u.block = append(u.block, pcm[:take]...)
		pcm = pcm[take:]
		if len(u.block) == tape.UnitSamples {
			u.encode()
		}
	}
}

// stop publishes what is left before frame n, and ends there.
func (u *units) stop(n tape.Number) {
	if !u.running {
		return
	}
	u.flush(n)
	u.running, u.enc = false, nil // it is half a megabyte for each room
}

// gap makes the frames from (inclusive) to to (exclusive) silent, or leaves them out, and goes on behind them.
func (u *units) gap(from, to tape.Number, leaveOut bool) {
	if !u.running {
		return
	}
	u.flush(from)
	if leaveOut {
		u.next = to
	}
	u.silent(to)
	u.start(to, to)
}

// flush publishes the frames before to: the sound that was fed, and silence.
func (u *units) flush(to tape.Number) {
	u.to = to
	if to > u.begin {
		for range unitDelay + 1 {
			clear(u.block[len(u.block):tape.UnitSamples])
			u.block = u.block[:tape.UnitSamples]
			u.encode()
		}
	}
	u.silent(to)
}

// encode feeds the block, which is whole, and publishes the unit that comes of it.
func (u *units) encode() {
	n, err := u.enc.Encode(u.block, u.unit)
	packet := u.unit[:n]
	if err != nil {
		// Never seen; a listener must not lose the timeline for it.
		u.log.Error("an access unit could not be encoded", "room", u.room, "unit", u.fed, "error", err)
		_ = u.enc.Reset() // the next call says so again if that did not help
		packet = nil
	}
	if len(packet) == 0 {
		packet = tape.SilentUnit
	}
	frame := (u.fed - unitDelay).Frame()
	u.fed++
	u.block = u.block[:0]
	if frame < u.next || frame >= u.to {
		return
	}
	u.silent(frame)
	u.put(packet)
	if _, carries := u.next.Unit(); !carries && u.next < u.to {
		u.put(tape.NoUnit)
	}
}

// silent publishes the frames up to to that are not published yet.
func (u *units) silent(to tape.Number) {
	for u.next < to {
		if _, carries := u.next.Unit(); carries {
			u.put(tape.SilentUnit)
		} else {
			u.put(tape.NoUnit)
		}
	}
}

func (u *units) put(packet []byte) {
	u.publish(u.next, packet)
	u.next++
}
