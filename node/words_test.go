package node

import (
	"math"
	"slices"
	"testing"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/tape"
)

// A word is a tone: what is heard can be told by its pitch, in Hz, after any number of encodings.
const (
	wordA = 600.0
	wordB = 2300.0
	wordC = 3700.0
)

// speech encodes words as a microphone would, one packet of 20 ms after the other.
type speech struct {
	encoder *codec.OpusEncoder
	at      int // samples
}

func newSpeech(t testing.TB) *speech {
	t.Helper()
	encoder, err := codec.NewOpusEncoder(codec.ForVariant(tape.Opus48))
	if err != nil {
		t.Fatal(err)
	}
	return &speech{encoder: encoder}
}

// packet is the next 20 ms of a word; 0 is a pause.
func (s *speech) packet(t testing.TB, hz float64) []byte {
	t.Helper()
	pcm := make([]float32, tape.FrameSamples)
	for i := range pcm {
		if hz > 0 {
			pcm[i] = float32(0.2 * math.Sin(2*math.Pi*hz*float64(s.at+i)/tape.SampleRate))
		}
	}
	s.at += len(pcm)
	packet := make([]byte, codec.MaxPacketBytes)
	n, err := s.encoder.Encode(pcm, packet)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(packet[:n])
}

// decodePackets is what a listener's loudspeaker plays.
func decodePackets(t testing.TB, packets [][]byte) (pcm []float32) {
	t.Helper()
	decoder, err := codec.NewOpusDecoder()
	if err != nil {
		t.Fatal(err)
	}
	frame := make([]float32, codec.MaxFrameSamples)
	for _, p := range packets {
		n, err := decoder.Decode(p, frame)
		if err != nil {
			t.Fatal(err)
		}
		pcm = append(pcm, frame[:n]...)
	}
	return pcm
}

// wordTime is for how many seconds a word is heard in pcm: in parts of 40 ms, those in which its pitch is there above -50 dBFS, and
// is no mere trace of another sound that begins or is encoded badly.
func wordTime(pcm []float32, hz float64) (seconds float64) {
	const part = 1920
	for ; len(pcm) >= part; pcm = pcm[part:] {
		var re, im, energy float64
		for i, v := range pcm[:part] {
			window := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/part)
			phase := 2 * math.Pi * hz * float64(i) / tape.SampleRate
			energy += float64(v) * float64(v) / part
			re += float64(v) * window * math.Cos(phase)
			im += float64(v) * window * math.Sin(phase)
		}
		if amplitude := math.Hypot(re, im) * 4 / part; amplitude > 0.003 && amplitude*amplitude/2 > energy/50 {
			seconds += float64(part) / tape.SampleRate
		}
	}
	return seconds
}

// hearsSome is hears of what was said in real time: a busy machine says less of it, or swallows some.
func hearsSome(t *testing.T, who string, pcm []float32, want map[float64]float64) {
	t.Helper()
	for hz, seconds := range want {
		got := wordTime(pcm, hz)
		if seconds == 0 && got > 0 || got < seconds/2 || got > seconds+0.25 {
			t.Errorf("%s: the word of %g Hz is heard for %.2f s, want %.2f", who, hz, got, seconds)
		}
	}
}

// hears checks for how long each word is heard, give or take a quarter of a second; one of no seconds must not be heard at all.
func hears(t *testing.T, who string, pcm []float32, want map[float64]float64) {
	t.Helper()
	for hz, seconds := range want {
		got := wordTime(pcm, hz)
		if seconds == 0 && got > 0 || math.Abs(got-seconds) > 0.25 {
			t.Errorf("%s: the word of %g Hz is heard for %.2f s, want %.2f", who, hz, got, seconds)
		}
	}
}
