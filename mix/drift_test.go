package mix_test

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/mix"
)

// toneDecoder plays packets that only say at which sample of a steady tone they begin. It knows when a sample was left out, played
// twice or concealed.
type toneDecoder struct {
	hz, amplitude float64
	at            uint64
	played        int
	broken        int // places where the next packet did not follow the last
	concealed     int
}

const tonePacket = 0xf8 // 20 ms, one frame

func tonePayload(n int) []byte {
	return binary.BigEndian.AppendUint64([]byte{tonePacket}, uint64(n)*frame)
}

func (d *toneDecoder) Decode(packet []byte, pcm []float32) (int, error) {
	if len(packet) != 9 || packet[0] != tonePacket {
		return 0, errors.New("not a tone")
	}
	at := binary.BigEndian.Uint64(packet[1:])
	if d.played > 0 && at != d.at {
		d.broken++
	}
	d.at = at
	d.played++
	d.write(pcm[:frame])
	return frame, nil
}

func (d *toneDecoder) Conceal(pcm []float32) error {
	d.concealed++
	d.write(pcm)
	return nil
}

func (d *toneDecoder) Recover(_ []byte, pcm []float32) error { return d.Conceal(pcm) }

// write goes on with the tone, by turning a pointer.
func (d *toneDecoder) write(pcm []float32) {
	sin, cos := math.Sincos(2 * math.Pi * math.Mod(d.hz*float64(d.at), rate) / rate)
	turnSin, turnCos := math.Sincos(2 * math.Pi * d.hz / rate)
	for i := range pcm {
		pcm[i] = float32(d.amplitude * sin)
		sin, cos = sin*turnCos+cos*turnSin, cos*turnCos-sin*turnSin
	}
	d.at += uint64(len(pcm))
}

// drifting plays a tone for d whose sender's clock is fast by ppm, over arrivals that are late by up to jitter. each gets every frame.
func drifting(t testing.TB, dec *toneDecoder, ppm float64, jitter, d time.Duration, each func(n int, out []float32)) *mix.Voice {
	t.Helper()
	m := mix.New(mix.Config{NewDecoder: func() (mix.Decoder, error) { return dec, nil }})
	v := open(t, m, "tone")
	r := random(3)
	period := float64(tick) / (1 + ppm*1e-6)
	var out [frame]float32
	var waiting []event
	sent := 0
	for n := range int(d / tick) {
		now := time.Duration(n) * tick
		for ; float64(sent)*period <= float64(now); sent++ {
			at := time.Duration(float64(sent)*period) + time.Duration(r.Float64()*float64(jitter))
			waiting = append(waiting, event{seq: uint16(sent), ts: uint32(sent * frame), payload: tonePayload(sent), at: at})
		}
		waiting = slices.DeleteFunc(waiting, func(e event) bool {
			if e.at <= now {
				v.Push(e.seq, e.ts, e.payload, e.at)
			}
			return e.at <= now
		})
		m.Tick(out[:], now)
		if each != nil {
			each(n, out[:])
		}
	}
	return v
}

// Two hours at 100 ppm are 0.72 s of sound too much or too little: nothing may be left out, concealed or late, and the delay may not
// move.
func TestDriftLosesNothing(t *testing.T) {
	for _, tt := range []struct {
		name string
		ppm  float64
		d    time.Duration
	}{
		{"fast", 100, 2 * time.Hour},
		{"slow", -100, 2 * time.Hour},
		{"very fast", 500, 10 * time.Minute},
		{"very slow", -500, 10 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := lesser(tt.d, min(tt.d, time.Minute))
			dec := &toneDecoder{hz: 440, amplitude: 0.1}
			v := drifting(t, dec, tt.ppm, 5*time.Millisecond, d, nil)
			s := v.Stats()
			t.Logf("%+v", s)
			if dec.broken+dec.concealed > 0 || s.Lost+s.Late+s.Concealed+s.Errors+s.Discarded+s.Restarts > 0 {
				t.Errorf("%d holes, %d concealments, %+v; want none", dec.broken, dec.concealed, s)
			}
			if want := int(float64(d) * (1 + tt.ppm*1e-6) / float64(tick)); dec.played < want-4 || dec.played > want+1 {
				t.Errorf("%d packets are played, want %d", dec.played, want)
			}
			if s.Buffer > 35*time.Millisecond {
				t.Errorf("the delay is %v at the end, want 35 ms at most", s.Buffer)
			}
			if math.Abs(s.DriftPPM-tt.ppm) > 30 {
				t.Errorf("the drift is found to be %.0f ppm, want %.0f", s.DriftPPM, tt.ppm)
			}
		})
	}
}

// besides returns how far below the tone everything is that is more than 8 Hz away from it, in dB. x is one second.
func besides(x []float32, hz float64) float64 {
	windowed := make([]float64, len(x))
	for i, v := range x { // Blackman-Harris: nothing leaks beyond 4 Hz above -92 dB
		p := 2 * math.Pi * float64(i) / float64(len(x))
		windowed[i] = float64(v) * (0.35875 - 0.48829*math.Cos(p) + 0.14128*math.Cos(2*p) - 0.01168*math.Cos(3*p))
	}
	var all, near float64
	for _, v := range windowed {
		all += v * v
	}
	for f := hz - 8; f <= hz+8; f++ {
		var re, im float64
		for i, v := range windowed {
			s, c := math.Sincos(2 * math.Pi * f / rate * float64(i))
			re += v * c
			im += v * s
		}
		near += 2 * (re*re + im*im) / float64(len(x))
	}
	return 10 * math.Log10(max(all-near, 1e-12*all)/all)
}

// residue returns how far below the tone everything else in x is, in dB: what remains when the best fitting steady tone is taken away.
func residue(x []float32, hz float64) float64 {
	power := 0.0
	for _, v := range x {
		power += float64(v) * float64(v)
	}
	rest := func(f float64) float64 {
		var sc, ss, cc, xs, xc float64
		w := 2 * math.Pi * f / rate
		for i, v := range x {
			s, c := math.Sincos(w * float64(i))
			sc += s * c
			ss += s * s
			cc += c * c
			xs += float64(v) * s
			xc += float64(v) * c
		}
		det := ss*cc - sc*sc
		return power - (xs*xs*cc-2*xs*xc*sc+xc*xc*ss)/det
	}
	lo, hi := hz-1, hz+1
	for range 20 { // the rest is a parabola near its least
		if a, b := lo+(hi-lo)/3, hi-(hi-lo)/3; rest(a) < rest(b) {
			hi = b
		} else {
			lo = a
		}
	}
	return 10 * math.Log10(max(rest((lo+hi)/2), 1e-12*power)/power)
}

// A steady tone leaves as one: everything beside it is 50 dB below in each second, also while the delay is led to its target; and when
// it is there, the tone itself is as steady as that.
func TestToneStaysPure(t *testing.T) {
	const settled = 25
	for _, ppm := range []float64{100, -100, 0}[:lesser(3, 1)] {
		dec := &toneDecoder{hz: 440, amplitude: 0.1}
		var second []float32
		drifting(t, dec, ppm, 2*time.Millisecond, 30*time.Second, func(n int, out []float32) {
			second = append(second, out...)
			if len(second) < rate {
				return
			}
			if db := besides(second, 440); n > 50 && db > -50 {
				t.Errorf("%+.0f ppm: everything beside the tone is at %.1f dB in second %d, want -50 at most", ppm, db, n/50)
			}
			if n/50 >= settled {
				if db := residue(second, 440); db > -50 {
					t.Errorf("%+.0f ppm: everything but a steady tone is at %.1f dB in second %d, want -50 at most", ppm, db, n/50)
				}
			}
			second = second[:0]
		})
	}
}
