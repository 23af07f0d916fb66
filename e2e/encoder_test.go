package e2e

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/internal/wav"
)

// encoderURL is where a radio encoder sends to with a desk's link: its room, and the token as the password.
func encoderURL(t testing.TB, s *show, desk string) string {
	t.Helper()
	_, token, ok := strings.Cut(desk, "#")
	u, err := url.Parse(s.stage)
	if !ok || err != nil {
		t.Fatalf("%s %s: %v", desk, s.stage, err)
	}
	return "icecast://source:" + token + "@" + u.Host + "/r/" + string(s.room.ID) + "/source"
}

// encode runs ffmpeg as a radio encoder with a tone, in real time, until the test or stop ends it.
func encode(t testing.TB, to string, args ...string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "ffmpeg", append(append([]string{"-hide_banner", "-loglevel", "warning", "-re", "-f", "lavfi", "-i", "sine=440"}, args...), to)...)
	var said strings.Builder
	cmd.Stderr = &said
	err := cmd.Start()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("ffmpeg %v: %s", args, said.String())
		}
	})
	return stop
}

// heardTone waits until a seat hears 440 Hz for seconds on end.
func heardTone(t *testing.T, s *show) {
	t.Helper()
	deadline := time.Now().Add(bar(45 * time.Second))
	for n := 0; ; n++ {
		file := filepath.Join(t.TempDir(), "seat.wav")
		out, err := command(t, "ffmpeg", "-hide_banner", "-loglevel", "warning", "-y", "-i", s.room.ListenURL+"/live.ogg", "-t", "3", "-ac", "1", "-ar", "48000", file)
		said := string(out)
		if err == nil {
			pcm := soundOf(t, file)
			hertz := spectrum(pcm[len(pcm)-sampleRate:])
			ok, words := holds(440)(hertz)
			if ok {
				return
			}
			said = words
		}
		if time.Now().After(deadline) {
			t.Fatalf("no tone after %d tries: %s, %v\n%s", n+1, said, err, s.log())
		}
	}
}

// soundOf is what a WAV file holds.
func soundOf(t testing.TB, file string) []float32 {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it was read only
	pcm, err := wav.Read(f)
	if err != nil || len(pcm) < sampleRate {
		t.Fatalf("%d samples, %v", len(pcm), err)
	}
	return pcm
}

var asOpus = []string{"-c:a", "libopus", "-b:a", "64k", "-f", "ogg", "-content_type", "application/ogg"}

var asMP3 = []string{"-ar", "44100", "-ac", "2", "-c:a", "libmp3lame", "-b:a", "128k", "-f", "mp3", "-content_type", "audio/mpeg"}

// A radio encoder's programme is heard at a seat, by PUT and by the old way, in each codec.
func TestRadioEncoderIsHeard(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		args []string
	}{
		{"OpusByPut", asOpus},
		{"OpusBySource", append([]string{"-legacy_icecast", "1"}, asOpus...)},
		{"MP3ByPut", asMP3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t).open("Radio", false)
			encode(t, encoderURL(t, s, s.invite("Truck").DeskURL), c.args...)
			heardTone(t, s)
		})
	}
}

// An encoder that is killed and started again is heard again, without anybody's doing.
func TestRadioEncoderComesAgain(t *testing.T) {
	t.Parallel()
	s := serve(t).open("Radio", false)
	to := encoderURL(t, s, s.invite("Truck").DeskURL)
	out, _ := command(t, "ffmpeg", append(append([]string{"-hide_banner", "-re", "-f", "lavfi", "-i", "sine=440:duration=5"}, asOpus...), "icecast://source:hackme@"+strings.SplitN(to, "@", 2)[1])...)
	if !strings.Contains(out, "401") {
		t.Errorf("a wrong password: %s", out)
	}
	stop := encode(t, to, asOpus...)
	heardTone(t, s)
	stop()
	encode(t, to, asOpus...)
	heardTone(t, s)
}
