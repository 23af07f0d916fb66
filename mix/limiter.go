package mix

// Limiting. The gain that the loudest true peak of the next 4 ms asks for is held for 30 ms, so that the waves of a deep voice do not
// modulate it, and let go within some 100 ms.
const (
	lookahead    = 4 * millisecond
	limitHold    = 30 * millisecond
	limitRelease = 1.0 / (100 * millisecond)
	limitWindow  = lookahead + limitHold
	limitMargin  = 0.1 // dB below the ceiling: a finer meter than the one below finds peaks so much higher
	peakTaps     = 12
	peakDelay    = peakTaps / 2
	peakSure     = 0.49 // of the ceiling: the coefficients' amounts add up to 2.03, so no lower samples make a peak above it
)

// peakFilter holds the phases of the interpolating filter of ITU-R BS.1770-4, annex 2. The other two are these, backwards.
var peakFilter = [2][peakTaps]float32{
	{0.0017089843750, 0.0109863281250, -0.0196533203125, 0.0332031250000, -0.0594482421875, 0.1373291015625,
		0.9721679687500, -0.1022949218750, 0.0476074218750, -0.0266113281250, 0.0148925781250, -0.0083007812500},
	{-0.0291748046875, 0.0292968750000, -0.0517578125000, 0.0891113281250, -0.1665039062500, 0.4650878906250,
		0.7797851562500, -0.2003173828125, 0.1015625000000, -0.0582275390625, 0.0330810546875, -0.0189208984375},
}

// truePeak returns the greatest amount near the middle of x, as heard between the samples.
func truePeak(x *[peakTaps]float32) float32 {
	var a, b, c, d float32
	for i, v := range x {
		a += v * peakFilter[0][i]
		b += v * peakFilter[1][i]
		c += v * peakFilter[1][peakTaps-1-i]
		d += v * peakFilter[0][peakTaps-1-i]
	}
	return max(a, -a, b, -b, c, -c, d, -d, x[peakDelay], -x[peakDelay], x[peakDelay-1], -x[peakDelay-1])
}

// limiterDelay is what the limiter adds to the delay.
const limiterDelay = lookahead + peakDelay

// limiter keeps true peaks below a ceiling. It delays by limiterDelay samples.
type limiter struct {
	ceiling float32

	in     [limiterDelay + frameSamples]float32
	loud   int     // samples since one that may make a peak above the ceiling
	least  minimum // of the gains asked for
	gain   float32 // held and let go
	recent [lookahead]float32
	at     int
	sum    float64 // of recent, whose mean is applied
}

// newLimiter returns a limiter to the ceiling in dBTP.
func newLimiter(ceiling float64) limiter {
	l := limiter{ceiling: float32(amplitude(ceiling - limitMargin)), loud: peakTaps, gain: 1, sum: lookahead}
	for i := range l.recent {
		l.recent[i] = 1
	}
	return l
}

// limit replaces x, one frame, by what was put in limiterDelay samples earlier, limited.
func (l *limiter) limit(x []float32) {
	copy(l.in[limiterDelay:], x)
	for i, v := range x {
		asked := float32(1)
		l.loud++
		if v > peakSure*l.ceiling || v < -peakSure*l.ceiling {
			l.loud = 0
		}
		if l.loud < peakTaps {
			end := limiterDelay + i + 1
			if peak := truePeak((*[peakTaps]float32)(l.in[end-peakTaps : end])); peak > l.ceiling {
				asked = l.ceiling / peak
			}
		}
		least := l.least.push(asked)
		if least < l.gain {
			l.gain = least
		} else {
			l.gain += (least - l.gain) * limitRelease
		}
		l.sum += float64(l.gain) - float64(l.recent[l.at])
		l.recent[l.at] = l.gain
		l.at++
		if l.at == lookahead {
			l.at = 0
		}
		x[i] = l.in[i] * float32(l.sum/lookahead)
	}
	copy(l.in[:], l.in[len(x):])
}

// minimum finds the least of the last limitWindow values: a queue of those that can still become the least, in rising order.
type minimum struct {
	value       [limitWindow]float32
	index       [limitWindow]int
	first, held int
	n           int
}

// push adds v and returns the least.
func (m *minimum) push(v float32) float32 {
	if m.held > 0 && m.index[m.first] <= m.n-limitWindow {
		m.first = (m.first + 1) % limitWindow
		m.held--
	}
	for m.held > 0 && m.value[(m.first+m.held-1)%limitWindow] >= v {
		m.held--
	}
	end := (m.first + m.held) % limitWindow
	m.value[end], m.index[end] = v, m.n
	m.held++
	m.n++
	return m.value[m.first]
}
