// Command render synthesises one of the built-in carts and writes it to standard output as 16-bit samples, 48 kHz mono, little-endian.
// render.sh encodes them.
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math"
	"os"
)

const rate = 48000

// note is one of a piece: when, in seconds; which, as MIDI counts; how hard, from 0 to 1.
type note struct {
	at    float64
	pitch int
	force float64
}

// piece is what a cart plays. It stays on D, as the hold sound does.
type piece struct {
	seconds float64
	chord   []int // that swells under it
	notes   []note
}

var pieces = map[string]piece{
	// Up, and open at the end: something begins.
	"intro": {6, []int{38, 50, 57, 62}, []note{
		{0.1, 50, 0.8}, {0.45, 57, 0.6}, {0.8, 62, 0.7}, {1.15, 64, 0.6}, {1.5, 69, 0.8}, {2.2, 67, 0.5}, {2.55, 69, 0.6}, {2.9, 74, 0.9}, {2.93, 62, 0.6}, {2.96, 50, 0.7},
	}},
	// Short, to part two things.
	"jingle": {2.6, nil, []note{{0.05, 69, 0.7}, {0.25, 74, 0.8}, {0.45, 76, 0.7}, {0.65, 81, 0.9}, {0.68, 69, 0.5}, {0.71, 57, 0.5}}},
	// Down, soft and slow: something is missing, and it is meant well. No words: rooms have many languages.
	"apology": {4.5, []int{50, 57, 60}, []note{{0.1, 69, 0.55}, {0.8, 65, 0.5}, {1.5, 62, 0.55}, {1.53, 50, 0.4}, {2.5, 60, 0.35}, {3.0, 62, 0.4}}},
}

func main() {
	sound, err := render(os.Args[1])
	if err == nil {
		out := bufio.NewWriter(os.Stdout)
		err = binary.Write(out, binary.LittleEndian, sound)
		if err == nil {
			err = out.Flush()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func render(name string) ([]int16, error) {
	if name == "tone" {
		return tone(10), nil
	}
	p, ok := pieces[name]
	if !ok {
		return nil, fmt.Errorf("there is no cart %q", name)
	}
	dry := make([]float64, int(p.seconds*rate))
	for i, pitch := range p.chord {
		pad(dry, p.seconds, pitch, 0.11+0.03*float64(i))
	}
	for _, n := range p.notes {
		pluck(dry, n)
	}
	return finish(reverberate(dry)), nil
}

// tone is a steady 1 kHz for so many seconds.
func tone(seconds float64) []int16 {
	x := make([]float64, int(seconds*rate))
	for i := range x {
		x[i] = math.Sin(2 * math.Pi * 1000 * float64(i) / rate)
	}
	return finish(x)
}

// pluck adds a string plucked at a fifth of its length: the higher its partials, the weaker and shorter.
func pluck(x []float64, n note) {
	f0 := hertz(n.pitch)
	sustain := 2.2 * math.Pow(hertz(50)/f0, 0.45)
	for k := 1.0; k <= 16 && f0*k < 7000; k++ {
		f := f0 * k * math.Sqrt(1+0.00012*k*k)
		level := 0.5 * n.force * math.Abs(math.Sin(math.Pi*k*0.2)) / math.Pow(k, 2.1-0.4*n.force)
		decay := sustain / (1 + 0.28*(k-1))
		for i := int(n.at * rate); i < len(x); i++ {
			t := float64(i)/rate - n.at
			x[i] += level * math.Min(1, t/0.003) * math.Exp(-t/decay) * math.Sin(2*math.Pi*f*t)
		}
	}
}

// pad adds a note of a chord that swells and ebbs over the whole piece, as two sines that beat slowly.
func pad(x []float64, seconds float64, pitch int, drift float64) {
	f := hertz(pitch)
	level := 0.035 * math.Pow(hertz(50)/f, 0.6)
	for i := range x {
		t := float64(i) / rate
		swell := math.Pow(math.Sin(math.Pi*t/seconds), 2)
		x[i] += level * swell * (math.Sin(2*math.Pi*f*t) + math.Sin(2*math.Pi*(f+drift)*t))
	}
}

// reverberate adds a small room: combs of different lengths, and two all-passes (Schroeder).
func reverberate(dry []float64) []float64 {
	wet := make([]float64, len(dry))
	for _, delay := range []int{1687, 1931, 2053, 2251} {
		line := make([]float64, delay)
		for i, v := range dry {
			out := line[i%delay]
			wet[i] += out / 4
			line[i%delay] = v + 0.75*out
		}
	}
	for _, delay := range []int{347, 113} {
		line := make([]float64, delay)
		for i, v := range wet {
			out := line[i%delay]
			line[i%delay] = v + 0.7*out
			wet[i] = out - 0.7*line[i%delay]
		}
	}
	for i := range wet {
		wet[i] = dry[i] + 0.25*wet[i]
	}
	return wet
}

func hertz(pitch int) float64 { return 440 * math.Pow(2, float64(pitch-69)/12) }

// finish brings the peak to -6 dBFS, and the ends to silence.
func finish(x []float64) []int16 {
	const in, out = rate / 200, rate / 3
	peak := 0.0
	for _, v := range x {
		peak = math.Max(peak, math.Abs(v))
	}
	y := make([]int16, len(x))
	for i, v := range x {
		edge := math.Min(1, math.Min(float64(i)/in, float64(len(x)-1-i)/out))
		y[i] = int16(math.Round(v / peak * edge * math.MaxInt16 / 2))
	}
	return y
}
