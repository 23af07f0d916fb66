package mix

// Distances beyond which a packet cannot belong to the stream as it is known. The first is RFC 3550's MAX_DROPOUT (appendix A.1).
const (
	maxAhead  = 3000               // sequence numbers
	maxBehind = 256                // sequence numbers
	maxEarly  = 250 * millisecond  // earlier than the fastest packet so far
	maxLate   = 1000 * millisecond // later than it
	strayRun  = 2                  // packets in order that prove a new stream
	stallRun  = 4                  // packets in order that prove a sender who stood still
	strays    = 4                  // packets kept as possible beginning of a new stream
	anyGap    = 2 * maxPacket      // between the timestamps of neighbours in a possible new stream
	stallPace = 20 * millisecond   // tolerance on their pace
)

// sequence gives arrivals their place in the sender's stream, and notices when the sender begins a new one: another SSRC, a
// restart, or a timestamp that stood still while nothing was sent.
type sequence struct {
	begun   bool
	seq, ts int64 // of the newest packet
	stray   [strays]packet
	n       int // strays held
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
	s.n = 0
}

// suspect keeps p, which does not fit, and reports whether the packets kept prove a new stream. It exchanges payload buffers with p.
func (s *sequence) suspect(p *packet, c *senderClock) bool {
	if s.n > 0 {
		last := &s.stray[s.n-1]
		step := p.ts - last.ts
		if p.seq != last.seq+1 || step <= 0 || step > anyGap {
			s.n = 0
		}
	}
	if s.n == strays {
		oldest := s.stray[0]
		copy(s.stray[:], s.stray[1:])
		s.stray[strays-1] = oldest
		s.n--
	}
	kept := &s.stray[s.n]
	*kept, p.payload = *p, kept.payload
	s.n++
	first := &s.stray[0]
	media, arrival := float64(kept.ts-first.ts), kept.at-first.at
	late := kept.at - float64(kept.ts) - c.line(kept.at)
	if ahead := first.seq - s.seq; late > maxLate && ahead <= maxAhead && ahead >= -maxBehind {
		// A burst after an outage is late too, but it comes faster than it was spoken.
		return s.n >= stallRun && arrival >= media/2-stallPace && arrival <= 2*media+stallPace
	}
	return s.n >= strayRun
}
