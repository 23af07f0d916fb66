package hold_test

import (
	"bytes"
	"io"
	"math"
	"testing"

	"github.com/epidaurus-live/epidaurus/channel/hold"
	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
)

// TestLoop decodes the file and looks at the seam.
func TestLoop(t *testing.T) {
	pcm := decode(t, hold.Opus)
	if want := 2400*codec.FrameSamples - codec.OpusPreSkip; len(pcm) != want {
		t.Errorf("%d samples, want %d", len(pcm), want)
	}
	const edge, floor = 480, 0.002 // 10 ms; −54 dBFS
	for _, stretch := range [][]float32{pcm[:edge], pcm[len(pcm)-edge:]} {
		for _, s := range stretch {
			if math.Abs(float64(s)) > floor {
				t.Fatalf("sample %g at the seam, want at most %g", s, floor)
			}
		}
	}
	energy := 0.0
	for _, s := range pcm {
		energy += float64(s) * float64(s)
	}
	if db := 10 * math.Log10(energy/float64(len(pcm))); db < -34 || db > -20 {
		t.Errorf("mean level is %.1f dBFS, want something quiet that can be heard", db)
	}
}

func decode(t *testing.T, file []byte) []float32 {
	t.Helper()
	decoder, err := codec.NewOpusDecoder()
	if err != nil {
		t.Fatal(err)
	}
	var pcm []float32
	buf := make([]float32, codec.MaxFrameSamples)
	for r := ogg.NewReader(bytes.NewReader(file)); ; {
		p, err := r.Next()
		if err == io.EOF {
			return pcm
		}
		if err != nil {
			t.Fatal(err)
		}
		n, err := decoder.Decode(p.Data, buf)
		if err != nil {
			t.Fatal(err)
		}
		pcm = append(pcm, buf[p.Skip:n-p.Trim]...)
	}
}
