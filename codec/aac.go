package codec

import (
	"errors"
	"fmt"
)

// The measures of AAC-LC as this package speaks it.
const (
	// UnitSamples is what one call of AACEncoder.Encode takes: 21.3 ms.
	UnitSamples = 1024

	// MaxUnitBytes is the longest access unit of one channel (ISO/IEC 14496-3, 4.5.3.1: 6144 bits).
	MaxUnitBytes = 768

	// AACDelay is how many calls of Encode a unit is late.
	AACDelay = 2

	// AACBitrate is that of tape.AAC64, in bit/s.
	AACBitrate = 64_000
)

// ErrNoAAC says that the program was built without AAC (tag noaac).
var ErrNoAAC = errors.New("this program was built without AAC (tag noaac)")

// AACEncoder makes access units of AAC-LC, mono. It is not safe for concurrent use. It holds about 0.7 MB: one per channel while somebody
// needs it.
//
// A unit is two things at a time: a decoder gives back the second half of the unit before, overlapped with the first half of this one. The
// unit that Encode returns is the one with which a decoder gives back the block of AACDelay calls before, so that whoever numbers
// it after that block has its sound where it belongs, with no priming to be taken off. A decoder that joins anywhere lacks the half before its first
// unit, and fades in.
type AACEncoder struct {
	impl  aacEncoder
	block [UnitSamples]float32 // what impl is given
}

// aacEncoder is what a library must do. Its callers have checked all lengths.
type aacEncoder interface {
	// encode appends at most one unit to dst.
	encode(dst []byte, block []float32) ([]byte, error)
	reset() error
}

// NewAACEncoder returns an encoder; its error is ErrNoAAC where the program was built without.
func NewAACEncoder(bitrate int) (*AACEncoder, error) {
	impl, err := newAACEncoder(bitrate)
	if err != nil {
		return nil, fmt.Errorf("make aac encoder: %w", err)
	}
	return &AACEncoder{impl: impl}, nil
}

// Encode takes the next 1024 samples, and writes the unit of the block AACDelay calls before into unit, which has room for MaxUnitBytes. It
// returns its length: 0 at the first call, and at the second the unit of the silence before the first block, from which a decoder goes on
// without an edge. An encoder whose Encode failed needs a Reset.
func (e *AACEncoder) Encode(block []float32, unit []byte) (int, error) {
	if len(block) != UnitSamples {
		return 0, fmt.Errorf("encode aac: %w: %d, not %d", ErrFrameSize, len(block), UnitSamples)
	}
	if len(unit) < MaxUnitBytes {
		return 0, fmt.Errorf("encode aac: %w: %d, not %d bytes", ErrShortPacketBuffer, len(unit), MaxUnitBytes)
	}
	copy(e.block[:], block)
	bound(e.block[:]) // NaN and infinities stop an encoder for good
	out, err := e.impl.encode(unit[:0:MaxUnitBytes], e.block[:])
	switch {
	case err != nil:
		return 0, fmt.Errorf("encode aac: %w", err)
	case len(out) > MaxUnitBytes:
		return 0, fmt.Errorf("encode aac: %w: a unit has %d bytes", ErrShortPacketBuffer, len(out))
	}
	return len(out), nil
}

// Reset forgets the sound so far.
func (e *AACEncoder) Reset() error {
	err := e.impl.reset()
	if err != nil {
		return fmt.Errorf("reset aac encoder: %w", err)
	}
	return nil
}
