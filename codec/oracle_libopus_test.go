//go:build libopus

package codec

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// voice is a sound that needs what speech needs: a harmonic tone that glides, in syllables, over a little noise.
func voice(frames int) []float32 {
	rnd := rand.New(rand.NewPCG(5, 6))
	pcm := make([]float32, frames*FrameSamples)
	phase := 0.0
	for i := range pcm {
		t := float64(i) / SampleRate
		phase += (140 + 40*math.Sin(2*math.Pi*0.7*t)) / SampleRate
		syllable := max(0, math.Sin(2*math.Pi*3*t))
		v := 0.0
		for h := 1; h <= 12; h++ {
			v += math.Sin(2*math.Pi*phase*float64(h)) / float64(h)
		}
		pcm[i] = float32(0.15*syllable*v + 0.002*rnd.NormFloat64())
	}
	return pcm
}

var oracleConfigs = []OpusConfig{
	{Bitrate: 48000, Complexity: 10, Application: Audio},
	{Bitrate: 48000, Complexity: 5, Application: Audio},
	{Bitrate: 24000, Complexity: 10, Application: Voice},
	{Bitrate: 12000, Complexity: 10, Application: Voice},
	{Bitrate: 12000, Complexity: 5, Application: Voice},
}

// The pure Go library hears what libopus hears, in whatever either of them encoded.
func TestDecodersAgree(t *testing.T) {
	for _, c := range oracleConfigs {
		pure, lib := bothEncoders(t, c)
		for name, enc := range map[string]opusEncoder{"gopus": pure, "libopus": lib} {
			worst, _ := compareDecoders(t, enc, 0)
			t.Logf("%+v by %s: samples differ by %.6f at most", c, name, worst)
			if worst > 0.001 {
				t.Errorf("%+v by %s: samples differ by %.6f", c, name, worst)
			}
		}
	}
}

// Through losses the two differ more, because libopus changed its concealment between 1.3 and 1.6, which gopus follows.
func TestDecodersAgreeThroughLosses(t *testing.T) {
	for _, c := range oracleConfigs {
		pure, _ := bothEncoders(t, c)
		_, db := compareDecoders(t, pure, 20)
		t.Logf("%+v: differs by %.1f dB", c, db)
		if db > -20 {
			t.Errorf("%+v: differs by %.1f dB", c, db)
		}
	}
}

func bothEncoders(t *testing.T, c OpusConfig) (pure, lib opusEncoder) {
	t.Helper()
	pure, err := newGopusEncoder(c)
	if err != nil {
		t.Fatal(err)
	}
	lib, err = newLibopusEncoder(c)
	if err != nil {
		t.Fatal(err)
	}
	return pure, lib
}

// compareDecoders gives both decoders the same packets, of which each loss-th is lost, and returns the largest difference of a sample
// and the level of all differences against the sound in dB.
func compareDecoders(t *testing.T, enc opusEncoder, loss int) (worst, db float64) {
	t.Helper()
	a, err := newGopusDecoder()
	if err != nil {
		t.Fatal(err)
	}
	b, err := newLibopusDecoder()
	if err != nil {
		t.Fatal(err)
	}
	pcm := voice(250)
	packet := make([]byte, MaxPacketBytes)
	x, y := make([]float32, MaxFrameSamples), make([]float32, MaxFrameSamples)
	var diff, sound float64
	for i := 0; i < len(pcm); i += FrameSamples {
		n, err := enc.encode(pcm[i:i+FrameSamples], packet)
		if err != nil {
			t.Fatal(err)
		}
		if loss > 0 && i/FrameSamples%loss == loss-1 {
			errA, errB := a.conceal(x[:FrameSamples:FrameSamples]), b.conceal(y[:FrameSamples:FrameSamples])
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
		} else {
			na, errA := a.decode(packet[:n], x)
			nb, errB := b.decode(packet[:n], y)
			if errA != nil || errB != nil || na != nb {
				t.Fatal(na, nb, errA, errB)
			}
		}
		for k := range x[:FrameSamples] {
			d := float64(x[k]) - float64(y[k])
			worst = max(worst, math.Abs(d))
			diff, sound = diff+d*d, sound+float64(y[k])*float64(y[k])
		}
	}
	return worst, 10 * math.Log10(diff/sound)
}

// The pure Go encoder makes packets of libopus's size; many are the same bytes.
func TestEncodersAgree(t *testing.T) {
	pcm := voice(250)
	for _, c := range oracleConfigs {
		pure, lib := bothEncoders(t, c)
		p, q := make([]byte, MaxPacketBytes), make([]byte, MaxPacketBytes)
		same, np, nq := 0, 0, 0
		for i := 0; i < len(pcm); i += FrameSamples {
			n, errP := pure.encode(pcm[i:i+FrameSamples], p)
			m, errQ := lib.encode(pcm[i:i+FrameSamples], q)
			if errP != nil || errQ != nil {
				t.Fatal(errP, errQ)
			}
			if bytes.Equal(p[:n], q[:m]) {
				same++
			}
			np, nq = np+n, nq+m
		}
		t.Logf("%+v: %d of 250 packets are the same; %d bytes against %d", c, same, np, nq)
		if ratio := float64(np) / float64(nq); ratio < 0.85 || ratio > 1.15 {
			t.Errorf("%+v: %d bytes, libopus makes %d", c, np, nq)
		}
	}
}

// Hostile packets are refused by both, or by none.
func TestDecodersRefuseTheSame(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 8))
	x, y := make([]float32, MaxFrameSamples), make([]float32, MaxFrameSamples)
	differ := 0
	for range 5000 {
		a, err := newGopusDecoder()
		if err != nil {
			t.Fatal(err)
		}
		b, err := newLibopusDecoder()
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, 1+rnd.IntN(60))
		for i := range p {
			p[i] = byte(rnd.Uint32())
		}
		na, errA := a.decode(p, x)
		nb, errB := b.decode(p, y)
		if (errA == nil) != (errB == nil) || errA == nil && na != nb {
			differ++
			t.Logf("% x: gopus %d, %v; libopus %d, %v", p, na, errA, nb, errB)
		}
	}
	if differ > 0 {
		t.Errorf("%d of 5000 packets are taken by one and refused by the other", differ)
	}
}
