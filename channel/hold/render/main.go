// Command render synthesises the default hold sound and writes it to standard output as raw 32-bit floats, 48 kHz mono,
// little-endian. render.sh gives it a room and encodes it.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
)

const (
	rate    = 48000
	preSkip = 312 // opusenc's: with it the sound fills whole frames of 960 samples
	length  = 48*rate - preSkip
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	err := binary.Write(out, binary.LittleEndian, render())
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "write the sound:", err)
		os.Exit(1)
	}
}

// render plays the score: `length` samples with their peak at full scale.
func render() []float32 {
	mix := make([]float64, length)
	hand := rand.New(rand.NewPCG(2, 7)) // nobody plucks on the very beat; seeded, so that every run makes the same sound
	for i, p := range score {
		start := float64(i) * phraseBeats * beat
		pad(mix, start, phraseBeats*beat+3, p.chord)
		for _, n := range p.notes {
			addPluck(mix, start+0.3+n.beat*beat+0.015*hand.NormFloat64(), n.note, n.force)
		}
	}
	return normalise(mix)
}

// addPluck adds a plucked string: partials with the amplitudes of a string plucked at a fifth of its length, the higher
// ones weaker and shorter.
func addPluck(mix []float64, at float64, note int, force float64) {
	const (
		position    = 0.2
		stiffness   = 0.00012
		attack      = 0.003 // seconds
		longest     = 2.6   // seconds to fall to 1/e, at the first partial of the D below middle C
		highestKept = 7000  // Hz
	)
	f0 := hertz(note)
	sustain := longest * math.Pow(hertz(50)/f0, 0.45)
	for k := 1.0; k <= 16; k++ {
		f := f0 * k * math.Sqrt(1+stiffness*k*k)
		if f > highestKept {
			break
		}
		level := 0.5 * force * math.Abs(math.Sin(math.Pi*k*position)) / math.Pow(k, 2.1-0.4*force)
		decay := sustain / (1 + 0.28*(k-1))
		ring(mix, at, 6*decay, func(t float64) float64 {
			return level * math.Min(1, t/attack) * math.Exp(-t/decay) * math.Sin(2*math.Pi*f*t)
		})
	}
}

// pad adds a chord that swells and ebbs over its time, each note as two sines that beat slowly against each other.
func pad(mix []float64, at, seconds float64, chord []int) {
	for i, note := range chord {
		f := hertz(note)
		drift := 0.11 + 0.03*float64(i) // Hz between the two
		level := 0.035 * math.Pow(hertz(50)/f, 0.6)
		ring(mix, at, seconds, func(t float64) float64 {
			swell := math.Pow(math.Sin(math.Pi*t/seconds), 2)
			return level * swell * (math.Sin(2*math.Pi*f*t) + math.Sin(2*math.Pi*(f+drift)*t) + 0.15*math.Sin(4*math.Pi*f*t))
		})
	}
}

// ring adds wave, a function of the seconds since its beginning, to mix.
func ring(mix []float64, at, seconds float64, wave func(t float64) float64) {
	first := max(0, int(at*rate))
	last := min(len(mix), first+int(seconds*rate))
	for i := first; i < last; i++ {
		mix[i] += wave(float64(i-first) / rate)
	}
}

func hertz(note int) float64 { return 440 * math.Pow(2, float64(note-69)/12) }

func normalise(mix []float64) []float32 {
	peak := 0.0
	for _, s := range mix {
		peak = max(peak, math.Abs(s))
	}
	out := make([]float32, len(mix))
	for i, s := range mix {
		out[i] = float32(s / peak)
	}
	return out
}
