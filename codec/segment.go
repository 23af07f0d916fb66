package codec

import (
	"fmt"
	"slices"

	"github.com/epidaurus-live/epidaurus/tape"
)

// The measures of a SegmentEncoder, in frames of Opus.
const (
	// decoderFrames is how long a decoder listens before what it gives is used: by then it has forgotten that it began.
	decoderFrames = 16

	// encoderFrames is the sound before a segment that its encoder is given, 0.64 s. It has to be whole in both grids, and longer than an
	// encoder remembers: its choice of windows looks 12 units back, its rate control settles within them.
	encoderFrames = 2 * tape.GroupFrames

	// SegmentBefore is how many frames before a segment its encoder takes.
	SegmentBefore = decoderFrames + encoderFrames

	// handover is the frame of a segment from which the decoder of the next segment is heard, which is where that one's encoder begins: the
	// encoders of two neighbours have the same sound on both sides of what joins them.
	handover = tape.SegmentFrames - encoderFrames

	// unitLead is how many units a segment begins before its frames, because an encoder gives a unit with the sound of AACDelay units
	// behind it: so no segment waits for frames of the next one.
	unitLead = AACDelay
)

// SegmentEncoder makes the access units of a segment of HLS of the Opus packets of its frames and of the SegmentBefore before them, and of
// nothing else, so that they are the same wherever and whenever they are made. The units of one segment go on where those of the one before
// ended. Segment k has units 90·k - 2 to 90·k + 87; where the sound ends in it, those to the end and two more.
//
// The same packets give the same bytes on machines of one architecture: on others arithmetic rounds differently, and what comes out is another
// encoding of the same sound.
//
// It is not safe for concurrent use, and holds about 1.2 MB.
type SegmentEncoder struct {
	decoder, next *OpusDecoder // next is that of the segment behind
	encoder       *AACEncoder

	at    int // the next frame of the segment; negative before it
	fed   int // blocks that the encoder was given
	block []float32
	pcm   [MaxFrameSamples]float32
	unit  [MaxUnitBytes]byte
}

// NewSegmentEncoder returns an encoder; its error is ErrNoAAC where the program was built without.
func NewSegmentEncoder() (*SegmentEncoder, error) {
	encoder, err := NewAACEncoder(AACBitrate)
	if err != nil {
		return nil, err
	}
	decoder, err := NewOpusDecoder()
	if err != nil {
		return nil, err
	}
	next, err := NewOpusDecoder()
	if err != nil {
		return nil, err
	}
	return &SegmentEncoder{decoder: decoder, next: next, encoder: encoder, block: make([]float32, 0, UnitSamples)}, nil
}

// Begin begins a segment behind the packets of the SegmentBefore frames before it. What was begun before is forgotten.
func (e *SegmentEncoder) Begin(before [][]byte) error {
	if len(before) != SegmentBefore {
		return fmt.Errorf("begin a segment of aac: %w: %d packets before it, not %d", ErrFrameSize, len(before), SegmentBefore)
	}
	e.at, e.fed, e.block = -SegmentBefore, 0, e.block[:0]
	for _, reset := range []func() error{e.decoder.Reset, e.next.Reset, e.encoder.Reset} {
		err := reset()
		if err != nil {
			return err
		}
	}
	_, err := e.Append(nil, before)
	return err
}

// Append takes the packets of the segment's next frames, and appends the units that come of them: 15 of 16.
func (e *SegmentEncoder) Append(units, packets [][]byte) ([][]byte, error) {
	if e.at+len(packets) > tape.SegmentFrames {
		return units, fmt.Errorf("encode a segment of aac: %w: more than %d packets", ErrFrameSize, tape.SegmentFrames)
	}
	for _, p := range packets {
		if e.at == handover {
			e.decoder, e.next = e.next, e.decoder
		}
		pcm := e.decode(e.decoder, p)
		if e.at < -encoderFrames {
			pcm = nil // only the decoder needs it
		}
		var err error
		units, err = e.encode(units, pcm)
		if err != nil {
			return units, err
		}
		if e.at >= handover-decoderFrames && e.at < handover {
			e.decode(e.next, p)
		}
		e.at++
	}
	return units, nil
}

// End appends the units that are left where the sound ends in the segment: the last is padded with silence.
func (e *SegmentEncoder) End(units [][]byte) ([][]byte, error) {
	blocks := unitLead
	if len(e.block) > 0 {
		blocks++
	}
	silence := make([]float32, blocks*UnitSamples-len(e.block))
	return e.encode(units, silence)
}

// decode gives the sound of a packet, one frame of it. What is no packet of one frame is concealed, as by any listener.
func (e *SegmentEncoder) decode(d *OpusDecoder, packet []byte) []float32 {
	n, err := d.Decode(packet, e.pcm[:])
	pcm := e.pcm[:tape.FrameSamples]
	if err == nil && n == len(pcm) {
		return pcm
	}
	if d.Conceal(pcm) != nil {
		clear(pcm)
	}
	return pcm
}

// encode gives the encoder sound, block by block.
func (e *SegmentEncoder) encode(units [][]byte, pcm []float32) ([][]byte, error) {
	const silent = encoderFrames / tape.GroupFrames * tape.GroupUnits // blocks whose units are another segment's
	for len(pcm) > 0 {
		n := min(len(pcm), UnitSamples-len(e.block))
		e.block = append(e.block, pcm[:n]...)
		pcm = pcm[n:]
		if len(e.block) < UnitSamples {
			break
		}
		size, err := e.encoder.Encode(e.block, e.unit[:])
		if err != nil {
			return units, fmt.Errorf("encode a segment of aac: %w", err)
		}
		e.block = e.block[:0]
		if e.fed >= silent {
			units = append(units, slices.Clone(e.unit[:size]))
		}
		e.fed++
	}
	return units, nil
}
