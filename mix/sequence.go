package mix

// Distances beyond which a packet cannot belong to the stream as it is known. The first is RFC 3550's MAX_DROPOUT (appendix A.1).
const (
	maxAhead  = 3000               // sequence numbers
	maxBehind = 256                // sequence numbers
	maxEarly  = 250 * millisecond  // earlier than the fastest packet so far
	maxLate   = 1000 * millisecond // later than it
	strayRun  = 2                  // packets in order that prove a new stream
	strays    = 4                  // packets kept as its beginning
	stallSpan = 60 * millisecond   // of packets in order that prove a sender who stood still
	anyGap    = 2 * maxPacket      // between the timestamps of neighbours in a possible new stream
)

// sequence gives arrivals their place in the sender's stream, and notices when the sender begins a new one: another SSRC, a
// restart, or a timestamp that stood still while nothing was sent.
type sequence struct {
	begun   bool
	seq, ts int64 // of the newest packet
	stray   [strays]packet
	n       int // strays held

	run struct { // of strays in order
		n  int
		at float64
		ts int64
	}
}

// place sets the numbers of p, unwrapped to be nearest to the newest packet.
func (s *sequence) place(p *packet, seq uint16, ts uint32) {
	p.seq = s.seq + int64(int16(seq-uint16(s.seq)))
	p.ts = s.ts + int64(int32(ts-uint32(s.ts)))
}

// fits reports whether p belongs to the stream that c follows.
func (s *sequence) fits(p *packet, c *senderClock) bool {
	ahead := p.seq - s.seq
	late := p.at - float64(p.ts) - c.line(p.at)
	return ahead <= maxAhead && ahead >= -maxBehind && late >= -maxEarly && late <= maxLate
}

// accept notes p as part of the stream.
func (s *sequence) accept(p *packet) {
	if !s.begun || p.seq > s.seq {
		s.seq, s.ts = p.seq, p.ts
	}
	s.begun = true
	s.n, s.run.n = 0, 0
}

// suspect keeps p, which does not fit, and reports whether the packets kept prove a new stream. It exchanges payload buffers with p.
func (s *sequence) suspect(p *packet, c *senderClock) bool {
	if s.n > 0 {
		last := &s.stray[s.n-1]
		step := p.ts - last.ts
		if p.seq != last.seq+1 || step <= 0 || step > anyGap {
			s.n, s.run.n = 0, 0
		}
	}
	if s.run.n == 0 {
		s.run.at, s.run.ts = p.at, p.ts
	}
	s.run.n++
	if s.n == strays {
		oldest := s.stray[0]
		copy(s.stray[:], s.stray[1:])
		s.stray[strays-1] = oldest
		s.n--
	}
	kept := &s.stray[s.n]
	*kept, p.payload = *p, kept.payload
	s.n++
	if s.stalled(kept, c) {
		// A burst after an outage is late too, but it comes faster than it was spoken.
		media, arrival := float64(kept.ts-s.run.ts), kept.at-s.run.at
		return media >= stallSpan && arrival >= media/2 && arrival <= 2*media
	}
	return s.run.n >= strayRun
}

// stalled reports whether p goes on in the stream but for being much too late.
func (s *sequence) stalled(p *packet, c *senderClock) bool {
	ahead := p.seq - s.seq
	return p.at-float64(p.ts)-c.line(p.at) > maxLate && ahead <= maxAhead && ahead >= -maxBehind
}
