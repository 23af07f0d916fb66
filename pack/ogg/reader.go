package ogg

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxPacket is the longest packet that is read: RFC 7845 §6 asks for 61,440 bytes. Longer sound is dropped, longer tags are cut.
const maxPacket = 1 << 16

// Packet is one packet of an Ogg Opus stream.
type Packet struct {
	// Data is valid until the next call of Next.
	Data []byte
	// Samples is the length of its sound at 48 kHz; zero when Data is no Opus packet.
	Samples int
	// End is the granule position behind it: the 48 kHz sample at which its sound ends on the stream's timeline. The
	// packet of frame n of a live channel has (n+1)·960.
	End int64
	// Skip and Trim are how many samples of the decoder's output to drop from its beginning and its end.
	Skip, Trim int
	// Link counts the streams that are chained one behind the other, from zero. At a new one the decoder starts afresh.
	Link int
}

// Reader takes the packets out of an Ogg Opus file or live stream: the first Opus stream of each link of a chain. It skips junk,
// other streams and damaged pages, and holds about 0.3 MB at most. It is not safe for concurrent use.
type Reader struct {
	pages *scanner

	// The link that is being read.
	link     int // -1 before the first
	serial   uint32
	state    linkState
	head     Head
	skip     int    // of the pre-skip, what is still to come
	expected uint32 // number of the next page
	end      int64  // granule position behind the last packet; noGranule when unknown

	queue   []Packet // packets that ended on the last page
	taken   int      // how many of them Next has returned
	joined  []byte   // a packet that began on an earlier page
	partial []byte   // the beginning of a packet that goes on, on the next page
	open    bool     // partial is the beginning of a packet
}

type linkState int

const (
	outside  linkState = iota // before the first head, or behind the end of a link
	wantTags                  // behind OpusHead
	inSound
)

// NewReader returns a reader. It reads ahead.
func NewReader(r io.Reader) *Reader {
	return &Reader{pages: newScanner(r), link: -1, end: noGranule}
}

// Head is what the stream of the last packet says about itself.
func (r *Reader) Head() Head { return r.head }

// Skipped is how many bytes were no part of an intact page so far.
func (r *Reader) Skipped() int64 { return r.pages.skipped }

// Ended reports whether the stream was ended by its maker, and not cut.
func (r *Reader) Ended() bool { return r.link >= 0 && r.state == outside && r.taken == len(r.queue) }

// Next returns the next packet of sound. It returns io.EOF at the end of the source, and io.ErrUnexpectedEOF when that is in the middle
// of a page; ErrNotOgg when there are no pages; an error when the stream is one that cannot be played here.
func (r *Reader) Next() (Packet, error) {
	for r.taken == len(r.queue) {
		p, err := r.pages.next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return Packet{}, r.atEOF()
			}
			return Packet{}, fmt.Errorf("read ogg: %w", err)
		}
		if err := r.take(p); err != nil {
			return Packet{}, fmt.Errorf("read ogg: %w", err)
		}
	}
	p := r.queue[r.taken]
	r.taken++
	return p, nil
}

// atEOF is io.EOF, unless nothing in the source was Opus.
func (r *Reader) atEOF() error {
	switch {
	case r.link >= 0:
		return io.EOF
	case r.pages.found:
		return errors.New("read ogg: there is no Opus stream in it")
	default:
		return fmt.Errorf("read ogg: %w", ErrNotOgg)
	}
}

// take works on one page.
func (r *Reader) take(p page) error {
	if p.flags&flagBegin != 0 {
		return r.begin(p)
	}
	if r.state == outside || p.serial != r.serial {
		return nil
	}
	if p.number != r.expected {
		r.open = false // what was begun will never be whole
	}
	r.expected = p.number + 1
	r.queue, r.taken = r.queue[:0], 0
	r.collect(p)
	if r.state == wantTags && len(r.queue) > 0 {
		if !r.head.parseTags(r.queue[0].Data) {
			r.taken = len(r.queue)
			return errors.New("the comment header is missing")
		}
		r.state, r.taken = inSound, 1
	}
	if sound := r.queue[r.taken:]; len(sound) > 0 {
		r.place(sound, p)
	}
	if p.flags&flagEnd != 0 {
		r.state = outside
	}
	return nil
}

// begin starts a link when a page is the beginning of an Opus stream. Beside a stream that has not come to its sound yet it is
// another track, and left alone.
func (r *Reader) begin(p page) error {
	if !bytes.HasPrefix(p.body, []byte(magicHead)) || r.state == wantTags {
		return nil
	}
	var h Head
	if err := h.parseOpusHead(p.body); err != nil {
		return err
	}
	r.link++
	r.serial, r.expected, r.state = p.serial, p.number+1, wantTags
	r.head, r.skip, r.end = h, int(h.PreSkip), noGranule
	r.open = false
	return nil
}

// collect puts the packets that end on a page into the queue.
func (r *Reader) collect(p page) {
	body := p.body
	fresh := p.flags&flagContinued == 0 // false: in the middle of a packet whose beginning is lost
	if fresh {
		r.open = false
	}
	at := 0
	for i := 0; i < len(p.lacing); {
		n, whole := 0, false
		for i < len(p.lacing) && !whole {
			n += int(p.lacing[i])
			whole = p.lacing[i] < 255
			i++
		}
		data := body[at : at+n]
		at += n
		switch {
		case r.open:
			r.extend(data)
			if whole {
				r.joined, r.partial = r.partial, r.joined[:0]
				r.open = false
				r.enqueue(r.joined)
			}
		case !fresh: // the rest of a packet whose beginning is lost
		case whole:
			r.enqueue(data)
		default:
			r.partial, r.open = r.partial[:0], true
			r.extend(data)
		}
		fresh = true
	}
}

// extend goes on with the packet that is open, within bounds.
func (r *Reader) extend(data []byte) {
	room := maxPacket - len(r.partial)
	if len(data) > room && r.state == inSound {
		r.open = false
		return
	}
	r.partial = append(r.partial, data[:min(len(data), room)]...)
}

func (r *Reader) enqueue(data []byte) {
	samples, err := PacketSamples(data)
	if err != nil {
		samples = 0
	}
	r.queue = append(r.queue, Packet{Data: data, Samples: samples, Link: r.link})
}

// place says where the packets of a page lie on the timeline (RFC 7845 §4). A page's granule position is that of its end; only on
// the last page may it be less than its packets hold, and the rest is cut off.
func (r *Reader) place(sound []Packet, p page) {
	total := int64(0)
	for i := range sound {
		total += int64(sound[i].Samples)
	}
	start, cut := max(r.end, 0), int64(0)
	if p.granule >= 0 {
		earliest := start
		start = p.granule - total
		if last := p.flags&flagEnd != 0; last && start < earliest {
			start, cut = earliest, min(earliest-start, total)
		}
	}
	for i := range sound {
		q := &sound[i]
		start += int64(q.Samples)
		q.End = start
		q.Skip = min(r.skip, q.Samples)
		r.skip -= q.Skip
	}
	r.end = start
	for i := len(sound) - 1; i >= 0 && cut > 0; i-- {
		q := &sound[i]
		q.Trim = int(min(cut, int64(q.Samples-q.Skip)))
		cut -= int64(q.Samples)
	}
}
