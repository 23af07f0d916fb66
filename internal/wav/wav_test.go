package wav_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/internal/wav"
)

// tone is n samples of a sine of amplitude one half.
func tone(hz float64, rate, n int) []float32 {
	pcm := make([]float32, n)
	for i := range pcm {
		pcm[i] = float32(0.5 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return pcm
}

// distance is the energy of a-b against that of b in dB, away from the ends.
func distance(a, b []float32) float64 {
	var diff, ref float64
	for i := 500; i < min(len(a), len(b))-500; i++ {
		d := float64(a[i]) - float64(b[i])
		diff += d * d
		ref += float64(b[i]) * float64(b[i])
	}
	return 10 * math.Log10(diff/ref)
}

func TestReadWhatFfmpegWrites(t *testing.T) {
	cases := []struct {
		codec    string
		rate     string
		channels int
		limit    float64 // dB
	}{
		{"pcm_s16le", "48000", 1, -85},
		{"pcm_s16le", "44100", 2, -80},
		{"pcm_s24le", "96000", 2, -80},
		{"pcm_s32le", "16000", 1, -80},
		{"pcm_f32le", "22050", 6, -80},
		{"pcm_f64le", "11025", 1, -80},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%s/%s/%d", c.codec, c.rate, c.channels), func(t *testing.T) {
			same := strings.TrimSuffix(strings.Repeat("0.5*sin(2*PI*1000*t)|", c.channels), "|")
			cmd := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "aevalsrc="+same+":d=1:s="+c.rate,
				"-c:a", c.codec, "-f", "wav", "-")
			var failure bytes.Buffer
			cmd.Stderr = &failure
			file, err := cmd.Output()
			if err != nil {
				t.Fatalf("ffmpeg: %v: %s", err, &failure)
			}
			pcm, err := wav.Read(bytes.NewReader(file))
			if err != nil {
				t.Fatal(err)
			}
			if len(pcm) != wav.Rate {
				t.Errorf("%d samples, want %d", len(pcm), wav.Rate)
			}
			if d := distance(pcm, tone(1000, wav.Rate, len(pcm))); d > c.limit {
				t.Errorf("differs from the tone by %.1f dB, want %.1f at most", d, c.limit)
			}
		})
	}
}

func TestReadErrors(t *testing.T) {
	good := waveFile(t, tone(440, wav.Rate, 100))
	change := func(at int, b ...byte) []byte {
		file := bytes.Clone(good)
		copy(file[at:], b)
		return file
	}
	cases := map[string][]byte{
		"empty":           nil,
		"not riff":        []byte("OggS and so on, and so on"),
		"no sound":        good[:36],
		"short format":    change(16, 8),
		"no channels":     change(22, 0),
		"rate of nothing": change(24, 0, 0, 0, 0),
		"mp3 inside":      change(20, 0x55),
		"12 bits":         change(34, 12),
		"huge format":     change(16, 0xff, 0xff, 0xff),
		"no format":       append([]byte("RIFF\x00\x00\x00\x00WAVEdata\x10\x00\x00\x00"), make([]byte, 16)...),
	}
	for name, file := range cases {
		if _, err := wav.Read(bytes.NewReader(file)); !errors.Is(err, wav.ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", name, err)
		}
	}
	broken := errors.New("broken disk")
	_, err := wav.Read(io.MultiReader(bytes.NewReader(good[:60]), failing{broken}))
	if !errors.Is(err, broken) {
		t.Errorf("failing disk: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestReadCutFile(t *testing.T) {
	file := waveFile(t, tone(440, wav.Rate, 1000))
	pcm, err := wav.Read(bytes.NewReader(file[:len(file)-999]))
	if err != nil || len(pcm) != 500 {
		t.Errorf("%d samples, %v; want the 500 that are there", len(pcm), err)
	}
}

func TestReadIsBounded(t *testing.T) {
	head := waveFile(t, nil)
	binary.LittleEndian.PutUint32(head[24:], 1000) // Hz
	binary.LittleEndian.PutUint32(head[40:], math.MaxUint32)
	_, err := wav.Read(io.MultiReader(bytes.NewReader(head), zeros{}))
	if !errors.Is(err, wav.ErrFormat) {
		t.Errorf("endless file: %v, want ErrFormat", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// waveFile is a file made by Writer.
func waveFile(t testing.TB, pcm []float32) []byte {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.wav")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w, err := wav.NewWriter(f)
	if err != nil {
		t.Fatal(err)
	}
	for len(pcm) > 0 {
		n := min(len(pcm), 960)
		if err := w.Write(pcm[:n]); err != nil {
			t.Fatal(err)
		}
		pcm = pcm[n:]
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestWriteAndRead(t *testing.T) {
	want := tone(440, wav.Rate, 48_123)
	want[7], want[8] = 3, -3 // clipped
	got, err := wav.Read(bytes.NewReader(waveFile(t, want)))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d samples, want %d", len(got), len(want))
	}
	want[7], want[8] = 1, -1
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > 1.0/(1<<15) {
			t.Fatalf("sample %d is %v, want %v", i, got[i], want[i])
		}
	}
}

func TestWriterThatWasKilledLeavesSound(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "x.wav"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := wav.NewWriter(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(make([]float32, 960)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	pcm, err := wav.Read(f)
	if err != nil || len(pcm) != 960 {
		t.Errorf("%d samples, %v; want 960", len(pcm), err)
	}
}

func FuzzRead(f *testing.F) {
	file := waveFile(f, tone(440, wav.Rate, 50))
	f.Add(file)
	f.Add(file[:50])
	extensible := bytes.Clone(file)
	extensible[20], extensible[21] = 0xfe, 0xff
	f.Add(extensible)
	odd := bytes.Clone(file)
	binary.LittleEndian.PutUint32(odd[24:], 47_999)
	f.Add(odd)
	f.Fuzz(func(t *testing.T, file []byte) {
		pcm, err := wav.Read(bytes.NewReader(file))
		if err != nil && pcm != nil {
			t.Error("sound beside an error")
		}
		for i, v := range pcm {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatalf("sample %d is %v", i, v)
			}
		}
	})
}

// What is written comes back, in whatever parts, to a step of 16 bits.
func FuzzWriter(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 255, 254, 0x7f, 0x80}, uint8(3))
	f.Add([]byte{}, uint8(0))
	f.Fuzz(func(t *testing.T, sound []byte, part uint8) {
		pcm := make([]float32, len(sound))
		for i, b := range sound {
			pcm[i] = float32(int8(b)) / 100 // beyond full scale, too
		}
		file, err := os.Create(filepath.Join(t.TempDir(), "x.wav"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close() //nolint:errcheck // a temporary file
		w, err := wav.NewWriter(file)
		for i, step := 0, max(int(part), 1); i < len(pcm) && err == nil; i += step {
			err = w.Write(pcm[i:min(i+step, len(pcm))])
		}
		if err == nil {
			err = w.Close()
		}
		if err == nil {
			_, err = file.Seek(0, io.SeekStart)
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := wav.Read(file)
		if err != nil || len(got) != len(pcm) {
			t.Fatalf("%d samples came back as %d (%v)", len(pcm), len(got), err)
		}
		for i, v := range got {
			if want := min(max(pcm[i], -1), 1); math.Abs(float64(v-want)) > 1.0/(1<<15) {
				t.Fatalf("sample %d is %v, not %v", i, v, want)
			}
		}
	})
}
