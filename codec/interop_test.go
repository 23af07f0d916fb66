package codec_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os/exec"
	"slices"
	"testing"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/internal/wav"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
)

// filter runs a program with in on its standard input and returns its output.
func filter(t testing.TB, in []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = bytes.NewReader(in)
	var failure bytes.Buffer
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, &failure)
	}
	return out
}

func floats(pcm []float32) []byte {
	b := make([]byte, 0, 4*len(pcm))
	for _, v := range pcm {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// libopusFile is some seconds of speech that ffmpeg encoded by libopus.
func libopusFile(t testing.TB, args ...string) []byte {
	t.Helper()
	all := []string{"-v", "error", "-f", "f32le", "-ar", "48000", "-ac", "1", "-i", "-", "-c:a", "libopus"}
	all = append(append(all, args...), "-f", "ogg", "-")
	return filter(t, floats(speechOf(t)[:6*codec.SampleRate]), "ffmpeg", all...)
}

func packetsOf(t testing.TB, file []byte) [][]byte {
	t.Helper()
	r := ogg.NewReader(bytes.NewReader(file))
	var packets [][]byte
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return packets
		}
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, bytes.Clone(p.Data))
	}
}

// oggFile puts packets of 20 ms into a file without pre-skip, so that every sample of a decoder comes out.
func oggFile(packets [][]byte) []byte {
	b := ogg.AppendHeaders(nil, 1, ogg.Head{})
	b = ogg.AppendPages(b, 1, 0, packets)
	return ogg.AppendEnd(b, 1, tape.Number(len(packets)), 0)
}

// libopus, in opusdec and in ffmpeg, hears what we hear.
func TestLibopusDecodes(t *testing.T) {
	others := []struct {
		name string
		args []string
	}{
		{"opusdec", []string{"--quiet", "--force-wav", "--float", "--rate", "48000", "-", "-"}},
		{"ffmpeg", []string{"-v", "warning", "-c:a", "libopus", "-i", "-", "-c:a", "pcm_f32le", "-f", "wav", "-"}},
	}
	for _, v := range tape.Variants {
		packets := slices.Clone(speechPackets(t, v)[:300])
		packets[200], packets[201] = tape.SilencePacket, tape.SilencePacket
		ours := decodeAll(t, decoder(t), packets)
		for _, o := range others {
			theirs := decodeBy(t, packets, o.name, o.args...)
			if d := difference(ours, theirs) - level(ours); d > -60 {
				t.Errorf("%s: %s hears something else: %.1f dB", v, o.name, d)
			}
		}
	}
}

// ffmpeg's own decoder, which shares no code with libopus, delays the speech coder's part by a few samples more: so levels are
// compared, not samples.
func TestFfmpegDecodes(t *testing.T) {
	for _, v := range tape.Variants {
		packets := speechPackets(t, v)[:300]
		ours := decodeAll(t, decoder(t), packets)
		theirs := decodeBy(t, packets, "ffmpeg", "-v", "warning", "-c:a", "opus", "-i", "-", "-c:a", "pcm_f32le", "-f", "wav", "-")
		for at := 0; at+9600 <= len(ours); at += 9600 {
			a, b := level(ours[at:at+9600]), level(theirs[at:at+9600])
			if a > -50 && math.Abs(a-b) > 1 {
				t.Errorf("%s: at %d ms ffmpeg hears %.1f dBFS, we hear %.1f", v, at/48, b, a)
			}
		}
	}
}

// decodeBy is what a program makes of packets, as many samples as they hold.
func decodeBy(t *testing.T, packets [][]byte, name string, args ...string) []float32 {
	t.Helper()
	pcm, err := wav.Read(bytes.NewReader(filter(t, oggFile(packets), name, args...)))
	if err != nil {
		t.Fatal(err)
	}
	if len(pcm) < len(packets)*codec.FrameSamples {
		t.Fatalf("%s hears %d samples of %d packets", name, len(pcm), len(packets))
	}
	return pcm[:len(packets)*codec.FrameSamples]
}

func TestFfmpegHearsSilencePacket(t *testing.T) {
	packets := [][]byte{tape.SilencePacket, tape.SilencePacket, tape.SilencePacket}
	for _, name := range []string{"opus", "libopus"} {
		pcm := decodeBy(t, packets, "ffmpeg", "-v", "warning", "-c:a", name, "-i", "-", "-c:a", "pcm_f32le", "-f", "wav", "-")
		if level(pcm) > -199 {
			t.Errorf("ffmpeg's %s hears %.0f dBFS", name, level(pcm))
		}
	}
}

// We hear what others make as libopus hears it: every mode, frame size and number of channels that a browser or an encoder may
// send.
func TestDecodeOthers(t *testing.T) {
	cases := []struct {
		name    string
		samples int
		args    []string
	}{
		{"stereo CELT 2.5 ms", 120, []string{"-ac", "2", "-application", "lowdelay", "-frame_duration", "2.5", "-b:a", "96k"}},
		{"stereo 20 ms", 960, []string{"-ac", "2", "-application", "audio", "-b:a", "64k"}},
		{"SILK 60 ms", 2880, []string{"-application", "voip", "-frame_duration", "60", "-b:a", "12k"}},
		{"SILK 120 ms", 5760, []string{"-application", "voip", "-frame_duration", "120", "-b:a", "12k"}},
		{"hybrid 10 ms with FEC", 480, []string{"-application", "voip", "-frame_duration", "10", "-b:a", "32k", "-fec", "1",
			"-packet_loss", "10"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			file := libopusFile(t, c.args...)
			d, buf := decoder(t), make([]float32, codec.MaxFrameSamples)
			var ours []float32
			for _, p := range packetsOf(t, file) {
				n, err := d.Decode(p, buf)
				if err != nil || n != c.samples {
					t.Fatalf("%d samples, want %d: %v", n, c.samples, err)
				}
				ours = append(ours, buf[:n]...)
			}
			out := filter(t, file, "opusdec", "--quiet", "--force-wav", "--float", "--rate", "48000", "-", "-")
			theirs, err := wav.Read(bytes.NewReader(out))
			if err != nil {
				t.Fatal(err)
			}
			r := ogg.NewReader(bytes.NewReader(file))
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
			ours = ours[r.Head().PreSkip:]
			n := min(len(ours), len(theirs))
			if d := difference(ours[:n], theirs[:n]) - level(ours[:n]); d > -40 {
				t.Errorf("differs from what opusdec hears by %.1f dB", d)
			}
		})
	}
}
