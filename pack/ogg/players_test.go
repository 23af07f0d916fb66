//go:build unix

package ogg_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/internal/wav"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
)

// run runs a program, fails the test when it fails, and returns what it said.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// tonePackets is n frames of 440 Hz, encoded.
func tonePackets(t *testing.T, n int) [][]byte {
	t.Helper()
	enc, err := codec.NewOpusEncoder(codec.ForVariant(tape.Opus48))
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]float32, tape.FrameSamples)
	buf := make([]byte, codec.MaxPacketBytes)
	packets := make([][]byte, n)
	for i := range packets {
		for k := range pcm {
			pcm[k] = float32(0.3 * math.Sin(2*math.Pi*440*float64(i*tape.FrameSamples+k)/tape.SampleRate))
		}
		size, err := enc.Encode(pcm, buf)
		if err != nil {
			t.Fatal(err)
		}
		packets[i] = bytes.Clone(buf[:size])
	}
	return packets
}

const frames = 60 // 1.2 s

// Listeners join a stream anywhere, weeks after its beginning too: its first granule position is then large, and its page numbers do
// not follow those of the head.
func TestPlayersTakeAStreamJoinedAnywhere(t *testing.T) {
	packets := tonePackets(t, frames)
	head := ogg.Head{PreSkip: codec.OpusPreSkip, Vendor: "Epidaurus", Comments: []string{"TITLE=Harbour talk"}}
	for _, from := range []tape.Number{0, 7, 1_234_567, 50 * 86_400 * 900} {
		t.Run(fmt.Sprint(from), func(t *testing.T) {
			t.Parallel()
			b := ogg.AppendHeaders(nil, 77, head)
			b = ogg.AppendPages(b, 77, from, packets)
			dir := t.TempDir()
			running, whole := filepath.Join(dir, "running.ogg"), filepath.Join(dir, "whole.ogg")
			save(t, running, b)
			save(t, whole, ogg.AppendEnd(b, 77, from+frames, codec.OpusPreSkip))
			for _, file := range []string{running, whole} {
				checkFfmpeg(t, file, from)
				checkMpv(t, file)
			}
			checkVLC(t, running)
			checkOpusTools(t, whole, from == 0)
		})
	}
}

func save(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func checkFfmpeg(t *testing.T, file string, from tape.Number) {
	t.Helper()
	said := run(t, "ffprobe", "-v", "warning", "-of", "csv=p=0", "-show_entries",
		"stream=codec_name,sample_rate,channels,start_time:stream_tags=title", file)
	want := fmt.Sprintf("opus,48000,1,%.6f,Harbour talk", from.Duration().Seconds())
	if strings.TrimSpace(said) != want {
		t.Errorf("ffprobe says %q, want %q", said, want)
	}
	if said := run(t, "ffmpeg", "-v", "warning", "-i", file, "-f", "null", "-"); said != "" {
		t.Errorf("ffmpeg warns: %s", said)
	}
}

func checkMpv(t *testing.T, file string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.wav")
	said := run(t, "mpv", "--no-config", "--ao=pcm", "--ao-pcm-file="+out, "--vo=null", "--msg-level=all=warn", file)
	if said = strings.TrimSpace(said); said != "" {
		t.Errorf("mpv warns: %s", said)
	}
	// It drops the pre-skip, and keeps the silence at the end.
	if n := len(readWav(t, out)); n < frames*tape.FrameSamples-codec.OpusPreSkip {
		t.Errorf("mpv hears %d samples of %d", n, frames*tape.FrameSamples)
	}
}

// checkVLC lets VLC transcode the file. It refuses to run as root.
func checkVLC(t *testing.T, file string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "vlc")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	in, out := filepath.Join(dir, "in.ogg"), filepath.Join(dir, "out.wav")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	save(t, in, b)
	cmd := exec.Command("cvlc", "-I", "dummy", "--no-interact", "-q", in, "vlc://quit",
		"--sout", "#transcode{acodec=s16l,samplerate=48000}:std{access=file,mux=wav,dst="+out+"}")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir)
	if os.Geteuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("vlc: %v\n%s", err, said)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatalf("vlc wrote nothing: %v", err)
	}
	defer f.Close()
	pcm, err := wav.Read(f)
	if err != nil {
		t.Fatalf("vlc wrote no sound: %v", err)
	}
	// It drops a little at the ends.
	if len(pcm) < frames*tape.FrameSamples*3/4 {
		t.Errorf("vlc heard %d samples of %d", len(pcm), frames*tape.FrameSamples)
	}
}

func checkOpusTools(t *testing.T, file string, fromStart bool) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.wav")
	run(t, "opusdec", "--quiet", file, out)
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	pcm, err := wav.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	if want := frames * tape.FrameSamples; len(pcm) != want {
		t.Errorf("opusdec hears %d samples, want %d", len(pcm), want)
	}
	// It fails when it warns.
	b, err := exec.Command("opusinfo", file).CombinedOutput()
	if err != nil && fromStart {
		t.Errorf("opusinfo: %v", err)
	}
	said := string(b)
	for line := range strings.Lines(said) {
		live := strings.Contains(line, "normal for live streams") || strings.Contains(line, "discontinuity in stream")
		if strings.Contains(line, "WARNING") && (fromStart || !live) {
			t.Errorf("opusinfo: %s", line)
		}
	}
	for _, want := range []string{"Pre-skip: 312", "Channels: 1", "TITLE=Harbour talk"} {
		if !strings.Contains(said, want) {
			t.Errorf("opusinfo does not say %q:\n%s", want, said)
		}
	}
}

// What other programs write is read to the sample: speech of any length, mono and stereo, at all frame sizes.
func TestReaderAgreesWithOpusdec(t *testing.T) {
	dir := t.TempDir()
	cases := []struct {
		name string
		make func(out string)
	}{
		{"opusenc stereo with picture-sized tags", func(out string) {
			in := filepath.Join(dir, "in.wav")
			run(t, "ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "sine=330:d=1.2345", "-ac", "2", "-ar", "48000", in)
			run(t, "opusenc", "--quiet", "--comment", "DESCRIPTION="+strings.Repeat("long ", 20_000), in, out)
		}},
		{"opusenc 60 ms", func(out string) {
			in := filepath.Join(dir, "in60.wav")
			run(t, "espeak-ng", "-w", in, "A whisper on the stage is heard in the last row.")
			run(t, "opusenc", "--quiet", "--framesize", "60", "--bitrate", "12", in, out)
		}},
		{"ffmpeg 2.5 ms", func(out string) {
			run(t, "ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "sine=330:d=0.777", "-c:a", "libopus",
				"-frame_duration", "2.5", "-application", "lowdelay", "-f", "ogg", out)
		}},
		{"our writer", func(out string) {
			f, err := os.Create(out)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			w, err := ogg.NewWriter(f, 5, ogg.Head{PreSkip: 3840, Vendor: "Epidaurus"})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range tonePackets(t, 77) {
				if err := w.WritePacket(p); err != nil {
					t.Fatal(err)
				}
			}
			w.EndTrim(333)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(dir, strconv.Itoa(i)+".opus")
			c.make(file)
			decoded := file + ".wav"
			run(t, "opusdec", "--quiet", "--rate", "48000", "--force-stereo", "--float", file, decoded)
			want := readWav(t, decoded)
			got := decodeOgg(t, file)
			if len(got) != len(want) {
				t.Fatalf("%d samples, opusdec has %d", len(got), len(want))
			}
			for i := range got {
				if d := math.Abs(float64(got[i] - want[i])); d > 0.001 {
					t.Fatalf("sample %d is %v, opusdec has %v", i, got[i], want[i])
				}
			}
			run(t, "opusinfo", file)
		})
	}
}

func readWav(t *testing.T, name string) []float32 {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	pcm, err := wav.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return pcm
}

// decodeOgg is the sound of a file, cut as its packets say.
func decodeOgg(t *testing.T, name string) []float32 {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	dec, err := codec.NewOpusDecoder()
	if err != nil {
		t.Fatal(err)
	}
	r := ogg.NewReader(f)
	var all []float32
	buf := make([]float32, codec.MaxFrameSamples)
	for {
		p, err := r.Next()
		if err != nil {
			if !r.Ended() {
				t.Fatalf("%s: %v", name, err)
			}
			return all
		}
		n, err := dec.Decode(p.Data, buf)
		if err != nil || n != p.Samples {
			t.Fatalf("%d samples, not %d: %v", n, p.Samples, err)
		}
		all = append(all, buf[p.Skip:n-p.Trim]...)
	}
}
