package mix_test

import (
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/mix"
)

// Behind the curtain nothing of a voice is heard, but a cart is; when it opens the voice is there within a tick, and without a click.
func TestCurtain(t *testing.T) {
	m := newMixer()
	v := open(t, m, "ada")
	words := encode(t, tone(440, 0.3, 6*time.Second))
	m.Curtain(true)
	cart := mix.NewCart("jingle", tone(220, 0.3, time.Second))
	out := run(m, 6*time.Second, send(v, words, tick, 0), func(now time.Duration) {
		switch now {
		case 2 * time.Second:
			m.Play(cart)
		case 4 * time.Second:
			m.Curtain(false)
		}
	})
	second := func(from, to float64) []float32 { return out[int(from*rate):int(to*rate)] }
	if got := rms(second(0, 2)); got > -100 {
		t.Errorf("behind the curtain the voice has %.1f dB", got)
	}
	if got := rms(second(2.2, 2.8)); got < -40 {
		t.Errorf("the cart has %.1f dB", got)
	}
	full := rms(second(5, 6))
	if got := rms(second(4.04, 4.06)); got < full-1 || full < -40 {
		t.Errorf("40 ms after it opened the voice has %.1f dB, a second later %.1f", got, full)
	}
	if got, want := steps(second(3.9, 4.2)), steps(second(5, 6)); got > 1.1*want {
		t.Errorf("it opens with a step of %.4f, the tone has %.4f", got, want)
	}
}
