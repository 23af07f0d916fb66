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
	"github.com/epidaurus-live/epidaurus/tape"
)

// packets is a sound as Opus packets of 20 ms. Its next packet is that of position mod length where it loops.
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

// readSound reads a WAV or an Ogg Opus file as packets of 20 ms.
func readSound(file string) ([][]byte, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var all [][]byte
	switch {
	case bytes.HasPrefix(data, []byte("OggS")):
		all, err = oggPackets(data)
	case bytes.HasPrefix(data, []byte("RIFF")):
		var pcm []float32
		pcm, err = wav.Read(bytes.NewReader(data))
		if err == nil {
			all, err = encode(pcm)
		}
	default:
		err = errors.New("it is neither WAV nor Ogg Opus; make it one: ffmpeg -i FILE -c:a libopus out.opus")
	}
	if err == nil && len(all) == 0 {
		err = errors.New("it holds no sound")
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return all, nil
}

// oggPackets takes the packets as they are where all of them are 20 ms; else the sound is encoded again.
func oggPackets(data []byte) (all [][]byte, err error) {
	r := ogg.NewReader(bytes.NewReader(data))
	decoder, err := codec.NewOpusDecoder()
	if err != nil {
		return nil, err
	}
	frame := make([]float32, codec.MaxFrameSamples)
	var pcm []float32
	asTheyAre := true
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		n, err := decoder.Decode(p.Data, frame)
		if err != nil {
			return nil, err
		}
		pcm = append(pcm, frame[:n]...)
		all = append(all, bytes.Clone(p.Data))
		asTheyAre = asTheyAre && n == tape.FrameSamples
	}
	if asTheyAre {
		return all, nil
	}
	return encode(pcm)
}

func encode(pcm []float32) ([][]byte, error) {
	encoder, err := codec.NewOpusEncoder(codec.OpusConfig{Bitrate: 48000, Complexity: 10, Application: codec.Audio})
	if err != nil {
		return nil, err
	}
	packet := make([]byte, codec.MaxPacketBytes)
	frame := make([]float32, tape.FrameSamples)
	var all [][]byte
	for len(pcm) > 0 {
		n := copy(frame, pcm)
		clear(frame[n:])
		pcm = pcm[n:]
		size, err := encoder.Encode(frame, packet)
		if err != nil {
			return nil, err
		}
		all = append(all, bytes.Clone(packet[:size]))
	}
	return all, nil
}
