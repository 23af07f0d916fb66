package codec_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/epidaurus-live/epidaurus/codec"
)

// mp3Of is a tone of 440 Hz as MP3 by ffmpeg.
func mp3Of(t testing.TB, args ...string) []byte {
	t.Helper()
	out := append([]string{"-hide_banner", "-loglevel", "error", "-f", "lavfi", "-i", "sine=440:duration=2"}, args...)
	return filter(t, nil, "ffmpeg", append(out, "-c:a", "libmp3lame", "-f", "mp3", "-")...)
}

// MP3 of each usual rate, mono and stereo, comes out as its tone, at its pitch and in its length.
func TestMP3(t *testing.T) {
	for name, args := range map[string][]string{
		"44100Stereo": {"-ar", "44100", "-ac", "2", "-b:a", "128k"},
		"48000Mono":   {"-ar", "48000", "-ac", "1", "-b:a", "96k"},
		"22050Stereo": {"-ar", "22050", "-ac", "2", "-b:a", "64k"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := codec.NewMP3(bytes.NewReader(mp3Of(t, args...)))
			if err != nil {
				t.Fatal(err)
			}
			var packets [][]byte
			for {
				packet, samples, err := m.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil || samples != codec.FrameSamples {
					t.Fatalf("%d samples, %v", samples, err)
				}
				packets = append(packets, bytes.Clone(packet))
			}
			if n := len(packets); n < 97 || n > 108 {
				t.Fatalf("%d packets of 2 s", n)
			}
			pcm := decodeAll(t, decoder(t), packets)
			if rest := restBeside(pcm[24000:72000], 440); rest > -35 {
				t.Errorf("beside the tone are %.1f dB", rest)
			}
		})
	}
}

// A tag that says it is very long takes no memory, and one of usual length is passed over.
func TestMP3Tags(t *testing.T) {
	_, err := codec.NewMP3(bytes.NewReader([]byte("ID3\x04\x00\x00\x7f\x7f\x7f\x7f and no more")))
	if !errors.Is(err, codec.ErrMP3) {
		t.Errorf("a long tag: %v", err)
	}
	allocated := testing.AllocsPerRun(1, func() {
		_, _ = codec.NewMP3(bytes.NewReader([]byte("ID3\x04\x00\x00\x7f\x7f\x7f\x7f")))
	})
	if allocated > 20 {
		t.Errorf("%v allocations", allocated)
	}
	tag := append([]byte("ID3\x04\x00\x00\x00\x00\x02\x00"), make([]byte, 256)...)
	m, err := codec.NewMP3(bytes.NewReader(append(tag, mp3Of(t, "-b:a", "96k")...)))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = m.Next()
	if err != nil {
		t.Error(err)
	}
}

// Whatever is called MP3, it ends with an error or the end, and never with a panic.
func FuzzMP3(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("ID3\x04\x00\x00\x00\x00\x00\x0a0123456789"))
	f.Add(append([]byte{0xff, 0xfb, 0x90, 0x64}, make([]byte, 600)...))
	f.Add(bytes.Repeat([]byte{0xff, 0xf3, 0x40, 0xc4, 0, 1, 2, 3}, 100))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := codec.NewMP3(bytes.NewReader(data))
		for n := 0; err == nil; n++ {
			_, _, err = m.Next()
			if n > len(data)+10 {
				t.Fatal("it has no end")
			}
		}
	})
}
