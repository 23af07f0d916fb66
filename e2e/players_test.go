package e2e

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/api/client"
	"github.com/epidaurus-live/epidaurus/internal/wav"
)

// command runs the program until it ends by itself or by the test.
func command(t testing.TB, name string, args ...string) (output string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// speak puts a file on stage by the program's own client and returns what ends it.
func speak(t testing.TB, i client.Invite, file string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "speak", i.WHIPURL, file, "--token", i.Token, "--loop")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	err := cmd.Start()
	if err != nil {
		t.Fatal(err)
	}
	stop = func() { cancel(); _ = cmd.Wait() }
	t.Cleanup(stop)
	return stop
}

const hostVoice = "../cmd/epidaurus/demo/voices/host.opus"

// Every common player reads the endless Ogg, and what curl saves of either is 48 kHz mono Opus.
func TestPlayers(t *testing.T) {
	t.Parallel()
	s := serve(t).open("Players", false)
	speak(t, s.invite("Ada"), writeWAV(t, tone(440))) // who speaks pauses, for longer than these listen
	ogg, mp4 := s.room.ListenURL+"/live.ogg", s.room.ListenURL+"/live.mp4"
	dir := t.TempDir()
	saved := func(name string) string { return filepath.Join(dir, name) }

	t.Run("curl", func(t *testing.T) { // before the others, who want to hear somebody
		for name, url := range map[string]string{"live.ogg": ogg, "live.mp4": mp4} {
			out, err := command(t, "curl", "-sS", "--max-time", "6", "-o", saved(name), url)
			if code := exitCode(err); code != 28 { // curl's "time is up": the answer has no end
				t.Fatalf("curl ended with %d: %s", code, out)
			}
			isMonoOpus(t, saved(name))
		}
	})
	t.Run("ffmpeg", func(t *testing.T) {
		for name, url := range map[string]string{"ogg": ogg, "mp4": mp4} {
			file := saved("ffmpeg-" + name + ".wav")
			out, err := command(t, "ffmpeg", "-hide_banner", "-loglevel", "warning", "-y", "-i", url, "-t", "6", file)
			if err != nil {
				t.Fatalf("ffmpeg: %v\n%s", err, out)
			}
			sounds(t, file)
		}
	})
	t.Run("mpv", func(t *testing.T) {
		file := saved("mpv.wav")
		out, err := command(t, "mpv", "--no-config", "--no-video", "--ao=pcm", "--ao-pcm-file="+file, "--length=6", ogg)
		if err != nil {
			t.Fatalf("mpv: %v\n%s", err, out)
		}
		sounds(t, file)
	})
	t.Run("VLC", func(t *testing.T) {
		file := saved("vlc.wav")
		// It counts its own --run-time from the stream's first frame ever, so it is told to stop.
		out, err := asNobody(t, dir, written(file, 5), "cvlc", "--no-video", "--sout=#transcode{acodec=s16l}:std{access=file,mux=wav,dst="+file+"}", ogg)
		if err != nil {
			t.Fatalf("vlc: %v\n%s", err, out)
		}
		sounds(t, file)
	})
}

// Every common player reads the endless AAC, whose address stands first in the lists for radios; nobody made it before the first of them came. What curl
// saves in the middle is a stream that any decoder takes from its first byte.
func TestPlayersOfAAC(t *testing.T) {
	t.Parallel()
	s := serve(t).open("Radios", false)
	speak(t, s.invite("Ada"), writeWAV(t, tone(440)))
	dir := t.TempDir()
	saved := func(name string) string { return filepath.Join(dir, name) }
	aac := s.room.ListenURL + "/live.aac"

	ffmpeg := func(t *testing.T, url, name string) {
		t.Helper()
		out, err := command(t, "ffmpeg", "-hide_banner", "-loglevel", "warning", "-xerror", "-y", "-i", url, "-t", "8", saved(name))
		if err != nil {
			t.Fatalf("ffmpeg: %v\n%s", err, out)
		}
		sounds(t, saved(name))
	}
	ffmpeg(t, aac, "first.wav")
	t.Run("curl", func(t *testing.T) {
		out, err := command(t, "curl", "-sS", "--max-time", "6", "-o", saved("curl.aac"), aac)
		if code := exitCode(err); code != 28 { // curl's "time is up": the answer has no end
			t.Fatalf("curl ended with %d: %s", code, out)
		}
		out, err = command(t, "ffprobe", "-v", "error", "-show_entries", "stream=codec_name,profile,sample_rate,channels", "-of", "compact=p=0", saved("curl.aac"))
		if err != nil || strings.TrimSpace(out) != "codec_name=aac|profile=LC|sample_rate=48000|channels=1" {
			t.Errorf("ffprobe says: %s (%v)", out, err)
		}
		ffmpeg(t, saved("curl.aac"), "curl.wav")
	})
	t.Run("mpv", func(t *testing.T) {
		// Of two entries mpv would play both: it is given the one that a radio begins with.
		list, err := command(t, "curl", "-sS", "--fail", s.room.ListenURL+"/listen.m3u")
		lines := strings.Split(list, "\n")
		if err != nil || len(lines) < 3 || lines[2] != aac {
			t.Fatalf("the list for radios is %q (%v)", list, err)
		}
		out, err := command(t, "mpv", "--no-config", "--no-video", "--ao=pcm", "--ao-pcm-file="+saved("mpv.wav"), "--length=6", lines[2])
		if err != nil {
			t.Fatalf("mpv: %v\n%s", err, out)
		}
		sounds(t, saved("mpv.wav"))
	})
	t.Run("VLC", func(t *testing.T) {
		file := saved("vlc.wav")
		// It makes stereo of AAC.
		out, err := asNobody(t, dir, written(file, 10), "cvlc", "--no-video", "--sout=#transcode{acodec=s16l}:std{access=file,mux=wav,dst="+file+"}", aac)
		if err != nil {
			t.Fatalf("vlc: %v\n%s", err, out)
		}
		sounds(t, file)
	})
}

// written tells when a file has so many seconds of 16-bit mono sound.
func written(file string, seconds int) func() bool {
	return func() bool {
		info, err := os.Stat(file)
		return err == nil && info.Size() > int64(seconds)*sampleRate*2
	}
}

// asNobody runs a program that refuses to be root until it has done enough, with a folder that it may write to, and then tells it to stop.
func asNobody(t *testing.T, dir string, enough func() bool, name string, args ...string) (output string, err error) {
	t.Helper()
	const nobody = 65534
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	watched := make(chan struct{})
	defer func() { cancel(); <-watched }()
	go func() {
		defer close(watched)
		for tick := time.Tick(50 * time.Millisecond); ctx.Err() == nil; <-tick {
			if enough() {
				cancel()
			}
		}
	}()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	cmd.Env = append(os.Environ(), "HOME="+dir)
	if os.Geteuid() == 0 {
		for d := dir; d != os.TempDir() && len(d) > 1; d = filepath.Dir(d) {
			err = os.Chmod(d, 0o777)
			if err != nil {
				t.Fatal(err)
			}
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	text, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = nil // it was told to stop
	}
	return string(text), err
}

func exitCode(err error) int {
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode()
	}
	return 0
}

// isMonoOpus asks ffprobe.
func isMonoOpus(t *testing.T, file string) {
	t.Helper()
	out, err := command(t, "ffprobe", "-v", "error", "-show_entries", "stream=codec_name,sample_rate,channels", "-of", "compact=p=0", file)
	if err != nil || strings.TrimSpace(out) != "codec_name=opus|sample_rate=48000|channels=1" {
		t.Errorf("ffprobe says of %s: %s (%v)", filepath.Base(file), out, err)
	}
}

// sounds fails when a file holds less than four seconds, or is silent.
func sounds(t *testing.T, file string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it was read only
	pcm, err := wav.Read(f)
	if err != nil {
		t.Fatalf("%s: %v", filepath.Base(file), err)
	}
	var energy float64
	for _, v := range pcm {
		energy += float64(v) * float64(v)
	}
	level := 10 * math.Log10(energy/float64(max(len(pcm), 1))+1e-12)
	if len(pcm) < 4*sampleRate || level < -40 {
		t.Errorf("%s holds %.1f s at %.1f dB", filepath.Base(file), float64(len(pcm))/sampleRate, level)
	}
}

// listen runs the program's own listener and returns its report.
func listen(t testing.TB, url string, d time.Duration, args ...string) (report, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d+patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append([]string{"listen", url, "--json", "--for", d.String()}, args...)...)
	out, err := cmd.Output()
	var r report
	if jsonErr := json.Unmarshal(out, &r); jsonErr != nil {
		t.Fatalf("listen says %q: %v (%v)", out, jsonErr, err)
	}
	return r, err
}

type report struct {
	Frames      int64    `json:"frames"`
	Silent      int64    `json:"silent"`
	GapCount    int64    `json:"gap_count"`
	Undecodable int64    `json:"undecodable"`
	Answers     int64    `json:"answers"`
	Faults      []string `json:"faults"`
	Stalls      int64    `json:"stalls"`
	Bitrate     float64  `json:"bitrate"`
}

// A speaker who leaves and comes back leaves no trace in the timeline. EPIDAURUS_LISTEN_FOR=10m listens longer.
func TestListenWhileASpeakerComesAndGoes(t *testing.T) {
	t.Parallel()
	d := 12 * time.Second
	if v := os.Getenv("EPIDAURUS_LISTEN_FOR"); v != "" {
		var err error
		d, err = time.ParseDuration(v)
		if err != nil {
			t.Fatal(err)
		}
	}
	s := serve(t).open("Coming and going", false)
	speak(t, s.invite("Ada"), hostVoice)
	guest := s.invite("Nikos")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 2 {
			leave := speak(t, guest, "../cmd/epidaurus/demo/voices/guest.opus")
			select {
			case <-time.After(d / 4):
			case <-t.Context().Done():
			}
			leave()
		}
	}()
	out := filepath.Join(t.TempDir(), "heard.ogg")
	r, err := listen(t, s.room.ListenURL, d, "--out", out)
	<-done
	if err != nil || r.GapCount != 0 || r.Undecodable != 0 || len(r.Faults) != 0 || r.Answers != 1 {
		t.Errorf("the listener found %+v (%v)", r, err)
	}
	if least := int64(d/time.Second-2) * 50; r.Frames < least {
		t.Errorf("%d frames in %v", r.Frames, d)
	}
	isMonoOpus(t, out)
	t.Logf("%v: %+v", d, r)
}
