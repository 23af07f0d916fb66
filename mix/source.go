package mix

import "math"

// Decoder decodes one voice. codec.OpusDecoder is one. The samples are 48 kHz mono in [-1, 1]. It is used by one goroutine.
type Decoder interface {
	// Decode decodes a packet. pcm has room for 5760 samples, the longest packet.
	Decode(packet []byte, pcm []float32) (samples int, err error)
	// Conceal fills pcm with what probably was in a lost packet. It holds 960 samples at most, a multiple of 120.
	Conceal(pcm []float32) error
	// Recover fills pcm with the end of what was lost before next, from the redundancy in next. It holds a packet at most.
	Recover(next []byte, pcm []float32) error
}

// Concealment is heard as itself after a while: it fades out, and the voice fades in again when it comes back.
const (
	concealFull = 100 * millisecond
	concealFade = 60 * millisecond
	comfort     = 1000 * millisecond // of the comfort noise after a sender said "silence from here on"
	resumeFade  = 10 * millisecond
	loudest     = 8 // amplitude beyond which a decoder's output is nonsense
)

// source turns the packets of one voice into an unbroken line of samples. It is owned by Tick.
type source struct {
	dec   Decoder
	queue queue
	line  line

	next    int64 // timestamp that follows the line's last sample
	playing bool
	last    int     // duration of the last packet
	dtx     bool    // the last packet said "silence from here on"
	missed  int     // samples concealed since the last packet
	gain    float32 // 0 when faded out by concealment

	count struct {
		played, lost, recovered, concealed, late, errors uint64
	}
}

func newSource(dec Decoder) source {
	return source{dec: dec, line: newLine(), last: frameSamples}
}

// begin starts to play with the packet p, after lead samples of silence.
func (s *source) begin(p *packet, lead int) {
	clear(s.line.grow(lead))
	s.next = p.ts
	s.queue.skip(p.seq)
	s.playing = true
	s.missed = 0
	s.dtx = false
}

// fill decodes until the line holds n samples. lag says how much later than now a packet may be that is played all the same, because
// nothing but concealment took its place.
func (s *source) fill(n, lag int) {
	for s.line.len() < n {
		s.produce(lag)
	}
}

// produce adds what comes next to the line: a packet, what it tells of the lost one before it, or concealment.
func (s *source) produce(lag int) {
	p := s.queue.first()
	for p != nil && s.next-p.ts > int64(lag) {
		s.queue.done(p)
		s.count.late++
		p = s.queue.first()
	}
	if p == nil {
		s.conceal(min(s.last, frameSamples))
		return
	}
	gap := p.ts - s.next
	switch {
	case gap < minPacket:
		s.decode(p)
	case p.fec && gap <= int64(p.dur) && p.seq > s.queue.next:
		s.recover(p, int(gap))
	case p.fec && p.seq > s.queue.next:
		s.conceal(int(min(gap-int64(p.dur), frameSamples)))
	default:
		s.conceal(int(min(gap, frameSamples)))
	}
}

// ready reports whether the packet that continues the line waits.
func (s *source) ready() bool {
	p := s.queue.first()
	return p != nil && p.seq == s.queue.next && p.ts-s.next < minPacket
}

// decode plays the packet p.
func (s *source) decode(p *packet) {
	s.count.lost += uint64(p.seq - s.queue.next)
	s.queue.done(p)
	pcm := s.line.grow(maxPacket)
	n, err := s.dec.Decode(p.payload, pcm)
	if err != nil || n <= 0 || n > maxPacket || !sound(pcm[:n]) {
		s.line.shrink(maxPacket)
		s.count.errors++
		s.next = p.ts
		s.conceal(min(p.dur, frameSamples))
		return
	}
	s.line.shrink(maxPacket - n)
	s.next = p.ts + int64(n)
	s.last, s.dtx, s.missed = n, p.dtx, 0
	s.count.played++
	s.fade(pcm[:n], 1, resumeFade)
}

// recover plays the lost gap before p from the redundancy in p.
func (s *source) recover(p *packet, gap int) {
	gap -= gap % minPacket
	pcm := s.line.grow(gap)
	err := s.dec.Recover(p.payload, pcm)
	if err != nil || !sound(pcm) {
		s.line.shrink(gap)
		s.count.errors++
		s.conceal(min(gap, frameSamples))
		return
	}
	s.count.lost += uint64(p.seq - s.queue.next)
	s.queue.skip(p.seq)
	s.next += int64(gap)
	s.missed = 0
	s.count.recovered++
	s.fade(pcm, 1, resumeFade)
}

// conceal adds n samples where there is no packet.
func (s *source) conceal(n int) {
	n = max(n-n%minPacket, minPacket)
	pcm := s.line.grow(n)
	s.next += int64(n)
	s.missed += n
	if s.gain == 0 {
		clear(pcm)
		return
	}
	s.guess(pcm)
	limit := concealFull
	if s.dtx {
		limit = comfort
	} else {
		s.count.concealed++
	}
	if s.missed > limit {
		s.fade(pcm, 0, concealFade)
	}
}

// silence ends the present sound by fading a concealment out, so that the line can go on elsewhere in the stream.
func (s *source) silence() {
	if s.gain > 0 {
		pcm := s.line.grow(resumeFade)
		s.guess(pcm)
		s.fade(pcm, 0, resumeFade)
	}
	s.playing = false
}

// guess fills pcm with what the decoder makes up.
func (s *source) guess(pcm []float32) {
	err := s.dec.Conceal(pcm)
	if err != nil || !sound(pcm) {
		s.count.errors++
		clear(pcm)
	}
}

// fade moves the gain to target, by at most 1 in length samples, along pcm.
func (s *source) fade(pcm []float32, target float32, length int) {
	s.gain = fade(pcm, s.gain, target, length)
}

// sound reports whether pcm can be sound: finite and of some sane loudness.
func sound(pcm []float32) bool {
	return rms(pcm) <= loudest // false for NaN
}

// rms returns the root of the mean square of x.
func rms(x []float32) float64 {
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(len(x)))
}
