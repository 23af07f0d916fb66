package mix

import "time"

// How the depth is brought to its target: by drawing a little faster or slower, which nobody hears, and by splices where there is
// nearly silence.
const (
	speedMost   = 0.005                      // 0.5 %, a twelfth of a semitone
	speedGain   = 0.002 / (10 * millisecond) // per sample of depth
	speedSlew   = 0.00025                    // per tick
	deadZone    = millisecond
	spliceStep  = 5 * millisecond
	spliceFade  = 5 * millisecond
	spliceQuiet = 0.003              // RMS after levelling: -50 dBFS
	overflow    = 60 * millisecond   // beyond the greatest depth: what is too much is dropped
	forgotten   = 1000 * millisecond // without a packet: the next one begins anew
)

// stream turns the arrivals of one voice into samples at the mixer's own rate. It is owned by Tick.
type stream struct {
	sequence  sequence
	clock     senderClock
	depth     depth
	source    source
	resampler resampler
	incoming  packet

	now     float64                       // samples
	delay   float64                       // samples from the fastest arrival to the ear; valid while playing
	told    struct{ lost, played uint64 } // what depth knows of
	counted struct{ packets, late, duplicates, invalid, restarts uint64 }
	lastAt  float64
}

func newStream(dec Decoder, c Config) stream {
	s := stream{source: newSource(dec), resampler: newResampler()}
	s.depth = newDepth(samples(c.MinDepth), samples(c.StartDepth), samples(c.MaxDepth))
	return s
}

// admit takes an arrival. It exchanges payload buffers with it.
func (s *stream) admit(a *arrival) {
	p := &s.incoming
	p.payload, a.payload = a.payload, p.payload
	p.at = samples(a.at)
	if !p.read() {
		s.counted.invalid++
		return
	}
	s.counted.packets++
	s.lastAt = p.at
	s.sequence.place(p, a.seq, a.ts)
	switch {
	case !s.sequence.begun:
		s.source.queue.restart(p.seq)
		s.take(p)
	case s.sequence.fits(p, &s.clock):
		s.take(p)
	case s.sequence.suspect(p, &s.clock):
		s.restart()
	}
}

// take puts p, which belongs to the stream, into the jitter buffer.
func (s *stream) take(p *packet) {
	s.sequence.accept(p)
	late := s.clock.observe(p.at, p.ts)
	s.depth.observe(late, p)
	q := &s.source.queue
	if p.seq >= q.next+queueSlots && q.first() == nil {
		q.skip(p.seq)
	}
	switch q.put(p) {
	case stored:
	case duplicate:
		s.counted.duplicates++
	case tooLate, tooFar:
		s.counted.late++
	}
}

// restart goes over to the new stream that the strays have proved. It comes by the same network, so the depth stays.
func (s *stream) restart() {
	s.counted.restarts++
	if s.source.playing {
		s.source.silence()
	}
	n := s.sequence.n
	first := s.sequence.stray[0].seq
	s.clock = senderClock{}
	s.source.queue.restart(first)
	s.sequence.begun = false
	for i := range n {
		s.take(&s.sequence.stray[i])
	}
}

// draw fills out with the sound that is due at now. quiet is the RMS below which a splice is not heard. It reports whether the voice
// plays at all; otherwise out is silent.
func (s *stream) draw(out []float32, now, quiet float64) bool {
	s.now = now
	if !s.source.playing && !s.begin() {
		clear(out)
		return false
	}
	s.measure()
	if s.delay > s.depth.most+overflow {
		s.leap()
	}
	excess := s.delay - s.depth.target
	step := s.rate(excess)
	need := s.resampler.needs(len(out), step)
	lag := int(max(0, s.depth.most-s.delay))
	s.source.fill(need, lag)
	s.splice(need, lag, excess, quiet)
	s.resampler.draw(out, &s.source.line, step)
	if s.source.gain == 0 && s.source.missed > forgotten {
		s.source.playing = false
	}
	return true
}

// begin starts to play with the first packet that waits, so that its first sample sounds at the target depth. It reports false when
// none waits.
func (s *stream) begin() bool {
	for p := s.source.queue.first(); p != nil; p = s.source.queue.first() {
		lead := s.depth.target - (s.now - float64(p.ts) - s.clock.line(s.now)) - float64(s.source.line.len())
		if lead >= s.depth.target-s.depth.most {
			s.source.begin(p, min(max(int(lead), 0), maxPacket))
			return true
		}
		s.source.queue.done(p)
		s.counted.late++
	}
	return false
}

// measure finds the present delay, and tells depth what was lost and what was not.
func (s *stream) measure() {
	due := float64(s.source.next) - float64(s.source.line.len()) + s.resampler.frac
	s.delay = s.now - due - s.clock.line(s.now)
	for ; s.told.played < s.source.count.played; s.told.played++ {
		s.depth.played()
	}
	for ; s.told.lost < s.source.count.lost; s.told.lost++ {
		s.depth.lost()
	}
}

// leap gives up what has waited too long.
func (s *stream) leap() {
	s.source.silence()
	q := &s.source.queue
	for p := q.first(); p != nil; p = q.first() {
		if s.now-float64(p.ts)-s.clock.line(s.now) <= s.depth.target {
			break
		}
		q.done(p)
		s.counted.late++
	}
	if s.begin() {
		s.measure()
		return
	}
	// Nothing waits: go on in silence at the right place.
	s.measure()
	s.source.next += int64(s.delay - s.depth.target)
	s.delay = s.depth.target
	s.source.playing = true
}

// rate returns the step of the resampler that follows the sender's clock and mends the depth.
func (s *stream) rate(excess float64) float64 {
	switch {
	case excess > deadZone:
		excess -= deadZone
	case excess < -deadZone:
		excess += deadZone
	default:
		excess = 0
	}
	speed := min(max(excess*speedGain, -speedMost), speedMost)
	want := 1 - s.clock.slope + speed
	return min(max(want, s.resampler.step-speedSlew), s.resampler.step+speedSlew)
}

// splice takes out or puts in a few milliseconds where the line is nearly silent.
func (s *stream) splice(need, lag int, excess, quiet float64) {
	l := &s.source.line
	switch {
	case excess > spliceStep+deadZone:
		for l.len() < need+spliceStep {
			if !s.source.ready() {
				return
			}
			s.source.produce(lag)
		}
		if rms(l.samples()[:need+spliceStep]) < quiet {
			l.cut(spliceStep, spliceFade)
		}
	case excess < -spliceStep-deadZone:
		if rms(l.samples()[:need]) < quiet {
			l.stretch(spliceStep, spliceFade)
		}
	}
}

func (s *stream) stats() VoiceStats {
	played := &s.source.count
	stats := VoiceStats{
		Packets:   s.counted.packets,
		Lost:      played.lost,
		Late:      s.counted.late + played.late,
		Recovered: played.recovered,
		Concealed: played.concealed,
		Discarded: s.counted.invalid + s.counted.duplicates,
		Errors:    played.errors,
		Restarts:  s.counted.restarts,
		Target:    duration(s.depth.target),
		Jitter:    duration(float64(s.depth.quantile()) * depthBin),
		DriftPPM:  -s.clock.slope * 1e6,
	}
	if s.source.playing {
		stats.Buffer = duration(s.delay)
	}
	return stats
}

// duration converts samples to time.
func duration(samples float64) time.Duration {
	return time.Duration(samples / sampleRate * float64(time.Second))
}
