package stage

import (
	"sync"
	"time"
)

// reception counts what arrives of a voice as RFC 3550 does (appendices A.1, A.3 and A.8): what was lost for good, and how unevenly the rest came.
// What is sent again in time is not lost.
type reception struct {
	mu       sync.Mutex
	begun    bool    // guarded by mu, as are those below
	highest  int64   // sequence number, extended beyond 16 bits
	base     int64   // the first one since the last look
	arrived  int64   // since the last look
	transit  float64 // of the last packet, in seconds of an unknown origin
	jitter   float64 // seconds
	lastSeen uint16
}

const (
	// jumpPackets is beyond what a sequence number may have leapt: the sender has begun anew.
	jumpPackets = 3000
	// jitterGain is RFC 3550's.
	jitterGain = 1.0 / 16
	// fewPackets are too few to judge a line by: a second of sound.
	fewPackets = 50
)

// observe counts a packet.
func (r *reception) observe(seq uint16, ts uint32, at time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	transit := at.Seconds() - float64(ts)/samplesPerSecond
	step := int64(int16(seq - r.lastSeen))
	if !r.begun || step > jumpPackets || step < -jumpPackets {
		r.begun, r.highest, r.base, r.arrived = true, int64(seq), int64(seq), 1
		r.lastSeen, r.transit = seq, transit
		return
	}
	r.arrived++
	if step <= 0 {
		return // came late or twice: its time says nothing of the line's
	}
	r.highest += step
	r.lastSeen = seq
	d := transit - r.transit
	if d < 0 {
		d = -d
	}
	r.transit = transit
	if d < time.Second.Seconds() { // a pause without packets, or a timestamp that went around, is no jitter
		r.jitter += (d - r.jitter) * jitterGain
	}
}

// take is the share of packets that were lost since the last look, and the jitter now. It is false where too few came to tell; they count at the next
// look.
func (r *reception) take() (loss float64, jitter time.Duration, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	expected := r.highest - r.base + 1
	if !r.begun || expected < fewPackets {
		return 0, 0, false
	}
	loss = max(0, 1-float64(r.arrived)/float64(expected))
	jitter = time.Duration(r.jitter * float64(time.Second))
	r.base, r.arrived = r.highest+1, 0
	return loss, jitter, true
}
