package mix_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/mix"
)

// Thirteen who speak at once do not clip.
func TestThirteenAtOnceDoNotClip(t *testing.T) {
	for _, lufs := range []float64{-12, -30}[:lesser(2, 1)] {
		voices := [][][]byte{spoken(t, "ada.ogg", lufs), spoken(t, "grace.ogg", lufs)}
		m := newMixer()
		var events []event
		for i := range 13 {
			packets := voices[i%2]
			turn := i * 61 % len(packets)
			packets = append(packets[turn:len(packets):len(packets)], packets[:turn]...)
			events = append(events, send(open(t, m, fmt.Sprint("p", i)), packets, tick, time.Duration(i)*1500*time.Microsecond)...)
		}
		lufs, peak := measure(t, run(m, lesser(9*time.Second, 4*time.Second), events, nil))
		t.Logf("%.1f LUFS, %.2f dBTP", lufs, peak)
		if peak > -0.9 {
			t.Errorf("the true peak is %.2f dBTP, want -0.9 at most", peak)
		}
		if lufs < -14 {
			t.Errorf("the sum is at %.1f LUFS, want it loud", lufs)
		}
	}
}

// Tones far above the ceiling are turned down without being bent: nothing beside them, neither waves of the gain nor harmonics.
func TestLimiterKeepsTonesPure(t *testing.T) {
	for _, hz := range []float64{80, 440, 5000}[:lesser(3, 1)] {
		m := mix.New(mix.Config{NewDecoder: func() (mix.Decoder, error) { return &toneDecoder{hz: hz, amplitude: 0.9}, nil }})
		var events []event
		for i := range 13 {
			packets := make([][]byte, 7*50)
			for n := range packets {
				packets[n] = tonePayload(n)
			}
			events = append(events, send(open(t, m, fmt.Sprint("p", i)), packets, tick, 0)...)
		}
		heard := run(m, 7*time.Second, events, nil)
		db := besides(heard[6*rate:], hz)
		_, peak := measure(t, heard)
		t.Logf("%.0f Hz: %.1f dB beside it, %.2f dBTP", hz, db, peak)
		if db > -60 {
			t.Errorf("%.0f Hz: everything beside it is at %.1f dB, want -60 at most", hz, db)
		}
		if peak > -0.9 {
			t.Errorf("%.0f Hz: the true peak is %.2f dBTP, want -0.9 at most", hz, peak)
		}
	}
}
