package mix

import (
	"math"
	"time"
)

const (
	cartLUFS  = -20.0 // a little below a voice
	cartMost  = 12.0  // dB of gain, for a sound that is nearly silent
	cartBlock = 100 * millisecond
	cartGate  = 0.1 // blocks of less than so much of the mean energy do not count: the sound fades out
)

// MaxCart bounds the length of a cart.
const MaxCart = 30 * time.Second

// Cart is a short sound that is played into a mix, as loud as all others. It does not change.
type Cart struct {
	name string
	pcm  []float32 // whole ticks
}

// NewCart makes a cart of 48 kHz mono, which is copied, cut to MaxCart, and brought to one loudness.
func NewCart(name string, pcm []float32) *Cart {
	pcm = pcm[:min(len(pcm), int(MaxCart/time.Second)*sampleRate)]
	whole := make([]float32, (len(pcm)+frameSamples-1)/frameSamples*frameSamples)
	for i, v := range pcm {
		if v >= -1 && v <= 1 {
			whole[i] = v
		}
	}
	if energy := cartEnergy(whole); energy > 0 {
		gain := float32(amplitude(min(cartLUFS-loudness(energy), cartMost)))
		scale(whole, gain, gain)
	}
	return &Cart{name: name, pcm: whole}
}

// cartEnergy is the mean square of what of x is not far below its mean.
func cartEnergy(x []float32) float64 {
	weight := newKWeighting()
	var blocks []float64
	for len(x) > 0 {
		n := min(len(x), cartBlock)
		blocks = append(blocks, weight.energy(x[:n]))
		x = x[n:]
	}
	if len(blocks) == 0 {
		return 0
	}
	gate := mean(blocks) * cartGate
	var sum float64
	var counted int
	for _, b := range blocks {
		if b >= gate {
			sum += b
			counted++
		}
	}
	return sum / float64(counted)
}

// Name is what it is called.
func (c *Cart) Name() string { return c.name }

// Length is how long it takes.
func (c *Cart) Length() time.Duration { return ofTicks(c.ticks()) }

func (c *Cart) ticks() int { return len(c.pcm) / frameSamples }

// ofTicks is the time of so many ticks.
func ofTicks(ticks int) time.Duration {
	return time.Duration(ticks) * frameSamples * time.Second / sampleRate
}

// player plays one cart at a time. It is owned by Tick.
type player struct {
	cart  *Cart
	at    int   // ticks
	old   *Cart // the cart before, for one tick
	oldAt int
}

// start begins a cart, or with nil ends the one that plays.
func (p *player) start(c *Cart) {
	p.old, p.oldAt = p.cart, p.at
	p.cart, p.at = c, 0
}

// add mixes the next tick into out.
func (p *player) add(out []float32) {
	if p.old != nil {
		play(out, p.old.pcm, p.oldAt*frameSamples, 1, 0)
		p.old = nil
	}
	if p.cart == nil {
		return
	}
	if p.at == p.cart.ticks() {
		p.cart, p.at = nil, 0
		return
	}
	for i, v := range p.cart.pcm[p.at*frameSamples:][:frameSamples] {
		out[i] += v
	}
	p.at++
}

// left is how long the cart goes on, and its name.
func (p *player) left() (string, time.Duration) {
	if p.cart == nil {
		return "", 0
	}
	return p.cart.name, ofTicks(p.cart.ticks() - p.at)
}

// toTicks is the whole ticks nearest to d.
func toTicks(d time.Duration) int {
	return int(math.Round(d.Seconds() * sampleRate / frameSamples))
}
