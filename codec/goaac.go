//go:build !noaac

package codec

import "github.com/tphakala/go-aac"

// HasAAC reports whether the program was built with an encoder of AAC.
const HasAAC = true

// goAACEncoder encodes in pure Go. The library is under the LGPL (NOTICE, docs/adr): this file is all that knows it, and the tag noaac leaves
// it out.
type goAACEncoder struct {
	config aac.EncoderConfig
	enc    *aac.Encoder
	planar [1][]float32
}

func newAACEncoder(bitrate int) (aacEncoder, error) {
	// Noise in the place of bands (PNS) is for fewer bits than these: without it what is beside two pure tones is 4 dB less.
	c := aac.EncoderConfig{SampleRate: SampleRate, Channels: 1, Bitrate: bitrate, DisablePNS: true}
	enc, err := aac.NewEncoder(c)
	return &goAACEncoder{config: c, enc: enc}, err
}

func (e *goAACEncoder) encode(dst []byte, block []float32) ([]byte, error) {
	e.planar[0] = block
	return e.enc.EncodeFrame(dst, e.planar[:])
}

func (e *goAACEncoder) reset() error { return e.enc.Reset(e.config) }
