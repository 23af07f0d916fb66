package fmp4

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/epidaurus-live/epidaurus/tape"
)

// MaxBox is the longest box that is read: more than 15.36 s, the longest cadence, at Opus's highest bitrate.
const MaxBox = 4 << 20

// maxEvents bounds the events in front of a fragment.
const maxEvents = 4096

// ErrFormat says that a stream is no fragmented MP4 of the kind this package writes: one Opus track on the grid of frames. The error that
// wraps it says what is wrong.
var ErrFormat = errors.New("not an Opus stream in fragmented MP4")

// Head is what the head of a stream says.
type Head struct {
	PreSkip  uint16 // samples at 48 kHz
	Channels uint8
}

// Fragment is what AppendFragment was given. Packets and the events' Data are valid until the next call of Next.
type Fragment struct {
	From    tape.Number
	Packets [][]byte
	Events  []tape.Event
}

// Reader takes a stream apart. It holds one fragment and the events before it, MaxBox each at most. It is not safe for concurrent use.
type Reader struct {
	src      *bufio.Reader
	position int64 // of src in the stream
	head     Head
	track    track
	haveHead bool

	frag    Fragment
	moof    movieFragment
	waiting bool   // a moof was read, its mdat was not
	events  []byte // data of the events of frag
	box     []byte // contents of the box that was read last
}

// NewReader returns a reader. It reads ahead.
func NewReader(r io.Reader) *Reader { return &Reader{src: bufio.NewReaderSize(r, 32<<10)} }

// Head is what the stream says about itself; it is set when Next has returned its first fragment.
func (r *Reader) Head() Head { return r.head }

// Next returns the next fragment and the events that stood in front of it. Events behind the last fragment come as a fragment
// without packets. It returns io.EOF at the end of the source, io.ErrUnexpectedEOF when that is in the middle of a fragment, and
// an error with ErrFormat when the stream is not what it should be; there is no going on behind that.
func (r *Reader) Next() (Fragment, error) {
	r.frag.Packets, r.frag.Events, r.events = r.frag.Packets[:0], r.frag.Events[:0], r.events[:0]
	for {
		at := r.position
		kind, size, err := r.readBoxHeader()
		if errors.Is(err, io.EOF) && !r.waiting {
			if len(r.frag.Events) == 0 {
				return Fragment{}, io.EOF
			}
			r.frag.From = r.frag.Events[len(r.frag.Events)-1].At
			return r.frag, nil
		}
		if err == nil {
			err = r.readContents(kind, size)
		}
		if err == nil {
			err = r.take(kind, at)
		}
		if err != nil {
			return Fragment{}, fmt.Errorf("read mp4: %w", noEOF(err))
		}
		if kind == "mdat" && len(r.frag.Packets) > 0 {
			return r.frag, nil
		}
	}
}

// noEOF makes an end within something what it is.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readBoxHeader reads the head of a box and returns its type and the size of its contents. An end before its first byte is io.EOF.
func (r *Reader) readBoxHeader() (kind string, contents int, err error) {
	var b [largeHeader]byte
	if n, err := io.ReadFull(r.src, b[:boxHeader]); err != nil {
		r.position += int64(n)
		return "", 0, err
	}
	size, head := uint64(be.Uint32(b[:])), boxHeader
	if size == 1 {
		if _, err := io.ReadFull(r.src, b[boxHeader:]); err != nil {
			return "", 0, noEOF(err)
		}
		size, head = be.Uint64(b[boxHeader:]), largeHeader
	}
	kind = string(b[4:8])
	r.position += int64(head)
	if size < uint64(head) {
		return "", 0, fmt.Errorf("%w: box %q has size %d", ErrFormat, kind, size)
	}
	if size-uint64(head) > MaxBox {
		return "", 0, fmt.Errorf("%w: box %q has %d bytes, more than %d", ErrFormat, kind, size, MaxBox)
	}
	return kind, int(size) - head, nil
}

// readContents reads what is in a box. Memory grows with what arrives, not with what was announced.
func (r *Reader) readContents(kind string, size int) error {
	const step = 64 << 10
	r.box = r.box[:0]
	for len(r.box) < size {
		from, n := len(r.box), min(size-len(r.box), step)
		r.box = append(r.box, make([]byte, n)...)
		got, err := io.ReadFull(r.src, r.box[from:])
		r.position += int64(got)
		if err != nil {
			return fmt.Errorf("box %q: %w", kind, noEOF(err))
		}
	}
	return nil
}

// take works on the box that was read, which began at position at. Kinds that are not known are skipped, as the format demands.
func (r *Reader) take(kind string, at int64) (err error) {
	switch kind {
	case "moov":
		r.head, r.track, err = parseMovie(r.box)
		r.haveHead = err == nil
	case "emsg":
		err = r.takeEvent()
	case "moof":
		if !r.haveHead {
			return fmt.Errorf("%w: a fragment stands before the head", ErrFormat)
		}
		r.moof, err = parseMovieFragment(r.box, &r.track, r.moof.sizes[:0])
		r.moof.at, r.waiting = at, true
	case "mdat":
		if !r.waiting {
			return nil
		}
		r.waiting = false
		err = r.takeSound()
	}
	return err
}

// takeSound cuts the contents of an mdat into packets.
func (r *Reader) takeSound() error {
	begin := r.moof.at + r.moof.offset - (r.position - int64(len(r.box)))
	if begin < 0 || begin > int64(len(r.box)) {
		return fmt.Errorf("%w: a fragment's sound is not in the mdat behind it", ErrFormat)
	}
	sound := r.box[begin:]
	for _, n := range r.moof.sizes {
		if uint64(n) > uint64(len(sound)) {
			return fmt.Errorf("%w: a fragment's packets are longer than its mdat", ErrFormat)
		}
		r.frag.Packets = append(r.frag.Packets, sound[:n])
		sound = sound[n:]
	}
	r.frag.From = r.moof.from
	return nil
}

// takeEvent keeps an event of ours for the next fragment, and skips those of other schemes.
func (r *Reader) takeEvent() error {
	e, ours, err := parseEvent(r.box)
	if err != nil || !ours {
		return err
	}
	if len(r.events)+len(e.Data) > MaxBox || len(r.frag.Events) >= maxEvents {
		return fmt.Errorf("%w: too many events before a fragment", ErrFormat)
	}
	at := len(r.events)
	r.events = append(r.events, e.Data...)
	e.Data = r.events[at:]
	r.frag.Events = append(r.frag.Events, e)
	return nil
}

// parseEvent reads an emsg of version 1 and says whether it is of our scheme. The kind is the member "t" of its data, empty where the
// data has none.
func parseEvent(b []byte) (e tape.Event, ours bool, err error) {
	f := fields{b: b}
	version := f.u32() >> 24
	if version != 1 {
		return e, false, nil
	}
	timescale, at := f.u32(), f.u64()
	f.skip(8) // duration, id
	scheme, _ := f.text(), f.text()
	if f.bad {
		return e, false, fmt.Errorf("%w: an emsg is cut off", ErrFormat)
	}
	if scheme != eventScheme {
		return e, false, nil
	}
	if timescale != tape.SampleRate || at%tape.FrameSamples != 0 || at > maxTime {
		return e, false, fmt.Errorf("%w: an event at %d/%d is not on the grid of frames", ErrFormat, at, timescale)
	}
	var kind struct {
		T string `json:"t"`
	}
	if json.Unmarshal(f.b, &kind) != nil {
		kind.T = ""
	}
	return tape.Event{At: tape.Number(at / tape.FrameSamples), Kind: kind.T, Data: f.b}, true, nil
}
