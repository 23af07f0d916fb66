package wav

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// MaxSeconds is the longest sound that Read takes, because it holds all of it. Of rates above 48 kHz it takes as many samples, and
// so fewer seconds.
const MaxSeconds = 1200

// Read reads a whole file, PCM of 16, 24 or 32 bits or float, of any rate and number of channels, and returns it as mono at 48
// kHz, full scale [-1, 1]. A file that is cut off gives the sound that is there. Errors wrap ErrFormat unless reading failed.
func Read(r io.Reader) ([]float32, error) {
	src := bufio.NewReaderSize(r, 64<<10)
	var head [12]byte
	if _, err := io.ReadFull(src, head[:]); err != nil {
		return nil, notWave(err)
	}
	if string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return nil, fmt.Errorf("%w: it does not begin with RIFF and WAVE", ErrFormat)
	}
	var f format
	for {
		var h [8]byte
		if _, err := io.ReadFull(src, h[:]); err != nil {
			return nil, notWave(err)
		}
		kind, size := string(h[:4]), int64(le.Uint32(h[4:]))
		switch {
		case kind == "fmt ":
			const most = 1 << 10
			if size > most {
				return nil, fmt.Errorf("%w: its fmt chunk has %d bytes", ErrFormat, size)
			}
			b := make([]byte, size+size&1)
			if _, err := io.ReadFull(src, b); err != nil {
				return nil, notWave(err)
			}
			var err error
			if f, err = parseFormat(b[:size]); err != nil {
				return nil, err
			}
		case kind == "data" && f.channels == 0:
			return nil, fmt.Errorf("%w: its sound stands before its format", ErrFormat)
		case kind == "data":
			return readSound(src, f, size)
		default: // a chunk has an even length in the file
			if _, err := io.CopyN(io.Discard, src, size+size&1); err != nil {
				return nil, notWave(err)
			}
		}
	}
}

// notWave says that a file ended before its sound.
func notWave(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends before its sound", ErrFormat)
	}
	return fmt.Errorf("read wav: %w", err)
}

// readSound reads a data chunk. Programs that write into a pipe leave its size zero or all ones: then it goes to the end.
func readSound(src io.Reader, f format, size int64) ([]float32, error) {
	if size != 0 && size != 0xffffffff {
		src = io.LimitReader(src, size)
	}
	const frames = 1024
	sample := f.decoder()
	width := f.bits / 8
	block := make([]byte, frames*f.frame())
	var mono []float32
	for {
		n, err := io.ReadFull(src, block)
		for b := block[:n-n%f.frame()]; len(b) > 0; {
			sum := 0.0
			for range f.channels {
				sum += sample(b)
				b = b[width:]
			}
			mono = append(mono, float32(sum/float64(f.channels)))
		}
		if len(mono) > MaxSeconds*min(f.rate, Rate) {
			return nil, fmt.Errorf("%w: it is longer than %d minutes", ErrFormat, len(mono)/f.rate/60)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return Resample(mono, f.rate), nil
		}
		if err != nil {
			return nil, fmt.Errorf("read wav: %w", err)
		}
	}
}
