package codec

import "fmt"

// OpusDecoder turns Opus packets of any kind (2.5 to 120 ms, mono or stereo, every mode) into mono sound. It is not safe for
// concurrent use. It holds about 0.2 MB.
//
// Samples are finite always, and within [-1, 1] but for the overshoot of lossy coding.
type OpusDecoder struct {
	impl opusDecoder
}

// NewOpusDecoder returns a decoder that has heard nothing yet.
func NewOpusDecoder() (*OpusDecoder, error) {
	impl, err := newOpusDecoder()
	if err != nil {
		return nil, fmt.Errorf("make opus decoder: %w", err)
	}
	return &OpusDecoder{impl: impl}, nil
}

// Decode writes the sound of a packet into pcm, which has room for MaxFrameSamples, and returns the number of samples. What is
// no Opus packet gives ErrPacket. It allocates as little as OpusEncoder.Encode.
func (d *OpusDecoder) Decode(packet []byte, pcm []float32) (samples int, err error) {
	if len(packet) == 0 {
		return 0, fmt.Errorf("decode opus: %w: it is empty", ErrPacket)
	}
	if len(pcm) < MaxFrameSamples {
		return 0, fmt.Errorf("decode opus: %w: room for %d, not %d", ErrFrameSize, len(pcm), MaxFrameSamples)
	}
	n, err := d.impl.decode(packet, pcm[:MaxFrameSamples:MaxFrameSamples])
	if err != nil {
		return 0, fmt.Errorf("decode opus: %w: %w", ErrPacket, err)
	}
	bound(pcm[:n])
	return n, nil
}

// Conceal fills pcm with a guess at lost sound, made from what was heard before. As the loss goes on it fades to the noise that was
// in the background, not to silence: that is the mixer's decision. The length of pcm is a multiple of 120 samples (2.5 ms).
func (d *OpusDecoder) Conceal(pcm []float32) error {
	if err := checkLost(pcm); err != nil {
		return fmt.Errorf("conceal opus: %w", err)
	}
	for rest := pcm; len(rest) > 0; {
		n := min(len(rest), FrameSamples)
		if err := d.impl.conceal(rest[:n:n]); err != nil {
			return fmt.Errorf("conceal opus: %w", err)
		}
		rest = rest[n:]
	}
	bound(pcm)
	return nil
}

// Recover fills pcm with the sound of the packet that was lost just before next, from the copy of it that next carries (in-band
// FEC, RFC 6716 §2.1.7). A next without such a copy gives what Conceal gives. Decode next afterwards. The length of pcm is that of
// the lost packet, a multiple of 120 samples.
func (d *OpusDecoder) Recover(next []byte, pcm []float32) error {
	if err := checkLost(pcm); err != nil {
		return fmt.Errorf("recover opus: %w", err)
	}
	if len(next) == 0 {
		return fmt.Errorf("recover opus: %w: it is empty", ErrPacket)
	}
	if err := d.impl.recover(next, pcm[:len(pcm):len(pcm)]); err != nil {
		return fmt.Errorf("recover opus: %w: %w", ErrPacket, err)
	}
	bound(pcm)
	return nil
}

// Reset forgets the sound so far, so that a decoder can go back to a pool.
func (d *OpusDecoder) Reset() error {
	if err := d.impl.reset(); err != nil {
		return fmt.Errorf("reset opus decoder: %w", err)
	}
	return nil
}

func checkLost(pcm []float32) error {
	if n := len(pcm); n == 0 || n > MaxFrameSamples || n%concealQuantum != 0 {
		return fmt.Errorf("%w: %d is no multiple of %d up to %d", ErrFrameSize, n, concealQuantum, MaxFrameSamples)
	}
	return nil
}
