package fmp4_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/internal/browsertest"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/tape"
)

// clicks is a recording of so many frames, of which the sound is a tone of 1 kHz, with 20 ms of full scale at each of the samples at.
func clicks(t testing.TB, frames int, at ...int64) (r fmp4.Recording, units []byte) {
	t.Helper()
	encoder, err := codec.NewOpusEncoder(codec.ForVariant(tape.Opus48))
	if err != nil {
		t.Fatal(err)
	}
	segments, err := codec.NewSegmentEncoder()
	if err != nil {
		t.Fatal(err)
	}
	pcm, packet := make([]float32, tape.FrameSamples), make([]byte, codec.MaxPacketBytes)
	var packets [][]byte
	for n := range frames + 1 { // what the encoder holds back comes with one more
		for i := range pcm {
			s := int64(n*tape.FrameSamples + i)
			level := 0.05
			for _, c := range at {
				if s >= c && s < c+tape.FrameSamples {
					level = 0.9
				}
			}
			pcm[i] = float32(level * math.Sin(2*math.Pi*1000*float64(s)/tape.SampleRate))
		}
		size, err := encoder.Encode(pcm, packet)
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, bytes.Clone(packet[:size]))
	}
	before := make([][]byte, codec.SegmentBefore)
	for i := range before {
		before[i] = tape.SilencePacket
	}
	var all [][]byte
	for len(packets) > 0 {
		n := min(len(packets), tape.SegmentFrames)
		err = segments.Begin(before)
		if err == nil {
			all, err = segments.Append(all, packets[:n])
		}
		if err != nil {
			t.Fatal(err)
		}
		before, packets = packets[max(0, n-codec.SegmentBefore):n], packets[n:]
	}
	all, err = segments.End(all)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range all {
		r.Sizes, units = append(r.Sizes, uint16(len(u))), append(units, u...)
	}
	r.Skip = codec.AACDelay*tape.UnitSamples + codec.OpusPreSkip
	r.Samples = int64(frames) * tape.FrameSamples
	r.Title, r.Artist, r.Album = "Harbour & “sea” talk", "Ada, Grace", "Épidaure"
	r.Date = time.Date(2027, 1, 15, 12, 0, 0, 0, time.UTC)
	return r, units
}

func head(t testing.TB, r fmp4.Recording) []byte {
	t.Helper()
	b, err := fmp4.AppendRecordingHead(nil, r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRecordingComesBack(t *testing.T) {
	t.Parallel()
	r := fmp4.Recording{Skip: 2360, Samples: 91*1024 - 2360 - 17, Title: "Harbour", Date: time.Unix(1_800_000_000, 0).UTC(), Chapters: []fmp4.Mark{{0, "Tides"}, {47_999, ""}, {48_001, "Écluses"}}}
	for i := range 91 {
		r.Sizes = append(r.Sizes, uint16(100+i))
	}
	long := fmp4.Recording{Sizes: make([]uint16, 4_200_000), Samples: 4_200_000 * 1024}
	for _, r := range []fmp4.Recording{r, long, {Sizes: []uint16{4}, Samples: 1}, {Sizes: make([]uint16, 180), Samples: 1, Skip: 180*1024 - 1}} {
		b := head(t, r)
		got, size, err := fmp4.ParseRecording(b)
		if err != nil || size != len(b) || !reflect.DeepEqual(got, r) {
			t.Errorf("%d units came back as %d, %v, %.300v", len(r.Sizes), len(got.Sizes), err, got)
		}
	}
	if again := head(t, r); !bytes.Equal(again, head(t, r)) {
		t.Error("the same recording has another head")
	}
}

func TestRecordingsThatCannotBe(t *testing.T) {
	t.Parallel()
	sizes := make([]uint16, 3)
	for _, r := range []fmp4.Recording{
		{}, {Samples: 5}, {Sizes: sizes}, {Sizes: sizes, Samples: 3073}, {Sizes: sizes, Samples: 3000, Skip: 73}, {Sizes: sizes, Samples: 3, Skip: -1},
		{Sizes: sizes, Samples: math.MaxInt64, Skip: math.MaxInt64},
		{Sizes: sizes, Samples: 3000, Chapters: make([]fmp4.Mark, 256)},
		{Sizes: sizes, Samples: 3000, Chapters: []fmp4.Mark{{At: 5}}},
		{Sizes: sizes, Samples: 3000, Chapters: []fmp4.Mark{{}, {}}},
		{Sizes: sizes, Samples: 3000, Chapters: []fmp4.Mark{{}, {At: 3000}}},
		{Sizes: sizes, Samples: 3000, Chapters: []fmp4.Mark{{Title: strings.Repeat("x", 256)}}},
		{Sizes: bytesOf(6_000_000), Samples: 3000},
	} {
		b, err := fmp4.AppendRecordingHead([]byte("before"), r)
		if !errors.Is(err, fmp4.ErrRecording) || string(b) != "before" {
			t.Errorf("%d units, %d of which are heard: %v, %d bytes", len(r.Sizes), r.Samples, err, len(b))
		}
	}
	if got := fmp4.CutTitle(strings.Repeat("é", 200)); got != strings.Repeat("é", 127) || fmp4.CutTitle("é") != "é" {
		t.Errorf("a long title is cut to %d bytes", len(got))
	}
}

func bytesOf(n int) []uint16 {
	s := make([]uint16, n)
	for i := range s {
		s[i] = 768
	}
	return s
}

// Another library reads where each unit lies and what is said of the recording.
func TestMp4ffReadsARecording(t *testing.T) {
	t.Parallel()
	r, units := clicks(t, 150)
	r.Chapters = []fmp4.Mark{{0, "One"}, {60_000, "Two"}}
	b := head(t, r)
	f, err := mp4.DecodeFile(bytes.NewReader(append(b, units...)))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Children) != 3 || f.Children[1].Type() != "moov" || f.Children[2].Type() != "mdat" || len(f.Moov.Traks) != 2 {
		t.Fatalf("it has %d boxes, %d tracks", len(f.Children), len(f.Moov.Traks))
	}
	table := f.Moov.Traks[0].Mdia.Minf.Stbl
	at := len(b)
	for i, size := range r.Sizes {
		chunk, first, err := table.Stsc.ChunkNrFromSampleNr(i + 1)
		if err != nil {
			t.Fatal(err)
		}
		offset := int(table.Stco.ChunkOffset[chunk-1])
		for n := first; n <= i; n++ {
			offset += int(table.Stsz.GetSampleSize(n))
		}
		if offset != at || table.Stsz.GetSampleSize(i+1) != uint32(size) {
			t.Fatalf("unit %d is at %d, want %d", i, offset, at)
		}
		at += int(size)
	}
	if e := f.Moov.Traks[0].Edts.Elst[0].Entries[0]; e.MediaTime != r.Skip || int64(e.SegmentDuration) != r.Samples {
		t.Errorf("the edit list has %+v", e)
	}
}

func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).Output()
	if err != nil {
		t.Fatalf("%s %v: %v", name, args, err)
	}
	return strings.TrimSpace(string(out))
}

// ffmpeg finds what it is, what is said of it and its chapters, and hears each click at its own sample: from the beginning and after a seek.
func TestFfmpegPlaysARecording(t *testing.T) {
	t.Parallel()
	const frames = 300
	r, units := clicks(t, frames, 0, 96_000, 240_000)
	r.Chapters = []fmp4.Mark{{0, "Tides"}, {96_000, "Ébb"}, {240_000, "Flood"}}
	file := filepath.Join(t.TempDir(), "talk.m4a")
	err := os.WriteFile(file, append(head(t, r), units...), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	said := run(t, "ffprobe", "-v", "warning", "-of", "csv=p=0", "-select_streams", "a", "-show_entries", "stream=codec_name,profile,sample_rate,channels,start_time,duration", file)
	if want := "aac,LC,48000,1,0.000000,6.000000"; said != want {
		t.Errorf("ffprobe says %q, want %q", said, want)
	}
	said = run(t, "ffprobe", "-v", "warning", "-of", "default", "-show_entries", "format=duration,format_name:format_tags:chapter", "-show_chapters", file)
	for _, want := range []string{
		"duration=6.000000", "TAG:title=" + r.Title, "TAG:artist=Ada, Grace", "TAG:album=Épidaure", "TAG:date=2027-01-15T12:00:00Z",
		"TAG:title=Tides", "TAG:title=Ébb", "TAG:title=Flood", "start_time=2.000000", "start_time=5.000000",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("ffprobe does not say %q:\n%s", want, said)
		}
	}
	if n := strings.Count(said, "[CHAPTER]"); n != 3 {
		t.Errorf("ffprobe finds %d chapters", n)
	}
	pcm := decoded(t, "-i", file)
	t.Logf("ffmpeg decodes %d samples", len(pcm))
	if got := int64(len(pcm)); got < r.Samples || got >= r.Samples+tape.UnitSamples {
		t.Errorf("ffmpeg plays %d samples, and there are %d", got, r.Samples)
	}
	for _, at := range []int{0, 96_000, 240_000} {
		hears(t, pcm, at)
	}
	hears(t, decoded(t, "-ss", "4.9", "-i", file), 4800)
}

func decoded(t testing.TB, args ...string) (pcm []int16) {
	t.Helper()
	raw := bytesFrom(t, append(append([]string{"-v", "error"}, args...), "-map", "0:a", "-f", "s16le", "-ac", "1", "-ar", "48000", "-"))
	for i := 0; i+1 < len(raw); i += 2 {
		pcm = append(pcm, int16(uint16(raw[i])|uint16(raw[i+1])<<8))
	}
	return pcm
}

func bytesFrom(t testing.TB, args []string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", args...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil || complaint.Len() > 0 {
		t.Fatalf("ffmpeg %v: %v %s", args, err, &complaint)
	}
	return out
}

// hears checks that a click of 20 ms is at a sample, to the millisecond.
func hears(t testing.TB, pcm []int16, at int) {
	t.Helper()
	loud := func(from, to int) (peak int) {
		for _, v := range pcm[max(0, from):min(to, len(pcm))] {
			peak = max(peak, int(math.Abs(float64(v))))
		}
		return peak
	}
	const most = 32767
	if p := loud(at+48, at+96); p < most/2 {
		t.Errorf("behind sample %d the loudest is %d", at, p)
	}
	if p := loud(at+tape.FrameSamples-96, at+tape.FrameSamples-48); p < most/2 {
		t.Errorf("before the end of the click at %d the loudest is %d", at, p)
	}
	if at > 0 {
		if p := loud(at-480, at-96); p > most/4 {
			t.Errorf("before sample %d the loudest is %d", at, p)
		}
	}
	if p := loud(at+tape.FrameSamples+96, at+tape.FrameSamples+480); p > most/4 {
		t.Errorf("behind the click at %d the loudest is %d", at, p)
	}
}

// Chromium plays a recording from a server that answers ranges: it knows how long it is before it has all of it, and hears each click where it is.
func TestChromiumPlaysARecording(t *testing.T) {
	const frames = 300
	r, units := clicks(t, frames, 0, 96_000, 240_000)
	r.Chapters = []fmp4.Mark{{0, "Tides"}, {96_000, "Ebb"}}
	file := append(head(t, r), units...)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(recordingPage))
	})
	mux.HandleFunc("GET /talk.m4a", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "audio/mp4")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	page := browsertest.Open(t, browsertest.New(t, browsertest.Autoplay), server.URL)
	type heard struct {
		Duration, Sought, Played float64
		Samples                  int
		Clicks                   []float64
		Error                    string
	}
	got := browsertest.Eval[heard](page, "heard()")
	t.Logf("%+v", got)
	if got.Error != "" || math.Abs(got.Duration-6) > 0.03 || math.Abs(got.Sought-4.5) > 0.01 || got.Played < 0.5 {
		t.Fatalf("%+v", got)
	}
	want := []float64{0, 2, 5}
	if len(got.Clicks) != len(want) {
		t.Fatalf("clicks are at %v, not %v", got.Clicks, want)
	}
	for i, at := range want {
		if math.Abs(got.Clicks[i]-at) > 0.002 {
			t.Errorf("a click is at %v, not %v", got.Clicks[i], at)
		}
	}
}

const recordingPage = `<!doctype html><meta charset="utf-8"><title>plays a recording and tells where it clicks</title><script>
const until = (target, name) => new Promise((done, fail) => {
  target.addEventListener(name, done, { once: true });
  target.addEventListener("error", () => fail(new Error(target.error?.message ?? "error before " + name)), { once: true });
});
async function hear() {
  const audio = new Audio("/talk.m4a");
  await until(audio, "loadedmetadata");
  audio.currentTime = 4.5;
  await until(audio, "seeked");
  const sought = audio.currentTime;
  await audio.play();
  await until(audio, "ended");
  const bytes = await (await fetch("/talk.m4a")).arrayBuffer();
  const sound = await new OfflineAudioContext(1, 48000, 48000).decodeAudioData(bytes);
  const pcm = sound.getChannelData(0), clicks = [];
  for (let i = 0; i < pcm.length; i++) if (Math.abs(pcm[i]) > 0.25) { clicks.push(i / 48000); i += 4800; }
  return { Duration: audio.duration, Sought: sought, Played: audio.currentTime - sought, Samples: pcm.length, Clicks: clicks };
}
window.heard = () => hear().catch((e) => ({ Error: String(e) }));
</script>`

// FuzzParseRecording: nothing that comes makes it fail but by an error, and what it takes it gives back.
func FuzzParseRecording(f *testing.F) {
	for _, r := range []fmp4.Recording{
		{Sizes: []uint16{4}, Samples: 1},
		{Sizes: make([]uint16, 91), Skip: 2048, Samples: 80_000, Title: "Harbour", Artist: "Ada", Date: time.Unix(1_800_000_000, 0), Chapters: []fmp4.Mark{{0, "One"}, {9_600, "Two"}}},
	} {
		b := head(f, r)
		f.Add(b)
		f.Add(b[:len(b)-3])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, size, err := fmp4.ParseRecording(b)
		if err != nil {
			if !errors.Is(err, fmp4.ErrFormat) {
				t.Errorf("the error is %v", err)
			}
			return
		}
		if size > len(b) {
			t.Fatalf("of %d bytes it took %d", len(b), size)
		}
		again, err := fmp4.AppendRecordingHead(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := fmp4.ParseRecording(again)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%+v came back as %+v (%v)", r, got, err)
		}
	})
}

// FuzzRecording: whatever a recording is, what is written comes back.
func FuzzRecording(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint16(5), uint16(100), "Harbour", "One", uint32(50))
	f.Add([]byte{}, uint16(0), uint16(0), "", "", uint32(0))
	f.Add(bytes.Repeat([]byte{9}, 200), uint16(2360), uint16(65_000), "é\x00", strings.Repeat("é", 200), uint32(1<<31))
	f.Fuzz(func(t *testing.T, sizes []byte, skip, samples uint16, title, chapter string, at uint32) {
		r := fmp4.Recording{Skip: int64(skip), Samples: int64(samples), Title: title, Artist: chapter, Chapters: []fmp4.Mark{{0, fmp4.CutTitle(title)}, {int64(at), fmp4.CutTitle(chapter)}}}
		for i, s := range sizes {
			r.Sizes = append(r.Sizes, uint16(s)*uint16(i))
		}
		b, err := fmp4.AppendRecordingHead(nil, r)
		if err != nil {
			if !errors.Is(err, fmp4.ErrRecording) {
				t.Error(err)
			}
			return
		}
		got, size, err := fmp4.ParseRecording(b)
		if err != nil || size != len(b) || !reflect.DeepEqual(got, r) {
			t.Errorf("%s came back as %+v (%v)", fmt.Sprint(r), strconv.Quote(fmt.Sprint(got)), err)
		}
	})
}
