package stage

import (
	"time"

	"github.com/pion/rtp"
)

const (
	samplesPerSecond = 48000
	packetSamples    = 960 // 20 ms
	// maxJump is the step in sequence numbers beyond which a source counts as begun anew: 5 s of loss.
	maxJump = 250
)

// rewriter makes one continuous RTP stream of what different sources send, one after another: who listens must not notice by the
// numbers that a slot changed its speaker, or that a speaker came back by another connection. Within one source losses and
// reordering stay visible, so that the listener's own jitter buffer deals with them. It is owned by one goroutine.
type rewriter struct {
	source uint64 // the source at present; they are numbered as they come

	begun     bool
	firstSeq  uint16 // the source's first packet; older ones would overwrite what the last source sent
	seqOffset uint16
	tsOffset  uint32
	lastSeq   uint16 // newest number sent
	lastTS    uint32
	lastAt    time.Duration
	inHigh    uint16 // newest number received of this source
}

// rewrite sets the packet's sequence number, timestamp and marker for the outgoing stream. It reports false for a packet that
// must not be sent: one of a source that was left, or from before its source's first. at is when the packet came.
func (r *rewriter) rewrite(h *rtp.Header, source uint64, at time.Duration) bool {
	switch {
	case source < r.source:
		return false
	case source > r.source || !r.begun:
		r.join(h, source, at)
	default:
		ahead := int16(h.SequenceNumber - r.inHigh)
		if ahead > maxJump || ahead < -maxJump {
			r.join(h, source, at)
		} else if int16(h.SequenceNumber-r.firstSeq) < 0 && ahead < 0 {
			return false
		} else {
			h.Marker = false
		}
	}
	if ahead := int16(h.SequenceNumber - r.inHigh); ahead > 0 {
		r.inHigh = h.SequenceNumber
		// The span in which a late packet is told from an early one moves along with a long source.
		if int16(r.inHigh-r.firstSeq) > 1<<14 {
			r.firstSeq = r.inHigh - maxJump
		}
	}
	h.SequenceNumber += r.seqOffset
	h.Timestamp += r.tsOffset
	if int16(h.SequenceNumber-r.lastSeq) >= 0 {
		r.lastSeq, r.lastTS, r.lastAt = h.SequenceNumber, h.Timestamp, at
	}
	return true
}

// join begins a source: its first packet follows the last one sent, as much later as it came later.
func (r *rewriter) join(h *rtp.Header, source uint64, at time.Duration) {
	nextSeq, nextTS := h.SequenceNumber, h.Timestamp
	if r.begun {
		passed := (at - r.lastAt) * samplesPerSecond / time.Second
		nextSeq = r.lastSeq + 1
		nextTS = r.lastTS + uint32(max(passed, packetSamples))
	}
	r.source, r.begun = source, true
	r.firstSeq, r.inHigh = h.SequenceNumber, h.SequenceNumber
	r.seqOffset = nextSeq - h.SequenceNumber
	r.tsOffset = nextTS - h.Timestamp
	r.lastSeq, r.lastTS, r.lastAt = nextSeq, nextTS, at
	h.Marker = true // a talkspurt begins (RFC 3551, section 4.1): jitter buffers adapt there
}
