package codec

import "errors"

// The measures of Opus as this package speaks it.
const (
	SampleRate = 48000 // Hz, mono

	// FrameSamples is what one call of Encode takes: 20 ms.
	FrameSamples = 960

	// MaxFrameSamples is the longest sound one packet may hold: 120 ms.
	MaxFrameSamples = 5760

	// MaxPacketBytes is the longest packet that Encode makes: a frame of 1275 bytes behind its TOC byte (RFC 6716 §3.2).
	MaxPacketBytes = 1276

	// OpusPreSkip is the encoder's look-ahead in samples: a decoder's output is late by so much, and a player drops that
	// much at the very beginning. It is the same in all variants, so that a player may change between them.
	OpusPreSkip = 312
)

// concealQuantum is the grid of lost sound in samples: 2.5 ms, the shortest Opus frame.
const concealQuantum = 120

// Errors that the types of this package return; ask with errors.Is.
var (
	// ErrPacket says that the bytes are no Opus packet. The decoder stays usable.
	ErrPacket = errors.New("not a valid Opus packet")

	// ErrFrameSize says that the caller's buffer of samples has a length that this call does not take.
	ErrFrameSize = errors.New("wrong number of samples")

	// ErrShortPacketBuffer says that a packet might not fit into the caller's buffer.
	ErrShortPacketBuffer = errors.New("the packet buffer is too small")
)

// Application says what the encoder is tuned for.
type Application int

const (
	// Voice removes rumble below speech and leans on the speech coder, which holds its bitrate when bits are few.
	Voice Application = iota
	// Audio keeps the spectrum as it is and leans on the transform coder, which carries music and tones.
	Audio
)

// OpusConfig is what an encoder aims at. The rate varies within the frame's constraint (constrained VBR).
type OpusConfig struct {
	Bitrate     int // bit/s, 6000 to 510000
	Complexity  int // 0 (cheapest) to 10 (best)
	Application Application
}

// opusEncoder and opusDecoder are what a library must do. Their callers have checked all lengths.
type opusEncoder interface {
	encode(pcm []float32, packet []byte) (int, error)
	reset() error
}

type opusDecoder interface {
	decode(packet []byte, pcm []float32) (int, error)
	conceal(pcm []float32) error
	recover(next []byte, pcm []float32) error
	reset() error
}
