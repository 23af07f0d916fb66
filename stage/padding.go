package stage

import "github.com/pion/rtp"

// paddingLate is how many packets late media may be that padding overtook: 2 s.
const paddingLate = 100

// paddingFilter takes padding out of a stream, and its numbers with it. Browsers probe the line by packets that hold nothing but
// padding and count among the media (libwebrtc does so for audio once transport-cc is agreed on): whoever merely skipped them
// would take each for a loss. It is owned by one goroutine.
type paddingFilter struct {
	begun   bool
	highest uint16   // newest number received
	removed uint16   // packets of padding among those up to highest
	recent  []uint16 // the padding among the last paddingLate numbers, oldest first
}

// admit renumbers a packet, or reports false for one that is padding only.
func (f *paddingFilter) admit(p *rtp.Packet) bool {
	seq := p.SequenceNumber
	ahead := int16(seq - f.highest)
	if !f.begun {
		f.begun, ahead = true, 1
	}
	if ahead > 0 {
		f.highest = seq
		for len(f.recent) > 0 && seq-f.recent[0] > paddingLate {
			f.recent = f.recent[1:]
		}
	}
	if len(p.Payload) == 0 {
		// Media behind late padding went out already, with a hole for it: that stays a loss.
		if ahead > 0 {
			f.removed++
			f.recent = append(f.recent, seq)
		}
		return false
	}
	before := f.removed
	for _, padding := range f.recent {
		if int16(seq-padding) < 0 {
			before-- // the packet is late: this padding was behind it
		}
	}
	p.SequenceNumber = seq - before
	return true
}
