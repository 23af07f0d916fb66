package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/internal/wav"
	"github.com/epidaurus-live/epidaurus/pack/adts"
)

// Radios that ask for titles get them where they count, and players show them and play the sound between without a fault.
func TestTitlesForRadios(t *testing.T) {
	t.Parallel()
	s := serve(t).open("Harbour's talk", false)
	speak(t, s.invite("Ada"), writeWAV(t, tone(440)))
	dir := t.TempDir()
	saved := func(name string) string { return filepath.Join(dir, name) }
	aac := s.room.ListenURL + "/live.aac"
	const title = "Ada - Harbour’s talk"

	// Who comes first has silence to live on: the others begin with sound.
	untilPure(t, aac)
	t.Run("curl", func(t *testing.T) {
		out, err := command(t, "curl", "-sS", "--max-time", "6", "-H", "Icy-MetaData: 1", "-D", saved("head"), "-o", saved("curl.icy"), aac)
		if code := exitCode(err); code != 28 { // curl's "time is up": the answer has no end
			t.Fatalf("curl ended with %d: %s", code, out)
		}
		head, err := os.ReadFile(saved("head"))
		if err != nil || !strings.Contains(string(head), "icy-name: Harbour's talk\r\n") {
			t.Errorf("%v in\n%s", err, head)
		}
		if got := countTitles(t, interval(t, string(head)), saved("curl.icy")); len(got) != 1 || got[0] != title {
			t.Errorf("titles %q", got)
		}
	})
	t.Run("ffprobe", func(t *testing.T) {
		out, err := command(t, "ffprobe", "-v", "error", "-icy", "1", "-show_entries", "format_tags=StreamTitle,icy-name,icy-br", "-of", "compact=p=0", aac)
		if want := "tag:icy-br=72|tag:icy-name=Harbour's talk|tag:StreamTitle=" + title; err != nil || strings.TrimSpace(out) != want {
			t.Errorf("ffprobe says %q (%v), want %q", strings.TrimSpace(out), err, want)
		}
	})
	t.Run("ffmpeg", func(t *testing.T) {
		out, err := command(t, "ffmpeg", "-hide_banner", "-loglevel", "warning", "-xerror", "-y", "-icy", "1", "-i", aac, "-t", "8", saved("ffmpeg.wav"))
		if err != nil || strings.TrimSpace(out) != "" {
			t.Fatalf("ffmpeg: %v\n%s", err, out)
		}
		isPure(t, saved("ffmpeg.wav"), 7)
	})
	t.Run("mpv", func(t *testing.T) {
		out, err := command(t, "mpv", "--no-config", "--no-video", "--ao=pcm", "--ao-pcm-file="+saved("mpv.wav"), "--length=8", aac)
		if err != nil || !strings.Contains(out, "icy-title: "+title) {
			t.Fatalf("mpv: %v\n%s", err, out)
		}
		isPure(t, saved("mpv.wav"), 7)
	})
	t.Run("GStreamer", func(t *testing.T) {
		file := saved("gst.wav")
		out, err := asNobody(t, dir, written(file, 8), "gst-launch-1.0", "-e", "-t", "souphttpsrc", "iradio-mode=true", "location="+aac,
			"!", "icydemux", "!", "aacparse", "!", "avdec_aac", "!", "audioconvert", "!", "audio/x-raw,format=S16LE", "!", "wavenc", "!", "filesink", "location="+file)
		if !strings.Contains(out, "title: "+title) {
			t.Errorf("GStreamer: %v\n%s", err, out)
		}
		isPure(t, file, 6)
	})
}

// interval is where titles stand, as a head says it.
func interval(t *testing.T, head string) (every int) {
	t.Helper()
	for line := range strings.Lines(head) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "icy-metaint: "); ok {
			every, _ = strconv.Atoi(n)
		}
	}
	if every == 0 {
		t.Fatalf("no icy-metaint in\n%s", head)
	}
	return every
}

// countTitles finds the titles of an answer, which broke off somewhere, by counting bytes, and checks that what is between is whole frames of
// AAC.
func countTitles(t *testing.T, every int, file string) (titles []string) {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	groups := 0
	for ; len(body) > every; groups++ {
		units, r := 0, adts.NewReader(bytes.NewReader(body[:every]))
		for ; err == nil; units++ {
			_, err = r.Next()
		}
		if !errors.Is(err, io.EOF) || units != 45+1 {
			t.Fatalf("group %d has %d units, %v", groups, units-1, err)
		}
		end := every + 1 + 16*int(body[every])
		if end > len(body) {
			break
		}
		if text := strings.TrimRight(string(body[every+1:end]), "\x00"); text != "" {
			titles = append(titles, strings.TrimSuffix(strings.TrimPrefix(text, "StreamTitle='"), "';"))
		}
		body, err = body[end:], nil
	}
	if groups < 6 {
		t.Errorf("%d groups", groups)
	}
	return titles
}

// untilPure returns when who joins an answer of AAC hears sound from its first byte on.
func untilPure(t *testing.T, url string) {
	t.Helper()
	until(t, "there is sound from the first byte", func() bool {
		ask, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(ask)
		if err != nil {
			return false
		}
		defer resp.Body.Close() //nolint:errcheck // it was read only
		u, err := adts.NewReader(resp.Body).Next()
		return err == nil && len(u) > 20
	})
}

// pureRow is how many seconds in a row have to be pure: three groups of ICY, and more.
const pureRow = 3

// isPure fails unless a file holds so many seconds from half a second on, and some of them in a row a tone of 440 Hz and nothing else: a group that
// was cut wrongly would be heard in each of them, and a machine that is too busy to speak without a pause is not.
func isPure(t *testing.T, file string, seconds int) {
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
	whole, row, longest := 0, 0, 0
	heard := ""
	for at := sampleRate / 2; at+sampleRate <= len(pcm); at += sampleRate {
		hertz := spectrum(pcm[at : at+sampleRate])
		there := peak(hertz, 440)
		other, line := rest(hertz, 440)
		row++
		if there < -40 || other > there-35 {
			row = 0
			heard += fmt.Sprintf("\nat %.1f s 440 Hz at %.1f dB, the strongest other at %.1f dB and %d Hz", float64(at)/sampleRate, there, other, line)
		}
		whole, longest = whole+1, max(longest, row)
	}
	if longest < pureRow {
		t.Errorf("%s is pure for %d s in a row, want %d:%s", filepath.Base(file), longest, pureRow, heard)
	}
	if whole < seconds {
		t.Errorf("%s holds %.1f s", filepath.Base(file), float64(len(pcm))/sampleRate)
	}
}
