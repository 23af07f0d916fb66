package codec_test

import (
	"math"
	"math/cmplx"
)

// restBeside is the energy of everything that is not one of the tones, in dB against the weakest of them. The tones have whole periods
// in the window.
func restBeside(window []float32, hz ...float64) float64 {
	n := float64(len(window))
	rest := make([]float64, len(window))
	for i, v := range window {
		rest[i] = float64(v)
	}
	weakest := math.Inf(1)
	for _, f := range hz {
		var re, im float64
		for i, v := range rest {
			s, c := math.Sincos(2 * math.Pi * f * float64(i) / 48000)
			re, im = re+v*c*2/n, im+v*s*2/n
		}
		for i := range rest {
			s, c := math.Sincos(2 * math.Pi * f * float64(i) / 48000)
			rest[i] -= re*c + im*s
		}
		weakest = min(weakest, (re*re+im*im)/2)
	}
	sum := 0.0
	for _, v := range rest {
		sum += v * v
	}
	return 10 * math.Log10(sum/n/weakest)
}

// strongestLine is the strongest line of the spectrum more than 10 Hz away from the tones, in dB against the weakest of them.
func strongestLine(window []float32, hz ...float64) float64 {
	const size = 32768
	bins := make([]complex128, size)
	for i := range bins {
		hann := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/size)
		bins[i] = complex(float64(window[i])*hann, 0)
	}
	transform(bins)
	line := 0.0
	tones := make([]float64, len(hz))
	for k := 2; k < size/2; k++ {
		near := false
		for i, f := range hz {
			if math.Abs(float64(k)*48000/size-f) <= 10 {
				near, tones[i] = true, max(tones[i], cmplx.Abs(bins[k]))
			}
		}
		if !near {
			line = max(line, cmplx.Abs(bins[k]))
		}
	}
	weakest := math.Inf(1)
	for _, a := range tones {
		weakest = min(weakest, a)
	}
	return 20 * math.Log10(line/weakest)
}

// transform is the fast Fourier transform of a power of two.
func transform(a []complex128) {
	n := len(a)
	if n == 1 {
		return
	}
	even, odd := make([]complex128, n/2), make([]complex128, n/2)
	for i := range even {
		even[i], odd[i] = a[2*i], a[2*i+1]
	}
	transform(even)
	transform(odd)
	for k := range even {
		t := cmplx.Rect(1, -2*math.Pi*float64(k)/float64(n)) * odd[k]
		a[k], a[k+n/2] = even[k]+t, even[k]-t
	}
}
