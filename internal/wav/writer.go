package wav

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

const (
	headSize    = 44
	sampleBytes = 2
	maxData     = math.MaxUint32 - headSize
)

// ErrTooLong says that a file is at the limit of its format: 4 GiB, twelve hours.
var ErrTooLong = errors.New("a WAV file cannot be longer than 12 hours")

// Writer writes a 16-bit mono file at 48 kHz while the sound arrives. It is not safe for concurrent use.
type Writer struct {
	dst  io.WriteSeeker
	data int64 // bytes of sound so far
	buf  []byte
}

// NewWriter writes the head of a file. Until Close it says that the sound goes to the end of the file, so that what a killed
// program leaves can be read.
func NewWriter(dst io.WriteSeeker) (*Writer, error) {
	w := &Writer{dst: dst}
	if _, err := dst.Write(appendHead(nil, math.MaxUint32, math.MaxUint32)); err != nil {
		return nil, fmt.Errorf("write wav: %w", err)
	}
	return w, nil
}

// Write adds samples of full scale [-1, 1]; what is louder is clipped.
func (w *Writer) Write(pcm []float32) error {
	if w.data+int64(len(pcm))*sampleBytes > maxData {
		return fmt.Errorf("write wav: %w", ErrTooLong)
	}
	w.buf = w.buf[:0]
	for _, v := range pcm {
		s := math.RoundToEven(float64(v) * (1 << 15))
		w.buf = le.AppendUint16(w.buf, uint16(int16(min(max(s, math.MinInt16), math.MaxInt16))))
	}
	n, err := w.dst.Write(w.buf)
	w.data += int64(n)
	if err != nil {
		return fmt.Errorf("write wav: %w", err)
	}
	return nil
}

// Close puts the sizes into the head. It does not close the underlying file.
func (w *Writer) Close() error {
	if _, err := w.dst.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("finish wav: %w", err)
	}
	if _, err := w.dst.Write(appendHead(nil, uint32(w.data+headSize-8), uint32(w.data))); err != nil {
		return fmt.Errorf("finish wav: %w", err)
	}
	if _, err := w.dst.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("finish wav: %w", err)
	}
	return nil
}

// WriteFile makes a file of samples, or replaces it.
func WriteFile(name string, pcm []float32) error {
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write wav: %w", err)
	}
	w, err := NewWriter(f)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(w.Write(pcm), w.Close(), f.Close())
}

// appendHead appends everything before the sound. riff and data are the sizes of the two chunks.
func appendHead(b []byte, riff, data uint32) []byte {
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, riff)
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, tagPCM)
	b = le.AppendUint16(b, 1) // channels
	b = le.AppendUint32(b, Rate)
	b = le.AppendUint32(b, Rate*sampleBytes)
	b = le.AppendUint16(b, sampleBytes)
	b = le.AppendUint16(b, 8*sampleBytes)
	b = append(b, "data"...)
	return le.AppendUint32(b, data)
}
