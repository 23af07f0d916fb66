package listener

import "encoding/binary"

// numbers watches the numbers that a container gives its own parts, which the readers of pack do not tell: the sequence numbers of
// MP4 fragments grow (ISO/IEC 14496-12 §8.8.5), and the pages of Ogg sound count on by one (RFC 3533 §6). It is written the bytes
// of one answer, cut anywhere. What it cannot follow it leaves to the readers.
type numbers struct {
	fault func(format string, args ...any)
	head  int // bytes at the beginning of every unit, a box or a page
	look  func(unit []byte) verdict

	unit [pageHead + 255]byte // the beginning of a unit
	have int                  // how much of it is there
	want int                  // how much is needed
	skip uint64               // bytes until the next unit
	lost bool

	seen int    // fragments, or pages
	last uint32 // number of the last one
}

// verdict is what the beginning of a unit tells: that more of it must be seen, how much to skip behind it, or that this is nothing
// known.
type verdict struct {
	want int // more than was seen
	skip uint64
	lost bool
}

const (
	boxHead    = 8             // size and type
	moofHead   = 8 + 8 + 4 + 4 // and the mfhd at its beginning: its head, flags, sequence number
	pageHead   = 27
	pageNumber = 18 // offset
	lacingSize = 26 // offset
)

func newNumbers(c Container, fault func(string, ...any)) *numbers {
	w := &numbers{fault: fault, head: boxHead}
	w.look = w.box
	if c == Ogg {
		w.head, w.look = pageHead, w.page
	}
	w.want = w.head
	return w
}

// Write implements io.Writer. It never fails.
func (w *numbers) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 && !w.lost {
		if w.skip > 0 {
			n := min(w.skip, uint64(len(p)))
			w.skip, p = w.skip-n, p[n:]
			continue
		}
		n := copy(w.unit[w.have:w.want], p)
		w.have, p = w.have+n, p[n:]
		if w.have < w.want {
			break
		}
		v := w.look(w.unit[:w.have])
		w.lost = v.lost
		if v.want > w.have {
			w.want = v.want
		} else {
			w.have, w.want, w.skip = 0, w.head, v.skip
		}
	}
	return total, nil
}

// box looks at an MP4 box at the top level.
func (w *numbers) box(unit []byte) verdict {
	size := uint64(binary.BigEndian.Uint32(unit))
	switch {
	case size < boxHead: // of 64 bits, to the end of the stream, or damaged: not what a live stream is made of
		return verdict{lost: true}
	case string(unit[4:8]) != "moof" || size < moofHead:
		return verdict{skip: size - boxHead}
	case len(unit) < moofHead:
		return verdict{want: moofHead}
	}
	if string(unit[boxHead+4:boxHead+8]) == "mfhd" {
		n := binary.BigEndian.Uint32(unit[moofHead-4:])
		if w.seen > 0 && int32(n-w.last) <= 0 {
			w.fault("fragment number %d does not come after %d", n, w.last)
		}
		w.seen, w.last = w.seen+1, n
	}
	return verdict{skip: size - moofHead}
}

// page looks at an Ogg page. Behind the two of the head the numbers jump to where the listener joined.
func (w *numbers) page(unit []byte) verdict {
	if string(unit[:4]) != "OggS" {
		w.fault("there are bytes between the pages")
		return verdict{lost: true}
	}
	segments := int(unit[lacingSize])
	if len(unit) < pageHead+segments {
		return verdict{want: pageHead + segments}
	}
	n := binary.LittleEndian.Uint32(unit[pageNumber:])
	if w.seen > 2 && n != w.last+1 {
		w.fault("page number %d does not come after %d", n, w.last)
	}
	w.seen, w.last = w.seen+1, n
	skip := uint64(0)
	for _, length := range unit[pageHead:] {
		skip += uint64(length)
	}
	return verdict{skip: skip}
}
