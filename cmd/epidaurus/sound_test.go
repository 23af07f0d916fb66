package main

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/internal/wav"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/stage/whip"
	"github.com/epidaurus-live/epidaurus/tape"
)

// toneWAV writes a tone as a WAV file.
func toneWAV(t *testing.T, file string, samples int) string {
	t.Helper()
	pcm := make([]float32, samples)
	for i := range pcm {
		pcm[i] = float32(0.3 * math.Sin(2*math.Pi*440*float64(i)/tape.SampleRate))
	}
	err := wav.WriteFile(file, pcm)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// ffmpeg makes one sound file of another.
func ffmpeg(t *testing.T, from, to string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffmpeg", append(append([]string{"-v", "error", "-y", "-i", from}, args...), to)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	return to
}

// take reads packets until there are no more, or enough of them.
func take(t *testing.T, s whip.Source, most int) (all [][]byte) {
	t.Helper()
	for len(all) < most {
		p, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if n, err := ogg.PacketSamples(p); n != tape.FrameSamples || err != nil {
			t.Fatalf("packet %d has %d samples (%v)", len(all), n, err)
		}
		all = append(all, bytes.Clone(p))
	}
	return all
}

// loudness is the RMS of what packets sound like, in dBFS.
func loudness(t *testing.T, all [][]byte) float64 {
	t.Helper()
	decoder, err := codec.NewOpusDecoder()
	if err != nil {
		t.Fatal(err)
	}
	frame, sum, samples := make([]float32, codec.MaxFrameSamples), 0.0, 0
	for _, p := range all {
		n, err := decoder.Decode(p, frame)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range frame[:n] {
			sum += float64(v) * float64(v)
		}
		samples += n
	}
	return 10 * math.Log10(sum/float64(samples))
}

// twice puts the sound on two channels as loud as it was.
const twice = "pan=stereo|c0=c0|c1=c0"

// Every file of a second comes out as a second of 20 ms packets that sound as they did; with --loop it begins again.
func TestReadSound(t *testing.T) {
	dir := t.TempDir()
	source := toneWAV(t, filepath.Join(dir, "tone.wav"), tape.SampleRate)
	for _, row := range []struct{ name, file string }{
		{"WAV", source},
		{"WAVStereo441", ffmpeg(t, source, filepath.Join(dir, "stereo.wav"), "-af", twice, "-ar", "44100", "-c:a", "pcm_s24le")},
		{"Ogg20ms", ffmpeg(t, source, filepath.Join(dir, "20.opus"), "-c:a", "libopus", "-frame_duration", "20")},
		{"Ogg20msStereo", ffmpeg(t, source, filepath.Join(dir, "stereo.opus"), "-af", twice, "-c:a", "libopus", "-frame_duration", "20")},
		{"Ogg60ms", ffmpeg(t, source, filepath.Join(dir, "60.opus"), "-c:a", "libopus", "-frame_duration", "60")},
		{"Ogg10ms", ffmpeg(t, source, filepath.Join(dir, "10.opus"), "-c:a", "libopus", "-frame_duration", "10")},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := readSound(row.file, false)
			if err != nil {
				t.Fatal(err)
			}
			all := take(t, s, 1000)
			if len(all) < 50 || len(all) > 51 { // the encoder's look-ahead is a packet of its own
				t.Errorf("%d packets, want a second", len(all))
			}
			if got, want := loudness(t, all), 20*math.Log10(0.3/math.Sqrt2); math.Abs(got-want) > 1 {
				t.Errorf("it is at %.1f dBFS, want %.1f", got, want)
			}
			looped, err := readSound(row.file, true)
			if err != nil {
				t.Fatal(err)
			}
			if again := take(t, looped, 3*len(all)); len(again) != 3*len(all) {
				t.Errorf("in a loop there are %d packets, want %d", len(again), 3*len(all))
			}
		})
	}
}

// Packets of 20 ms are not encoded again.
func TestOggGoesOutAsItIs(t *testing.T) {
	dir := t.TempDir()
	file := ffmpeg(t, toneWAV(t, filepath.Join(dir, "tone.wav"), tape.SampleRate), filepath.Join(dir, "a.opus"), "-c:a", "libopus")
	s, err := readSound(file, false)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := ogg.NewReader(bytes.NewReader(data))
	for i, p := range take(t, s, 1000) {
		want, err := r.Next()
		if err != nil || !bytes.Equal(p, want.Data) {
			t.Fatalf("packet %d is another (%v)", i, err)
		}
	}
}

// The last packet is filled up, and a sound of one sample is a sound.
func TestShortSound(t *testing.T) {
	for samples, packets := range map[int]int{1: 1, tape.FrameSamples: 1, tape.FrameSamples + 1: 2} {
		s, err := readSound(toneWAV(t, filepath.Join(t.TempDir(), "x.wav"), samples), false)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(take(t, s, 10)); got != packets {
			t.Errorf("%d samples make %d packets, want %d", samples, got, packets)
		}
	}
}

func TestReadSoundRefuses(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		err := os.WriteFile(path, []byte(text), 0o600)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	huge := file("huge", "RIFF")
	err := os.Truncate(huge, maxFile+1) // it has no blocks on the disk
	if err != nil {
		t.Fatal(err)
	}
	source := toneWAV(t, filepath.Join(dir, "tone.wav"), tape.SampleRate)
	long := ffmpeg(t, source, filepath.Join(dir, "long.wav"), "-ar", "8000", "-af", "apad", "-t", "1201") // padded with silence
	vorbis := ffmpeg(t, source, filepath.Join(dir, "vorbis.ogg"), "-c:a", "libvorbis")
	for _, row := range []struct{ name, file, want string }{
		{"Missing", filepath.Join(dir, "none"), "no such file"},
		{"Folder", dir, "is a directory"},
		{"Empty", file("empty", ""), "it is neither WAV nor Ogg Opus; make it one that can: ffmpeg -i FILE"},
		{"Junk", file("junk", "once upon a time"), "it is neither WAV nor Ogg Opus"},
		{"MP3", ffmpeg(t, source, filepath.Join(dir, "a.mp3")), "it is neither WAV nor Ogg Opus"},
		{"JunkWAV", file("junk.wav", "RIFF once upon a time"), "junk.wav"},
		{"EmptyWAV", toneWAV(t, filepath.Join(dir, "none.wav"), 0), "it holds no sound"},
		{"LongWAV", long, "longer than 20 minutes"},
		{"JunkOgg", file("junk.ogg", "OggS once upon a time"), "junk.ogg"},
		{"Vorbis", vorbis, "there is no Opus stream in it"},
		{"Huge", huge, "it is larger than 1 GB"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := readSound(row.file, false)
			if s != nil || err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("source %v, error %v, want one with %q", s, err, row.want)
			}
		})
	}
}
