package mix

import "math"

// biquad is a second-order filter in transposed direct form II.
type biquad struct {
	b0, b1, b2, a1, a2 float64
	z1, z2             float64
}

// kWeighting is the filter of ITU-R BS.1770-4, annex 1, tables 1 and 2, at 48 kHz: a head's shelf, then a high pass.
type kWeighting struct{ shelf, pass biquad }

func newKWeighting() kWeighting {
	return kWeighting{
		shelf: biquad{b0: 1.53512485958697, b1: -2.69169618940638, b2: 1.19839281085285, a1: -1.69065929318241, a2: 0.73248077421585},
		pass:  biquad{b0: 1, b1: -2, b2: 1, a1: -1.99004745483398, a2: 0.99007225036621},
	}
}

// energy returns the mean square of x after the filter.
func (k *kWeighting) energy(x []float32) float64 {
	s, p := k.shelf, k.pass
	var sum float64
	for _, v := range x {
		in := float64(v)
		y := s.b0*in + s.z1
		s.z1 = s.b1*in - s.a1*y + s.z2
		s.z2 = s.b2*in - s.a2*y
		w := p.b0*y + p.z1
		p.z1 = p.b1*y - p.a1*w + p.z2
		p.z2 = p.b2*y - p.a2*w
		sum += w * w
	}
	const quiet = 1e-20 // denormal numbers are slow
	for _, z := range []*float64{&s.z1, &s.z2, &p.z1, &p.z2} {
		if math.Abs(*z) < quiet {
			*z = 0
		}
	}
	k.shelf, k.pass = s, p
	return sum / float64(len(x))
}

// loudness converts a mean square to LUFS (BS.1770-4, equation 2, one channel).
func loudness(energy float64) float64 { return -0.691 + 10*math.Log10(energy) }

// amplitude converts decibels to a factor.
func amplitude(db float64) float64 { return math.Pow(10, db/20) }
