package mix

import (
	"math"
	"sync"
)

// The interpolation filter: a sinc under a Kaiser window (beta 9, about -90 dB beside the pass band, which reaches 20 kHz), in
// phases between which its coefficients are interpolated linearly.
const (
	taps       = 32
	phases     = 256
	kaiserBeta = 9.0
)

// phaseRow holds the coefficients of one phase, and their differences to those of the next.
type phaseRow struct{ c, d [taps]float32 }

var phaseTable = sync.OnceValue(func() *[phases]phaseRow {
	var table [phases]phaseRow
	row := func(phase int) (c [taps]float64) {
		var sum float64
		for i := range c {
			x := float64(i-(taps/2-1)) - float64(phase)/phases
			c[i] = sinc(x) * kaiser(x/(taps/2))
			sum += c[i]
		}
		for i := range c {
			c[i] /= sum // a constant passes unchanged at every phase
		}
		return c
	}
	for p := range table {
		now, next := row(p), row(p+1)
		for i := range now {
			table[p].c[i] = float32(now[i])
			table[p].d[i] = float32(next[i] - now[i])
		}
	}
	return &table
})

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the Kaiser window on [-1, 1].
func kaiser(x float64) float64 {
	if x < -1 || x > 1 {
		return 0
	}
	return bessel0(kaiserBeta*math.Sqrt(1-x*x)) / bessel0(kaiserBeta)
}

// bessel0 is the modified Bessel function of the first kind and order 0.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-12*sum; k++ {
		term *= x / (2 * k) * (x / (2 * k))
		sum += term
	}
	return sum
}

// at returns the sum of x under the filter at the fraction f between this phase and the next. Four sums each are independent of each
// other, so that the processor need not wait for one to add to the next.
func (r *phaseRow) at(x *[taps]float32, f float32) float32 {
	var a0, a1, a2, a3, b0, b1, b2, b3 float32
	for k := 0; k < taps; k += 4 {
		a0 += x[k] * r.c[k]
		a1 += x[k+1] * r.c[k+1]
		a2 += x[k+2] * r.c[k+2]
		a3 += x[k+3] * r.c[k+3]
		b0 += x[k] * r.d[k]
		b1 += x[k+1] * r.d[k+1]
		b2 += x[k+2] * r.d[k+2]
		b3 += x[k+3] * r.d[k+3]
	}
	return (a0 + a1 + a2 + a3) + f*(b0+b1+b2+b3)
}

// resampler draws samples at a rate that is near the one they were made at. Its delay is 16 samples.
type resampler struct {
	table *[phases]phaseRow
	frac  float64 // of a sample, between the line's first and what is due
	step  float64 // samples in per sample out
}

func newResampler() resampler { return resampler{table: phaseTable(), step: 1} }

// needs returns how many samples the line must hold for n more at rates moving from the present one to step.
func (r *resampler) needs(n int, step float64) int {
	return int(r.frac+float64(n)*max(r.step, step)) + taps + 1
}

// draw fills out from l, while the rate moves evenly to step.
func (r *resampler) draw(out []float32, l *line, step float64) {
	x := l.samples()
	at, now := r.frac, r.step
	change := (step - now) / float64(len(out))
	for i := range out {
		whole := int(at)
		phase := (at - float64(whole)) * phases
		row := &r.table[int(phase)]
		f := float32(phase - float64(int(phase)))
		in := (*[taps]float32)(x[whole:])
		out[i] = row.at(in, f)
		now += change
		at += now
	}
	whole := int(at)
	l.drop(whole)
	r.frac, r.step = at-float64(whole), step
}
