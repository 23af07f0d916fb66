package listener

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/epidaurus-live/epidaurus/internal/wav"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
)

// Recorder keeps what is heard. Frame gets every 20 ms of the timeline in order: the packet as it came and its 960 samples. What
// was missing or could not be decoded is silence, a minute of one gap at most. Neither slice may be kept.
type Recorder interface {
	Frame(packet []byte, pcm []float32) error
}

// Recording is a file that keeps what is heard. It is not safe for concurrent use.
type Recording struct {
	file  *os.File
	frame func(packet []byte, pcm []float32) error
	end   func() error
}

// settle is how many samples at the beginning a player of a recording drops: a decoder that joins in the middle of a stream
// needs 80 ms to find its way (RFC 7845 §4.2).
const settle = 3840

// Create makes a recording: path ends in .ogg or .opus (the packets, untouched) or in .wav (decoded, 16 bits).
func Create(path string) (*Recording, error) {
	kind := strings.ToLower(filepath.Ext(path))
	if kind != ".ogg" && kind != ".opus" && kind != ".wav" {
		return nil, fmt.Errorf("cannot write %q: the name of a recording ends in .ogg or .wav", path)
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("create the recording: %w", err)
	}
	r := &Recording{file: f}
	if kind == ".wav" {
		err = r.beginWAV()
	} else {
		err = r.beginOgg()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create the recording: %w", err), f.Close())
	}
	return r, nil
}

func (r *Recording) beginOgg() error {
	buffered := bufio.NewWriter(r.file)
	w, err := ogg.NewWriter(buffered, 1, ogg.Head{PreSkip: settle, Vendor: "epidaurus listen"})
	if err != nil {
		return err
	}
	r.frame = func(packet []byte, _ []float32) error { return w.WritePacket(packet) }
	r.end = func() error { return errors.Join(w.Close(), buffered.Flush()) }
	return nil
}

func (r *Recording) beginWAV() error {
	w, err := wav.NewWriter(r.file)
	if err != nil {
		return err
	}
	drop := settle
	r.frame = func(_ []byte, pcm []float32) error {
		n := min(drop, len(pcm))
		drop -= n
		return w.Write(pcm[n:])
	}
	r.end = w.Close
	return nil
}

// Frame implements Recorder.
func (r *Recording) Frame(packet []byte, pcm []float32) error { return r.frame(packet, pcm) }

// Close finishes the file.
func (r *Recording) Close() error {
	if err := errors.Join(r.end(), r.file.Close()); err != nil {
		return fmt.Errorf("finish the recording: %w", err)
	}
	return nil
}
