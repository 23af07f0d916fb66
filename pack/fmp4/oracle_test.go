package fmp4_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"
	oracle "github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/tape"
)

func TestMp4ffReads(t *testing.T) {
	const from = 50 * 86_400 * 900
	p, q := packets(12), packets(5)
	e := event(from+3, "speaking")
	b := fmp4.AppendFragment(fmp4.Init(312), from, p, []tape.Event{e})
	b = fmp4.AppendFragment(b, from+12, q, nil)
	f, err := mp4.DecodeFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	dops := f.Init.Moov.Trak.Mdia.Minf.Stbl.Stsd.Opus.Dops
	if dops == nil || dops.PreSkip != 312 || dops.OutputChannelCount != 1 || dops.InputSampleRate != 48000 {
		t.Errorf("dOps is %+v", dops)
	}
	var frags []*mp4.Fragment
	for _, s := range f.Segments {
		frags = append(frags, s.Fragments...)
	}
	if len(frags) != 2 {
		t.Fatalf("%d fragments", len(frags))
	}
	if len(frags[0].Emsgs) != 1 {
		t.Fatalf("%d events", len(frags[0].Emsgs))
	}
	m := frags[0].Emsgs[0]
	at := uint32(from + 3) // the low half of the frame's number
	if m.Version != 1 || m.TimeScale != 48000 || m.PresentationTime != (from+3)*960 || m.ID != at || m.Value != "speaking" ||
		m.SchemeIDURI != "urn:epidaurus:event:1" || !bytes.Equal(m.MessageData, e.Data) {
		t.Errorf("event is %+v", m)
	}
	number := frags[0].Moof.Mfhd.SequenceNumber
	if next := frags[1].Moof.Mfhd.SequenceNumber; next <= number {
		t.Errorf("sequence number %d behind %d", next, number)
	}
	want, time := append(p, q...), uint64(from*960)
	for _, frag := range frags {
		samples, err := frag.GetFullSamples(f.Init.Moov.Mvex.Trex)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range samples {
			if s.DecodeTime != time || s.Dur != 960 || !s.IsSync() || !bytes.Equal(s.Data, want[0]) {
				t.Fatalf("a sample at %d lasts %d and has %d bytes; want %d, 960, %d", s.DecodeTime, s.Dur, len(s.Data), time, len(want[0]))
			}
			want, time = want[1:], time+960
		}
	}
	if len(want) > 0 {
		t.Errorf("%d packets are missing", len(want))
	}
}

func TestMediacommonReads(t *testing.T) {
	head := fmp4.Init(312)
	var init oracle.Init
	if err := init.Unmarshal(bytes.NewReader(head)); err != nil {
		t.Fatal(err)
	}
	if len(init.Tracks) != 1 || init.Tracks[0].TimeScale != 48000 {
		t.Fatalf("%+v", init)
	}
	if c, ok := init.Tracks[0].Codec.(*codecs.Opus); !ok || c.ChannelCount != 1 {
		t.Errorf("codec is %+v", init.Tracks[0].Codec)
	}
	p := packets(12)
	var parts oracle.Parts
	if err := parts.Unmarshal(fmp4.AppendFragment(nil, 1000, p, []tape.Event{event(1000, "room")})); err != nil {
		t.Fatal(err)
	}
	if len(parts) != 1 || len(parts[0].Tracks) != 1 || parts[0].SequenceNumber != 1001 {
		t.Fatalf("%+v", parts)
	}
	track := parts[0].Tracks[0]
	if track.BaseTime != 960_000 || len(track.Samples) != len(p) {
		t.Fatalf("%d samples at %d", len(track.Samples), track.BaseTime)
	}
	for i, s := range track.Samples {
		if !bytes.Equal(s.Payload, p[i]) {
			t.Errorf("sample %d differs", i)
		}
	}
}

func mediacommonPart(from tape.Number, packets [][]byte) oracle.Part {
	samples := make([]*oracle.Sample, len(packets))
	for i, p := range packets {
		samples[i] = &oracle.Sample{Duration: 960, Payload: p}
	}
	return oracle.Part{
		SequenceNumber: uint32(from) + 1,
		Tracks:         []*oracle.PartTrack{{ID: 1, BaseTime: uint64(from) * 960, Samples: samples}},
	}
}

// mediacommonStream is a stream by another program.
func mediacommonStream(t testing.TB, from tape.Number, packets [][]byte) []byte {
	t.Helper()
	init := oracle.Init{Tracks: []*oracle.InitTrack{{ID: 1, TimeScale: 48000, Codec: &codecs.Opus{ChannelCount: 1}}}}
	part := mediacommonPart(from, packets)
	var head, body seekablebuffer.Buffer
	if err := init.Marshal(&head); err != nil {
		t.Fatal(err)
	}
	if err := part.Marshal(&body); err != nil {
		t.Fatal(err)
	}
	return append(head.Bytes(), body.Bytes()...)
}

func TestReaderTakesMediacommon(t *testing.T) {
	want := packets(12)
	got, err := fmp4.NewReader(bytes.NewReader(mediacommonStream(t, 1000, want))).Next()
	if err != nil {
		t.Fatal(err)
	}
	if !sameFragment(got, fmp4.Fragment{From: 1000, Packets: want}) {
		t.Errorf("from %d, %d packets", got.From, len(got.Packets))
	}
}

func BenchmarkMediacommon(b *testing.B) {
	p := make([][]byte, 12)
	for i := range p {
		p[i] = make([]byte, 120)
	}
	part := mediacommonPart(7, p)
	b.ReportAllocs()
	for b.Loop() {
		var buf seekablebuffer.Buffer
		if err := part.Marshal(&buf); err != nil {
			b.Fatal(err)
		}
	}
}

// tonePackets is n frames of 440 Hz, encoded.
func tonePackets(t *testing.T, n int) [][]byte {
	t.Helper()
	enc, err := codec.NewOpusEncoder(codec.ForVariant(tape.Opus48))
	if err != nil {
		t.Fatal(err)
	}
	pcm, buf := make([]float32, 960), make([]byte, codec.MaxPacketBytes)
	packets := make([][]byte, n)
	for i := range packets {
		for k := range pcm {
			pcm[k] = float32(0.3 * math.Sin(2*math.Pi*440*float64(i*960+k)/48000))
		}
		size, err := enc.Encode(pcm, buf)
		if err != nil {
			t.Fatal(err)
		}
		packets[i] = bytes.Clone(buf[:size])
	}
	return packets
}

// ffprobe and ffmpeg take a stream joined in the middle, and hear the tone that went in.
func TestFfmpegPlays(t *testing.T) {
	const from, frames = 1_234_560, 96
	p := tonePackets(t, frames)
	b := fmp4.Init(codec.OpusPreSkip)
	for at := 0; at < frames; at += 12 {
		first := tape.Number(from + at)
		b = fmp4.AppendFragment(b, first, p[at:at+12], []tape.Event{event(first, "listening")})
	}
	file := filepath.Join(t.TempDir(), "live.mp4")
	if err := os.WriteFile(file, b, 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) string {
		out, err := exec.Command(name, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	said := run("ffprobe", "-v", "warning", "-of", "csv=p=0", "-show_entries", "stream=codec_name,sample_rate,channels,start_time", file)
	if want := fmt.Sprintf("opus,48000,1,%.6f", tape.Number(from).Duration().Seconds()); said != want {
		t.Errorf("ffprobe says %q, want %q", said, want)
	}
	said = run("ffprobe", "-v", "warning", "-of", "csv=p=0", "-show_entries", "packet=pts", file)
	lines := strings.Split(said, "\n")
	if len(lines) != frames {
		t.Fatalf("ffprobe sees %d packets, want %d", len(lines), frames)
	}
	for i, line := range lines {
		if want := strconv.Itoa((from + i) * 960); strings.TrimSpace(line) != want {
			t.Fatalf("packet %d is %q, want %q", i, line, want)
		}
	}
	said = run("ffmpeg", "-v", "info", "-nostats", "-i", file, "-af", "volumedetect", "-f", "null", "-")
	if !strings.Contains(said, "mean_volume: -13.") {
		t.Errorf("ffmpeg does not hear a tone of -13.5 dB:\n%s", said)
	}
}
