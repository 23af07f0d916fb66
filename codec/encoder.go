package codec

import "fmt"

// OpusEncoder makes Opus packets of 20 ms mono. It is not safe for concurrent use. It holds about 0.4 MB: one per channel and
// variant, never one per listener.
//
// Every packet can be decoded without the ones before it: a decoder that joins anywhere comes close within 80 ms (RFC 7845 §4.2) to
// one that was there from the beginning, and is never much louder.
type OpusEncoder struct {
	impl opusEncoder
	pcm  [FrameSamples]float32 // what impl is given
}

// NewOpusEncoder returns an encoder, or an error that names the member of c that is out of range.
func NewOpusEncoder(c OpusConfig) (*OpusEncoder, error) {
	switch {
	case c.Bitrate < 6000 || c.Bitrate > 510000:
		return nil, fmt.Errorf("opus bitrate %d is out of range: 6000 to 510000 bit/s", c.Bitrate)
	case c.Complexity < 0 || c.Complexity > 10:
		return nil, fmt.Errorf("opus complexity %d is out of range: 0 to 10", c.Complexity)
	case c.Application != Voice && c.Application != Audio:
		return nil, fmt.Errorf("opus application %d does not exist", c.Application)
	}
	impl, err := newOpusEncoder(c)
	if err != nil {
		return nil, fmt.Errorf("make opus encoder: %w", err)
	}
	return &OpusEncoder{impl: impl}, nil
}

// Encode writes the packet of 960 samples into packet, which has room for MaxPacketBytes, and returns its length. It does not
// allocate, but for buffers that grow when a kind of sound is met for the first time.
func (e *OpusEncoder) Encode(pcm []float32, packet []byte) (int, error) {
	if len(pcm) != FrameSamples {
		return 0, fmt.Errorf("encode opus: %w: %d, not %d", ErrFrameSize, len(pcm), FrameSamples)
	}
	if len(packet) < MaxPacketBytes {
		return 0, fmt.Errorf("encode opus: %w: %d, not %d bytes", ErrShortPacketBuffer, len(packet), MaxPacketBytes)
	}
	copy(e.pcm[:], pcm)
	bound(e.pcm[:]) // NaN and infinities can stop an encoder for good
	n, err := e.impl.encode(e.pcm[:], packet[:MaxPacketBytes:MaxPacketBytes])
	if err != nil {
		return 0, fmt.Errorf("encode opus: %w", err)
	}
	return n, nil
}

// Reset forgets the sound so far and keeps the configuration, so that an encoder can go back to a pool.
func (e *OpusEncoder) Reset() error {
	if err := e.impl.reset(); err != nil {
		return fmt.Errorf("reset opus encoder: %w", err)
	}
	return nil
}
