package mix

import "math"

const (
	holdSeam = 50 * millisecond // the loop's end passes into its beginning
	holdRise = 1.0 / 50         // a tick: in after 1 s
	holdFall = 0.871            // a tick: -60 dB in 1 s, but -12 dB after 200 ms, so that the first word is not masked
	holdGone = 0.001            // from which the rest is cut
	holdLUFS = -24.0            // below a voice
	holdMost = 12.0             // dB of gain, for a file that is nearly silent
)

// hold is the sound of a room where nobody speaks yet: a loop that fades in and out.
type hold struct {
	loop  []float32
	at    int
	old   []float32 // the loop before, for one tick
	oldAt int
	on    bool

	factor float32
}

// newLoop returns a copy of pcm at holdLUFS whose end passes into its beginning.
func newLoop(pcm []float32) []float32 {
	loop := make([]float32, len(pcm))
	for i, v := range pcm {
		if v >= -1 && v <= 1 {
			loop[i] = v
		}
	}
	if len(loop) == 0 {
		return nil
	}
	weight := newKWeighting()
	gain := 1.0
	if energy := weight.energy(loop); energy > 0 {
		gain = amplitude(min(holdLUFS-loudness(energy), holdMost))
	}
	scale(loop, float32(gain), float32(gain))
	seam := min(holdSeam, len(loop)/2)
	body := loop[:len(loop)-seam]
	for i, tail := range loop[len(body):] {
		w := (float64(i) + 0.5) / float64(seam) * math.Pi / 2
		body[i] = body[i]*float32(math.Sin(w)) + tail*float32(math.Cos(w))
	}
	return body
}

// change replaces the loop; the tick that follows passes from the old one to the new.
func (h *hold) change(loop []float32) {
	h.old, h.oldAt = h.loop, h.at
	h.loop, h.at = loop, 0
}

// factors moves the gain by one tick and returns it before and after.
func (h *hold) factors() (from, to float32) {
	from = h.factor
	if h.on {
		h.factor = min(h.factor+holdRise, 1)
	} else {
		h.factor *= holdFall
		if h.factor < holdGone {
			h.factor = 0
		}
	}
	return from, h.factor
}

// add mixes the hold sound into out, one tick.
func (h *hold) add(out []float32) {
	from, to := h.factors()
	if from == 0 && to == 0 {
		h.old = nil
		return
	}
	if h.old != nil {
		play(out, h.old, h.oldAt, from, 0)
		h.old = nil
		from = 0
	}
	h.at = play(out, h.loop, h.at, from, to)
}

// play adds loop, from the place at on, to out by a gain that moves from one value to another. It returns the place that follows.
func play(out, loop []float32, at int, from, to float32) int {
	if len(loop) == 0 {
		return 0
	}
	step := (to - from) / float32(len(out))
	for i := range out {
		from += step
		out[i] += loop[at] * from
		at++
		if at == len(loop) {
			at = 0
		}
	}
	return at
}
