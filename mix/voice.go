package mix

import (
	"sync"
	"time"
)

// inboxPackets bounds what a voice takes in one tick; more is refused.
const inboxPackets = 64

// usualPayload is what a buffer has room for from the beginning, so that soon no more are made.
const usualPayload = 400

// voiceFade is the time of the fade at a mute, its end, and a close.
const voiceFade = 10 * millisecond

// Voice is one speaker's connection to a Mixer. Its methods may be called from any goroutine and never block for long.
type Voice struct {
	// immutable
	id string

	mu      sync.Mutex // guards the following fields
	inbox   *inbox
	refused uint64
	muted   bool
	closed  bool
	stats   VoiceStats

	// owned by Tick
	taken  *inbox
	stream stream
	level  leveller
	active activity
	gain   float32 // of the fade
	quiet  float64 // RMS before levelling below which nothing is heard
}

// inbox holds what arrived since the last tick.
type inbox struct {
	arrivals [inboxPackets]arrival
	n        int
}

// VoiceStats is what became of a voice's packets since it was opened, and how it stands now.
type VoiceStats struct {
	Packets   uint64 // arrived and readable
	Lost      uint64 // not there at their turn; includes recovered and late ones
	Late      uint64 // arrived after their turn
	Recovered uint64 // lost, but heard from the redundancy in the next packet
	Concealed uint64 // times that the decoder had to guess, 20 ms at most each
	Discarded uint64 // refused: unreadable, doubled, too many
	Errors    uint64 // of the decoder
	Restarts  uint64 // new streams of the same sender

	Buffer   time.Duration // from the fastest packet's arrival to its sound
	Target   time.Duration // what Buffer is led to
	Jitter   time.Duration // by which nearly all packets are at most late
	DriftPPM float64       // positive when the sender's clock is fast
	GainDB   float64       // of the levelling
}

// Push takes an RTP packet's sequence number, timestamp (48 kHz) and payload, which is copied, and the time of its arrival on the
// clock of Tick. Packets may come in any order, twice, or not at all. It never blocks; what cannot be taken is counted as Discarded.
func (v *Voice) Push(seq uint16, ts uint32, payload []byte, at time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return
	}
	if v.inbox.n == inboxPackets || len(payload) == 0 || len(payload) > maxPayload {
		v.refused++
		return
	}
	a := &v.inbox.arrivals[v.inbox.n]
	v.inbox.n++
	a.seq, a.ts, a.at = seq, ts, at
	if cap(a.payload) < len(payload) {
		a.payload = make([]byte, 0, max(len(payload), usualPayload))
	}
	a.payload = append(a.payload[:0], payload...)
}

// Mute takes the voice out of the mix, or brings it back, with a fade of 10 ms.
func (v *Voice) Mute(on bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.muted = on
}

// Close ends the voice with a fade of 10 ms at the next tick.
func (v *Voice) Close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed = true
}

// Stats returns the state as of the last tick.
func (v *Voice) Stats() VoiceStats {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.stats
}

// tick adds the voice's next frame to out, and writes it to alone as it is before levelling, unless that is nil. frame is room to work in. It
// reports false when the voice has ended.
func (v *Voice) tick(out, frame, alone []float32, now float64) bool {
	muted, closed := v.receive()
	plays := v.stream.draw(frame, now, v.quiet)
	from := v.level.factor()
	to := from
	switch {
	case v.stream.source.gain < 1:
		v.level.floor.interrupt()
	case plays && !muted && v.stream.source.missed == 0:
		from, to = v.level.observe(frame)
	}
	v.quiet = spliceQuiet / float64(to)
	target := float32(1)
	if muted || closed {
		target = 0
	}
	clear(alone)
	if plays {
		copy(alone, frame)
		fade(alone, v.gain, target, voiceFade)
		scale(frame, from, to)
		v.gain = fade(frame, v.gain, target, voiceFade)
		for i, x := range frame {
			out[i] += x
		}
	} else {
		v.gain = target
	}
	v.active.observe(frame)
	v.report()
	return !closed
}

// receive admits what arrived since the last tick, and returns the state of the switches.
func (v *Voice) receive() (muted, closed bool) {
	v.mu.Lock()
	v.inbox, v.taken = v.taken, v.inbox
	muted, closed = v.muted, v.closed
	v.mu.Unlock()
	for i := range v.taken.n {
		v.stream.admit(&v.taken.arrivals[i])
	}
	v.taken.n = 0
	return muted, closed
}

// activeLevel returns what a meter shows.
func (v *Voice) activeLevel(now float64) Level {
	heard := v.stream.counted.packets > 0 && now-v.stream.lastAt < heardWithin
	return Level{ID: v.id, DB: v.active.db, Speaking: v.active.speaking, Heard: heard}
}

// report publishes the statistics.
func (v *Voice) report() {
	s := v.stream.stats()
	s.GainDB = v.level.gain
	v.mu.Lock()
	defer v.mu.Unlock()
	s.Discarded += v.refused
	v.stats = s
}
