package plan

import "math"

// Manner is how a listener reads what he is sent.
type Manner uint8

// The manners of listeners.
const (
	Good  Manner = iota
	Slow         // reads SlowRate bytes a second
	Stuck        // does not read
)

// defaultSlowRate is a twelfth of what 48 kbit/s bring.
const defaultSlowRate = 500

// Role is how the n-th listener reads, and how closely he looks. The shares are exact over any run of listeners, the sample's among those
// who read well.
func (p *Plan) Role(n int) (Manner, Check) {
	bad := p.Slow + p.Stuck
	before := part(n, bad)
	if part(n+1, bad) > before {
		if part(before+1, p.Stuck/bad) > part(before, p.Stuck/bad) {
			return Stuck, Bytes
		}
		return Slow, Bytes
	}
	if good := n - before; part(good+1, p.Sample) > part(good, p.Sample) {
		return Good, Packets
	}
	return Good, p.Rest
}

// Rate is how many bytes slow listeners read in a second.
func (p *Plan) Rate() int {
	if p.SlowRate == 0 {
		return defaultSlowRate
	}
	return p.SlowRate
}

// part is a share of n, rounded down but for what shares such as 0.07 lack as binary numbers.
func part(n int, share float64) int {
	const lack = 1e-9
	return int(math.Floor(float64(n)*share + lack))
}
