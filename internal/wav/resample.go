package wav

import "math"

// The interpolating filter: a sinc under a Kaiser window (J. O. Smith, "Digital Audio Resampling", CCRMA). With 48 zero crossings
// on each side and beta 9 the pass band is flat to 0.44 of the lower of the two rates (19.4 kHz of 44.1), and what would fold back
// is 90 dB down.
const (
	crossings  = 48
	kaiserBeta = 9
	cutoff     = 0.94 // of half the lower rate, at -6 dB
	maxPhases  = 1024 // rows of the filter; a ratio that needs more is interpolated between two
)

// Resample converts sound from a rate in Hz to 48 kHz. The result has ⌈len·48000/rate⌉ samples and no delay. At 48 kHz it is pcm itself.
func Resample(pcm []float32, rate int) []float32 {
	if rate == Rate || len(pcm) == 0 {
		return pcm
	}
	common := gcd(rate, Rate)
	up, down := Rate/common, rate/common
	f := newFilter(rate, min(up, maxPhases))
	out := make([]float32, (len(pcm)*up+down-1)/down)
	for i := range out {
		// Output i lies at input position i·down/up, between the rows of the filter by rest/up.
		at, rest := i*down/up, i*down%up*f.phases
		row := rest / up
		v := f.apply(pcm, at, row)
		if between := rest % up; between > 0 {
			v += float32(between) / float32(up) * (f.apply(pcm, at, row+1) - v)
		}
		out[i] = v
	}
	return out
}

// filter holds the impulse response at phases+1 offsets between two input samples.
type filter struct {
	phases int
	half   int // taps on each side
	rows   [][]float32
}

func newFilter(rate, phases int) *filter {
	scale := cutoff * min(1, float64(Rate)/float64(rate)) // cutoff against half the input's rate
	half := int(math.Ceil(crossings / min(1, float64(Rate)/float64(rate))))
	f := &filter{phases: phases, half: half, rows: make([][]float32, phases+1)}
	for p := range f.rows {
		row := make([]float32, 2*half)
		shift := float64(p) / float64(phases)
		sum := 0.0
		taps := make([]float64, 2*half)
		for k := range taps {
			x := float64(k-half+1) - shift // distance of the input sample from the output's place
			taps[k] = scale * sinc(scale*x) * kaiser(x/float64(half))
			sum += taps[k]
		}
		for k := range row {
			row[k] = float32(taps[k] / sum) // exactly 1 at 0 Hz, in every phase
		}
		f.rows[p] = row
	}
	return f
}

// apply weighs the samples around position at. Beyond the ends there is silence.
func (f *filter) apply(pcm []float32, at, row int) float32 {
	taps := f.rows[row]
	first := at - f.half + 1
	if first < 0 {
		taps = taps[min(-first, len(taps)):]
		first = 0
	}
	window := pcm[min(first, len(pcm)):]
	n := min(len(window), len(taps))
	window, taps = window[:n], taps[:n]
	var sum float32
	for i, w := range window {
		sum += w * taps[i]
	}
	return sum
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the window at x, which is zero outside of [-1, 1].
func kaiser(x float64) float64 {
	if x <= -1 || x >= 1 {
		return 0
	}
	return bessel(kaiserBeta*math.Sqrt(1-x*x)) / bessel(kaiserBeta)
}

// bessel is the modified Bessel function of the first kind and order zero, by its power series.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-16; k++ {
		term *= (x / (2 * k)) * (x / (2 * k))
		sum += term
	}
	return sum
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
