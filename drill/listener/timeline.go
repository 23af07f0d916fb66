package listener

import (
	"bytes"
	"fmt"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/tape"
)

const (
	// rewind is how far before the wanted frame an answer may begin: what an edge keeps. Further back is another timeline.
	rewind = 60 * tape.FramesPerSec
	// maxFilled bounds the silence that is recorded for one gap.
	maxFilled = 60 * tape.FramesPerSec
)

// timeline judges frames, across answers, and hands them to the recording.
type timeline struct {
	report  *Report
	record  Recorder // nil: nothing is kept
	decoder *codec.OpusDecoder
	pcm     []float32 // sound of one packet
	silence []float32 // 960 zeros

	next    tape.Number // the frame that is wanted; negative: any
	started bool        // a frame was heard
	fresh   bool        // no frame of this answer came yet
	expect  tape.Number // the frame behind the last one of this answer
	another bool        // no frame of this room came yet, and there was another one before
}

func newTimeline(r *Report, from tape.Number, record Recorder) (*timeline, error) {
	decoder, err := codec.NewOpusDecoder()
	if err != nil {
		return nil, fmt.Errorf("make a decoder: %w", err)
	}
	t := &timeline{
		report: r, record: record, decoder: decoder, next: -1,
		pcm: make([]float32, codec.MaxFrameSamples), silence: make([]float32, tape.FrameSamples),
	}
	if from > 0 {
		t.next = from
	}
	return t, nil
}

// elsewhere says that what follows is another room: its frames have nothing to do with those before.
func (t *timeline) elsewhere() {
	t.next, t.expect, t.another = -1, 0, t.started
}

// begin is called at every answer.
func (t *timeline) begin() { t.fresh = true }

// take judges a fragment's packets, and returns how many of them are new to this listener. Errors are those of the recording.
func (t *timeline) take(from tape.Number, packets [][]byte) (fresh int, err error) {
	to := from + tape.Number(len(packets))
	if t.another {
		t.another, t.next = false, from
	}
	switch {
	case t.fresh && t.started && to < t.next-rewind:
		t.report.fault("the timeline went back from frame %d to %d", t.next, from)
		t.report.Repeated += int64(len(packets))
		t.next = from
	case !t.fresh && from < t.expect:
		t.report.fault("frame %d came again or late; frame %d was due", from, t.expect)
		t.report.Repeated += min(int64(t.expect-from), int64(len(packets)))
	case t.started && from < t.next:
		t.report.Overlap += min(int64(t.next-from), int64(len(packets)))
	}
	t.fresh, t.expect = false, max(t.expect, to)
	if !t.started {
		// An answer may begin before or behind the frame that was asked for: what was never heard is no gap.
		t.started, t.next = true, from
		t.report.First = from
	}
	for i, packet := range packets {
		n := from + tape.Number(i)
		if n < t.next {
			continue
		}
		if err := t.skipTo(n); err != nil {
			return fresh, err
		}
		if err := t.frame(n, packet); err != nil {
			return fresh, err
		}
		fresh++
	}
	return fresh, nil
}

// skipTo counts what is missing before frame n.
func (t *timeline) skipTo(n tape.Number) error {
	if n == t.next {
		return nil
	}
	t.report.gap(t.next, n)
	for range min(n-t.next, maxFilled) {
		if err := t.keep(tape.SilencePacket, t.silence); err != nil {
			return err
		}
	}
	t.next = n
	return nil
}

// frame judges one packet.
func (t *timeline) frame(n tape.Number, packet []byte) error {
	t.next = n + 1
	t.report.Next = t.next
	t.report.Frames++
	if bytes.Equal(packet, tape.SilencePacket) {
		t.report.Silent++
	}
	samples, err := t.decoder.Decode(packet, t.pcm)
	switch {
	case err != nil:
		t.report.fault("the packet of frame %d cannot be decoded: %v", n, err)
	case samples != tape.FrameSamples:
		t.report.fault("the packet of frame %d has %d samples, not %d", n, samples, tape.FrameSamples)
	default:
		return t.keep(packet, t.pcm[:samples])
	}
	t.report.Undecodable++
	return t.keep(tape.SilencePacket, t.silence)
}

func (t *timeline) keep(packet []byte, pcm []float32) error {
	if t.record == nil {
		return nil
	}
	if err := t.record.Frame(packet, pcm); err != nil {
		return fmt.Errorf("%w: %w", errRecord, err)
	}
	return nil
}
