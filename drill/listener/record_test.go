package listener

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/epidaurus-live/epidaurus/internal/wav"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
)

// heardFrames is what keepAnswer leaves: 100 frames, of which 12 never came and one is damaged.
const heardFrames = 100

// keepAnswer records an answer with a hole and a damaged packet.
func keepAnswer(t *testing.T, path string) {
	t.Helper()
	recording, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		_, err := hear(t, t.Context(), Config{Record: recording}, func(_ int, w http.ResponseWriter, _ *http.Request) {
			a := begin(w, MP4, start)
			a.sound(start, start+48)
			a.packets(start+60, [][]byte{{0x03}})
			a.sound(start+61, start+heardFrames)
		}, nil)
		if err != nil {
			t.Error(err)
		}
	})
	if err := recording.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRecordOgg(t *testing.T) {
	path := filepath.Join(t.TempDir(), "heard.ogg")
	keepAnswer(t, path)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := ogg.NewReader(f)
	for n := start; ; n++ {
		p, err := r.Next()
		if err == io.EOF {
			if n != start+heardFrames || !r.Ended() {
				t.Errorf("%d packets, ended %t", n-start, r.Ended())
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		want := tone()[n%tape.FramesPerSec]
		if n >= start+48 && n < start+61 {
			want = tape.SilencePacket
		}
		if !bytes.Equal(p.Data, want) {
			t.Errorf("packet of frame %d differs", n)
		}
	}
	probe, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "stream=codec_name,sample_rate,channels:format=duration",
		"-of", "csv=p=0", path).CombinedOutput()
	if got := strings.Fields(string(probe)); err != nil || len(got) != 2 || got[0] != "opus,48000,1" || got[1] != "2.000000" {
		t.Errorf("ffprobe says %q, %v", probe, err)
	}
}

func TestRecordWAV(t *testing.T) {
	path := filepath.Join(t.TempDir(), "heard.WAV")
	keepAnswer(t, path)
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	pcm, err := wav.Read(f)
	if err != nil || len(pcm) != heardFrames*tape.FrameSamples-settle {
		t.Fatalf("%d samples, error %v", len(pcm), err)
	}
	level := func(from, to int) float64 { // of frames
		sum := 0.0
		for _, s := range pcm[from*tape.FrameSamples-settle : to*tape.FrameSamples-settle] {
			sum += float64(s) * float64(s)
		}
		return 10 * math.Log10(sum/float64((to-from)*tape.FrameSamples)+1e-12)
	}
	for _, stretch := range []struct {
		from, to int
		want     float64
	}{{4, 48, -23}, {48, 61, -120}, {65, heardFrames, -23}} {
		if got := level(stretch.from, stretch.to); math.Abs(got-stretch.want) > 1 {
			t.Errorf("frames %d to %d have %.1f dBFS, want %.0f", stretch.from, stretch.to, got, stretch.want)
		}
	}
}

func TestCreateRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "x.mp3"), filepath.Join(dir, "x"), filepath.Join(dir, "no", "x.ogg")} {
		if r, err := Create(path); err == nil {
			t.Errorf("%q was created: %v", path, r.Close())
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// full is a disk without room.
type full struct{ room int }

var errFull = errors.New("no space left on device")

func (f *full) Frame([]byte, []float32) error {
	if f.room == 0 {
		return errFull
	}
	f.room--
	return nil
}

func TestRecordingFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := hear(t, t.Context(), Config{Record: &full{room: 20}}, func(_ int, w http.ResponseWriter, _ *http.Request) {
			begin(w, MP4, start).sound(start, start+48)
		}, nil)
		if !errors.Is(err, errFull) || r.End != EndFailed || r.Answers != 1 {
			t.Errorf("%v, %+v", err, r)
		}
	})
}

// TestHugeHole: what a hostile server says about the timeline fills no disk.
func TestHugeHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &full{room: 12 + maxFilled + 12}
		far := start + 1<<40
		r, err := hear(t, t.Context(), Config{Record: disk}, func(_ int, w http.ResponseWriter, _ *http.Request) {
			a := begin(w, MP4, start)
			a.sound(start, start+12)
			a.sound(far, far+12)
		}, nil)
		if err != nil || disk.room != 0 || r.GapCount != 1 || r.GapFrames != 1<<40-12 {
			t.Errorf("%v, %d left, %+v", err, disk.room, r)
		}
	})
}

func TestReportIsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := hear(t, t.Context(), Config{}, func(_ int, w http.ResponseWriter, _ *http.Request) {
			a := begin(w, MP4, start)
			a.sound(start, start+12)
			a.sound(start+24, start+36)
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"end":"room"`, `"gaps":[{"from":12012,"to":12024}]`, `"frames":24`, `"container":"mp4"`} {
			if !bytes.Contains(b, []byte(want)) {
				t.Errorf("%s has no %s", b, want)
			}
		}
	})
}
