package node

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/internal/wav"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
)

func TestHoldSound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string, content []byte) string { return write(t, filepath.Join(dir, name), string(content)) }
	for _, row := range []struct {
		name, file string
		samples    int // 0: any
		want       string
	}{
		{"Embedded", "", 0, ""},
		{"WAV", file("a.wav", wavFile(t, dir, tape.SampleRate/2)), tape.SampleRate / 2, ""},
		{"Ogg", file("a.ogg", oggFile(t, 25, opusPacket(t))), 25*tape.FrameSamples - 312, ""},
		{"OggOfTenMinutes", file("long.ogg", oggFile(t, 10*60*tape.FramesPerSec+1, tape.SilencePacket)), 0, "long.ogg is longer than ten minutes: give a loop of a minute or so"},
		{"Junk", file("junk", []byte("once upon a time")), 0, "junk is neither WAV nor Ogg Opus"},
		{"JunkWAV", file("junk.wav", []byte("RIFF once upon a time")), 0, "junk.wav is neither WAV nor Ogg Opus"},
		{"Empty", file("empty", nil), 0, "empty is neither WAV nor Ogg Opus"},
		{"EmptyWAV", file("empty.wav", wavFile(t, dir, 0)), 0, "empty.wav holds no sound"},
		{"EmptyOgg", file("empty.ogg", oggFile(t, 0, nil)), 0, "empty.ogg holds no sound"},
		{"Missing", filepath.Join(dir, "none"), 0, "read the hold sound"},
		{"Folder", dir, 0, "read the hold sound"},
	} {
		t.Run(row.name, func(t *testing.T) {
			cfg := Config{HoldSound: row.file}
			pcm, err := cfg.holdSound()
			if row.want != "" {
				fails(t, err, row.want)
				return
			}
			if err != nil || len(pcm) == 0 || row.samples != 0 && len(pcm) != row.samples {
				t.Errorf("%d samples (%v), want %d", len(pcm), err, row.samples)
			}
		})
	}
}

func sine(samples int) []float32 {
	pcm := make([]float32, samples)
	for i := range pcm {
		pcm[i] = float32(0.1 * math.Sin(2*math.Pi*440*float64(i)/tape.SampleRate))
	}
	return pcm
}

func wavFile(t testing.TB, dir string, samples int) []byte {
	t.Helper()
	name := filepath.Join(dir, "sine.wav")
	err := wav.WriteFile(name, sine(samples))
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// opusPacket is 20 ms of sound.
func opusPacket(t *testing.T) []byte {
	t.Helper()
	encoder, err := codec.NewOpusEncoder(codec.ForVariant(tape.Opus12))
	if err != nil {
		t.Fatal(err)
	}
	packet := make([]byte, codec.MaxPacketBytes)
	size, err := encoder.Encode(sine(tape.FrameSamples), packet)
	if err != nil {
		t.Fatal(err)
	}
	return packet[:size]
}

// oggFile repeats one packet.
func oggFile(t *testing.T, packets int, packet []byte) []byte {
	t.Helper()
	return oggOf(t, slices.Repeat([][]byte{packet}, packets))
}

func oggOf(t testing.TB, packets [][]byte) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := ogg.NewWriter(&file, 1, ogg.Head{PreSkip: 312})
	for _, packet := range packets {
		if err == nil {
			err = w.WritePacket(packet)
		}
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// Whatever a host gives as a sound ends in samples or an error, and in no more of them than may be kept.
func FuzzDecodeSound(f *testing.F) {
	f.Add(oggOf(f, [][]byte{tape.SilencePacket, tape.SilencePacket}))
	f.Add([]byte("RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\xbb\x00\x00\x00\x77\x01\x00\x02\x00\x10\x00data\x02\x00\x00\x00ab"))
	f.Fuzz(func(t *testing.T, file []byte) {
		const most = tape.SampleRate
		if bytes.HasPrefix(file, []byte("RIFF")) {
			_, _ = decodeSound(file, most) // what is in it, the package wav looks at
			return
		}
		pcm, err := decodeSound(file, most)
		if err != nil && pcm != nil || len(pcm) > most+codec.MaxFrameSamples {
			t.Errorf("%d samples, %v", len(pcm), err)
		}
	})
}
