package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/internal/wav"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/stage/whip"
	"github.com/epidaurus-live/epidaurus/tape"
)

// maxFile bounds a file, which is held in memory.
const maxFile = 1 << 30

// maxSound bounds what is held decoded, in samples; Opus in packets of 20 ms is not.
const maxSound = wav.MaxSeconds * tape.SampleRate

// remedy is what to do with a file that cannot be read.
const remedy = "make it one that can: ffmpeg -i FILE -c:a libopus -frame_duration 20 out.opus"

// readSound reads a WAV or an Ogg Opus file as packets of 20 ms. What is in such packets already goes out as it is.
func readSound(file string, loop bool) (whip.Source, error) {
	data, err := readFile(file)
	if err != nil {
		return nil, err
	}
	var source whip.Source
	switch {
	case bytes.HasPrefix(data, []byte("OggS")):
		source, err = readOgg(data, loop)
	case bytes.HasPrefix(data, []byte("RIFF")):
		var pcm []float32
		pcm, err = wav.Read(bytes.NewReader(data))
		if err == nil {
			source, err = newEncoding(pcm, loop)
		}
	default:
		err = errors.New("it is neither WAV nor Ogg Opus; " + remedy)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return source, nil
}

func readFile(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("read %s: it is larger than 1 GB; %s", file, remedy)
	}
	return os.ReadFile(file)
}

func readOgg(data []byte, loop bool) (whip.Source, error) {
	all, err := oggPackets(data)
	switch {
	case errors.Is(err, errNot20ms):
		pcm, err := oggSound(data)
		if err != nil {
			return nil, err
		}
		return newEncoding(pcm, loop)
	case err != nil:
		return nil, err
	case len(all) == 0:
		return nil, errNoSound
	}
	return &packets{all: all, loop: loop}, nil
}

var (
	errNoSound = errors.New("it holds no sound")
	errNot20ms = errors.New("its packets are not of 20 ms")
)

// packets is a sound as Opus packets of 20 ms.
type packets struct {
	all  [][]byte
	next int
	loop bool
}

// Next gives the next packet, and io.EOF at the end.
func (p *packets) Next() ([]byte, error) {
	if p.next == len(p.all) {
		if !p.loop {
			return nil, io.EOF
		}
		p.next = 0
	}
	p.next++
	return p.all[p.next-1], nil
}

// encoding is a sound that is encoded while it is spoken: nobody waits for the end of a long one before its beginning.
type encoding struct {
	pcm     []float32
	at      int
	loop    bool
	encoder *codec.OpusEncoder
	frame   []float32
	packet  []byte
}

func newEncoding(pcm []float32, loop bool) (*encoding, error) {
	if len(pcm) == 0 {
		return nil, errNoSound
	}
	encoder, err := codec.NewOpusEncoder(codec.OpusConfig{Bitrate: 48000, Complexity: 10, Application: codec.Audio})
	if err != nil {
		return nil, err
	}
	return &encoding{
		pcm: pcm, loop: loop, encoder: encoder, frame: make([]float32, tape.FrameSamples), packet: make([]byte, codec.MaxPacketBytes),
	}, nil
}

// Next gives the next packet, and io.EOF at the end. The last one is filled up with silence.
func (e *encoding) Next() ([]byte, error) {
	if e.at == len(e.pcm) {
		if !e.loop {
			return nil, io.EOF
		}
		e.at = 0
	}
	n := copy(e.frame, e.pcm[e.at:])
	clear(e.frame[n:])
	e.at += n
	size, err := e.encoder.Encode(e.frame, e.packet)
	return e.packet[:size], err
}

// oggPackets takes the packets as they are. The error is errNot20ms where one of them is of another length.
func oggPackets(data []byte) (all [][]byte, err error) {
	r := ogg.NewReader(bytes.NewReader(data))
	for {
		p, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		case p.Samples != tape.FrameSamples:
			return nil, errNot20ms
		}
		all = append(all, bytes.Clone(p.Data))
	}
}

// oggSound decodes the sound, without what its maker wants dropped.
func oggSound(data []byte) (pcm []float32, err error) {
	r := ogg.NewReader(bytes.NewReader(data))
	decoder, err := codec.NewOpusDecoder()
	if err != nil {
		return nil, err
	}
	frame := make([]float32, codec.MaxFrameSamples)
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return pcm, nil
		}
		if err != nil {
			return nil, err
		}
		n, err := decoder.Decode(p.Data, frame)
		if err != nil {
			return nil, err
		}
		pcm = append(pcm, frame[min(p.Skip, n):max(n-p.Trim, min(p.Skip, n))]...)
		if len(pcm) > maxSound {
			return nil, fmt.Errorf("it is longer than %d minutes in packets that are not of 20 ms; %s", wav.MaxSeconds/60, remedy)
		}
	}
}
