package e2e

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/internal/wav"
	"github.com/epidaurus-live/epidaurus/pack/hls"
)

// Two tones go on stage, and every player of HLS hears both: from the live playlist, and from the beginning.
// A drill of it misses nothing, and no variant takes more of a line than the master playlist says.
func TestPlayersOfHLS(t *testing.T) {
	t.Parallel()
	s := serve(t).open("Segments", false)
	speak(t, s.invite("Ada"), writeWAV(t, tone(440)))
	speak(t, s.invite("Grace"), writeWAV(t, tone(660)))
	s.tape("it is taped", func(i tapeIndex) bool { return i.Last-i.First >= 4*96 })
	master, dvr := s.room.ListenURL+"/hls/master.m3u8", s.room.ListenURL+"/hls/dvr.m3u8"
	dir := t.TempDir()
	saved := func(name string) string { return filepath.Join(dir, name) }
	asWAV := []string{"-map", "0:a:0", "-ac", "1", "-ar", "48000", "-t", "6"}

	t.Run("Drill", func(t *testing.T) {
		r := drill(t, master, "--kind", "hls", "--listeners", "50", "--ramp", "1s", "--hold", "6s", "--goal", "gaps=0,wrong=0,failed=0,seated>=50")
		heard(t, r, 50)
		if all := r.Total(); all.Frames < 50*4*50 || r.Wire.Events == 0 { // four seconds each, of 20 ms; playlists count as events
			t.Errorf("%+v, %+v", all, r.Wire)
		}
	})
	for name, url := range map[string]string{"Live": master, "FromTheBeginning": dvr} {
		t.Run("ffmpeg"+name, func(t *testing.T) {
			file := saved(name + ".wav")
			out, err := command(t, "ffmpeg", append(append([]string{"-hide_banner", "-loglevel", "warning", "-y", "-i", url}, asWAV...), file)...)
			if err != nil {
				t.Fatalf("ffmpeg: %v\n%s", err, out)
			}
			hearsBoth(t, file)
		})
	}
	t.Run("mpv", func(t *testing.T) {
		file := saved("mpv.wav")
		out, err := command(t, "mpv", "--no-config", "--no-video", "--ao=pcm", "--ao-pcm-file="+file, "--audio-channels=mono", "--length=6", master)
		if err != nil {
			t.Fatalf("mpv: %v\n%s", err, out)
		}
		hearsBoth(t, file)
	})
	t.Run("VLC", func(t *testing.T) {
		file := saved("vlc.wav")
		out, err := asNobody(t, dir, written(file, 5), "cvlc", "--no-video", "--sout=#transcode{acodec=s16l,channels=1,samplerate=48000}:std{access=file,mux=wav,dst="+file+"}", master)
		if err != nil {
			t.Fatalf("vlc: %v\n%s", err, out)
		}
		hearsBoth(t, file)
	})
	t.Run("ffmpegAAC", func(t *testing.T) {
		file := saved("aac.wav")
		out, err := command(t, "ffmpeg", append(append([]string{"-hide_banner", "-loglevel", "warning", "-y", "-i", s.room.ListenURL + "/hls/floor/aac-64/live.m3u8"}, asWAV...), file)...)
		if err != nil {
			t.Fatalf("ffmpeg: %v\n%s", err, out)
		}
		hearsBoth(t, file)
	})
	t.Run("Peak", func(t *testing.T) { s.checkPeak(t) })
	t.Run("Draft", func(t *testing.T) { s.checkDraft(t) })
}

// hearsBoth fails unless a file holds two tones at the end of at least four seconds.
func hearsBoth(t *testing.T, file string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it was read only
	pcm, err := wav.Read(f)
	if err != nil || len(pcm) < 4*sampleRate {
		t.Fatalf("%s holds %.1f s (%v)", filepath.Base(file), float64(len(pcm))/sampleRate, err)
	}
	ok, said := bothTones(20)(spectrum(pcm[len(pcm)-2*sampleRate:][:sampleRate]))
	t.Log(said)
	if !ok {
		t.Error("these are not the two tones, and nothing besides")
	}
}

// checkPeak reads all segments of each variant, and compares their size with what is said of them.
func (s *show) checkPeak(t *testing.T) {
	for _, r := range hls.Renditions {
		base := s.room.ListenURL + "/hls/floor/" + string(r.Variant) + "/"
		for line := range strings.Lines(fetch(t, base+hls.Live)) {
			k, ok := hls.ParseSegmentName(strings.TrimSpace(line))
			if !ok {
				continue
			}
			size := len(fetch(t, base+hls.SegmentName(k)))
			if rate := float64(size) * 8 / hls.SegmentDuration.Seconds(); rate > float64(r.Peak) {
				t.Errorf("segment %d of %s takes %.0f bit/s", k, r.Variant, rate)
			}
		}
	}
}

// checkDraft holds every playlist to the draft, and those that are asked for before they are there to the ones before them.
func (s *show) checkDraft(t *testing.T) {
	base := s.room.ListenURL + "/hls/"
	for _, name := range []string{hls.Master, hls.Low, hls.DVR} {
		err := hls.Check([]byte(fetch(t, base+name)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, r := range hls.Renditions {
		t.Run(string(r.Variant), func(t *testing.T) {
			checkVariant(t, base+"floor/"+string(r.Variant)+"/")
		})
	}
}

func checkVariant(t *testing.T, base string) {
	t.Helper()
	for _, name := range []string{hls.Live, hls.DVR} {
		text := fetch(t, base+name)
		err := hls.Check([]byte(text))
		if err != nil || strings.Contains(text, "PART") {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
	before := fetch(t, base+hls.Low)
	for range 7 { // parts, over the end of a segment
		hint := hinted.FindStringSubmatch(before)
		if hint == nil {
			t.Fatalf("nothing is to come:\n%s", before)
		}
		after := fetch(t, base+hls.Low+"?_HLS_msn="+hint[1]+"&_HLS_part="+hint[2])
		err := hls.CheckUpdate([]byte(before), []byte(after))
		if err != nil || !strings.Contains(after, `#EXT-X-PART:DURATION=0.32,URI="seg-`+hint[1]+"."+hint[2]) {
			t.Fatalf("%v\n%s\nand then\n%s", err, before, after)
		}
		before = after
	}
}

var hinted = regexp.MustCompile(`#EXT-X-PRELOAD-HINT:TYPE=PART,URI="seg-(\d+)\.(\d+)\.m4s"`)

func fetch(t testing.TB, url string) string {
	t.Helper()
	resp, err := http.Get(url) //nolint:noctx // on this machine
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %d (%v)", url, resp.StatusCode, err)
	}
	return string(body)
}
