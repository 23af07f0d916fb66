//go:build !libopus

package codec

func newOpusEncoder(c OpusConfig) (opusEncoder, error) { return newGopusEncoder(c) }

func newOpusDecoder() (opusDecoder, error) { return newGopusDecoder() }
