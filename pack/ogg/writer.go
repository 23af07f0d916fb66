package ogg

import (
	"errors"
	"fmt"
	"io"
)

// Writer writes an Ogg Opus file: its timeline begins at zero, whatever the packets' origin. It is not safe for concurrent use.
//
// A recording that begins in the middle of a stream gets a pre-skip of 3840 samples or more, so that nobody hears the decoder
// find its way (RFC 7845 §4.2).
type Writer struct {
	dst      io.Writer
	serial   uint32
	number   uint32 // of the next page
	granule  int64  // behind the last packet that was given
	trim     int64
	pending  [][]byte // packets of the page that is being filled; they live in arena
	segments int      // lacing values of pending
	samples  int      // sound of pending
	arena    []byte
	page     []byte
	err      error
}

// maxPageSamples is how much sound goes on a page: 240 ms, unless one packet alone is longer.
const maxPageSamples = pageFrames * 960

// ErrClosed says that a Writer was used after its Close.
var ErrClosed = errors.New("the Ogg file is already finished")

// NewWriter writes the head of a file.
func NewWriter(dst io.Writer, serial uint32, h Head) (*Writer, error) {
	w := &Writer{dst: dst, serial: serial, number: headPages}
	if _, err := dst.Write(appendHeadPages(nil, serial, &h)); err != nil {
		return nil, fmt.Errorf("write ogg: %w", err)
	}
	return w, nil
}

// WritePacket adds a packet, which is copied. What is no Opus packet, or has more than 65,024 bytes, is refused, and the file
// stays as it was. After any other error nothing more is written.
func (w *Writer) WritePacket(packet []byte) error {
	if w.err != nil {
		return w.err
	}
	samples, err := PacketSamples(packet)
	if err != nil {
		return fmt.Errorf("write ogg: %w", err)
	}
	s := segments(len(packet))
	if s > maxSegments {
		return fmt.Errorf("write ogg: %w: %d bytes", ErrPacket, len(packet))
	}
	// A full page waits for the next packet, because the last page of all must say so.
	if len(w.pending) > 0 && (w.segments+s > maxSegments || w.samples+samples > maxPageSamples) {
		if err := w.flush(0); err != nil {
			return err
		}
	}
	at := len(w.arena)
	w.arena = append(w.arena, packet...)
	w.pending = append(w.pending, w.arena[at:])
	w.segments += s
	w.samples += samples
	w.granule += int64(samples)
	return nil
}

// EndTrim says how many samples of the last packets are no part of the sound.
func (w *Writer) EndTrim(samples int) { w.trim = int64(max(samples, 0)) }

// Close writes the last page. It does not close the underlying writer.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	w.granule = max(w.granule-w.trim, 0)
	if err := w.flush(flagEnd); err != nil {
		return err
	}
	w.err = ErrClosed
	return nil
}

func (w *Writer) flush(flags byte) error {
	h := pageHeader{flags: flags, granule: w.granule, serial: w.serial, number: w.number}
	w.page = appendPage(w.page[:0], h, w.pending...)
	w.number++
	w.pending, w.arena, w.segments, w.samples = w.pending[:0], w.arena[:0], 0, 0
	if _, err := w.dst.Write(w.page); err != nil {
		w.err = fmt.Errorf("write ogg: %w", err)
		return w.err
	}
	return nil
}
