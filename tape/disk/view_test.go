package disk

import (
	"bytes"
	"io"
	"math"
	"reflect"
	"testing"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// closedTape has frames 0 to 430, and a hole before 50,016 to 50,208.
func closedTape(t testing.TB) *Tape {
	h := newHouse(t)
	h.state(0, room.Live)
	h.hear(0, 300)
	h.look()
	h.s.stop()
	h.start()
	h.state(0, room.Live)
	h.hear(50_000, 50_208)
	h.state(50_208, room.Ended)
	h.hear(50_208, 50_300)
	if !h.look() {
		t.Fatal("the tape is not closed")
	}
	tp, err := load(h.dir())
	if err != nil {
		t.Fatal(err)
	}
	return tp
}

// packetsOf reads an Ogg file: its head, its packets and the samples that are played.
func packetsOf(t testing.TB, f *File) (head ogg.Head, packets [][]byte, played int) {
	t.Helper()
	file, err := io.ReadAll(f)
	if err != nil || int64(len(file)) != f.Size() {
		t.Fatalf("%d of %d bytes, %v", len(file), f.Size(), err)
	}
	r := ogg.NewReader(bytes.NewReader(file))
	end := int64(0)
	for {
		p, err := r.Next()
		if err != nil {
			break
		}
		if start := p.End - int64(p.Samples); start != end && len(packets) > 0 {
			t.Fatalf("packet %d begins at %d, and the one before ends at %d", len(packets), start, end)
		}
		end = p.End
		packets = append(packets, bytes.Clone(p.Data))
		played += p.Samples - p.Skip - p.Trim
	}
	if !r.Ended() || r.Skipped() != 0 {
		t.Errorf("ended: %v, %d bytes are no pages", r.Ended(), r.Skipped())
	}
	return r.Head(), packets, played
}

// A tape that is cut is as one that begins and ends there, at any frame; nothing of it is touched, and nothing outside is given away.
func TestCutTape(t *testing.T) {
	t.Parallel()
	tp := closedTape(t)
	for _, at := range []tape.Stretch{{From: 0, To: 0}, {From: 5, To: 29}, {From: 95, To: 97}, {From: 96, To: 192}, {From: 100, To: 50_100}, {From: 7, To: 50_999}, {From: 250, To: 0}} {
		v := tp.Cut(at.From, at.To)
		var want []tape.Stretch
		for _, s := range tp.Spans() {
			s.From = max(s.From, at.From)
			if at.To > 0 {
				s.To = min(s.To, at.To)
			}
			if s.Len() > 0 {
				want = append(want, s)
			}
		}
		if got := v.Spans(); !reflect.DeepEqual(got, want) {
			t.Fatalf("%v: spans %v, want %v", at, got, want)
		}
		frames := 0
		var said [][]byte
		for _, s := range want {
			frames += s.Len()
			for n := s.From; n < s.To; n++ {
				said = append(said, packetOf(0, n))
			}
		}
		f, err := v.Ogg(tape.Opus48)
		if err != nil {
			t.Fatal(err)
		}
		head, packets, played := packetsOf(t, f)
		if head.PreSkip != codec.OpusPreSkip || played != frames*tape.FrameSamples {
			t.Errorf("%v: it plays %d samples, want %d", at, played, frames*tape.FrameSamples)
		}
		if len(packets) != frames+1 || !reflect.DeepEqual(packets[:frames], said) {
			t.Errorf("%v: the file has %d packets, want %d and an end", at, len(packets), frames)
		}
		checkMovie(t, v, said)
		if n := len(v.Levels()); n < frames/16 || n > frames/16+2*len(want)+1 {
			t.Errorf("%v: %d levels of %d frames", at, n, frames)
		}
	}
	v := tp.Cut(100, 250)
	if s, ok := v.Segment(1); !ok || s != (tape.Stretch{From: 100, To: 192}) || !v.IsCut(1) || !v.IsCut(2) || tp.Cut(0, 0).IsCut(1) || v.Whole(tape.Opus48, 100, 192) {
		t.Errorf("segment 1 is %v, %v", s, ok)
	}
	for _, k := range []tape.Number{0, 3, 521} {
		if s, ok := v.Segment(k); ok {
			t.Errorf("segment %d is there: %v", k, s)
		}
	}
	packets, err := v.Read(tape.Opus48, 90, 110)
	if err != nil || !bytes.Equal(packets[9], tape.SilencePacket) || !bytes.Equal(packets[10], packetOf(0, 100)) {
		t.Error("what was cut away can be read")
	}
	if e := v.Events(0, 1000); len(e) != 1 || e[0].Kind != room.KindRoom {
		t.Errorf("its events are %v", e)
	}
	if len(tp.Cut(1000, 2000).Spans()) != 0 || tp.Cut(1000, 2000).Events(0, 5000) != nil {
		t.Error("in the hole there is something")
	}
}

func checkMovie(t *testing.T, v *View, said [][]byte) {
	t.Helper()
	f, err := v.Movie(tape.Opus48)
	if err != nil {
		t.Fatal(err)
	}
	file, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	r := fmp4.NewReader(bytes.NewReader(file))
	at, got := tape.Number(0), [][]byte(nil)
	for {
		fragment, err := r.Next()
		if err != nil {
			break
		}
		if fragment.From != at {
			t.Fatalf("a fragment begins at %d, not %d", fragment.From, at)
		}
		at += tape.Number(len(fragment.Packets))
		for _, p := range fragment.Packets {
			got = append(got, bytes.Clone(p))
		}
	}
	if !reflect.DeepEqual(got, said) {
		t.Errorf("the movie has %d packets, not %d", len(got), len(said))
	}
}

// A clip is exact to a frame: what it plays are the samples of these frames, as they are in the whole.
func TestClipIsExact(t *testing.T) {
	t.Parallel()
	tp := closedTape(t)
	whole, err := tp.Ogg(tape.Opus48)
	if err != nil {
		t.Fatal(err)
	}
	pcm := decoded(t, whole)
	for _, at := range []tape.Stretch{{From: 0, To: 50}, {From: 2, To: 60}, {From: 61, To: 187}, {From: 96, To: 192}, {From: 200, To: 270}} {
		f, err := tp.Cut(0, 0).Clip(tape.Opus48, at)
		if err != nil {
			t.Fatal(at, err)
		}
		got := decoded(t, f)
		if len(got) != at.Len()*tape.FrameSamples {
			t.Fatalf("%v plays %d samples, not %d", at, len(got), at.Len()*tape.FrameSamples)
		}
		want := pcm[at.From.Samples():at.To.Samples()]
		if d := distance(got, want); d > 0.01 {
			t.Errorf("%v differs from the whole by %f", at, d)
		}
		if at.From > 0 && distance(got, pcm[at.From.Samples()-tape.FrameSamples:]) < 0.05 {
			t.Errorf("%v: a frame earlier is as like", at) // then the test shows nothing
		}
	}
	for _, at := range []tape.Stretch{{From: 10, To: 10}, {From: 250, To: 330}, {From: 400, To: 480}, {From: 50_200, To: 50_209}} {
		if _, err := tp.Cut(0, 0).Clip(tape.Opus48, at); err == nil {
			t.Errorf("%v is given, and is not on tape", at)
		}
	}
	// What lies before a cut is not in a clip, not even for the decoder.
	f, err := tp.Cut(100, 200).Clip(tape.Opus48, tape.Stretch{From: 101, To: 160})
	if err != nil {
		t.Fatal(err)
	}
	if head, packets, _ := packetsOf(t, f); head.PreSkip != codec.OpusPreSkip+tape.FrameSamples || !bytes.Equal(packets[0], packetOf(0, 100)) {
		t.Errorf("its pre-skip is %d", head.PreSkip)
	}
}

// decoded is what a player plays of a file.
func decoded(t testing.TB, f *File) (played []float32) {
	t.Helper()
	head, packets, n := packetsOf(t, f)
	d, err := codec.NewOpusDecoder()
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]float32, 5760)
	for _, p := range packets {
		got, err := d.Decode(p, pcm)
		if err != nil {
			t.Fatal(err)
		}
		played = append(played, pcm[:got]...)
	}
	played = played[head.PreSkip:]
	return played[:n]
}

// distance is the greatest difference of two sounds.
func distance(a, b []float32) (most float64) {
	for i := range a {
		most = max(most, math.Abs(float64(a[i]-b[i])))
	}
	return most
}

// Files, movies and clips of any stretch of a tape come back: the packets that were said in it, and no other.
func FuzzFiles(f *testing.F) {
	tp := closedTape(f)
	f.Add(int64(0), int64(0), uint8(0))
	f.Add(int64(61), int64(187), uint8(1))
	f.Add(int64(250), int64(50_100), uint8(2))
	f.Fuzz(func(t *testing.T, from, to int64, variant uint8) {
		from, to = from%60_000, to%60_000
		if from < 0 || to < 0 {
			return
		}
		at := tape.Stretch{From: tape.Number(from), To: tape.Number(to)}
		i := int(variant) % len(tape.Variants)
		view := tp.Cut(at.From, at.To)
		var said [][]byte
		for _, s := range view.Spans() {
			for n := s.From; n < s.To; n++ {
				said = append(said, packetOf(i, n))
			}
		}
		file, err := view.Ogg(tape.Variants[i])
		if err != nil {
			if len(said) > 0 {
				t.Fatal(err)
			}
			return
		}
		_, packets, _ := packetsOf(t, file)
		if len(packets) < len(said) || len(said) > 0 && !bytes.Equal(packets[len(packets)-1-len(said)], said[0]) {
			t.Fatalf("of %v come %d packets, and %d were said", at, len(packets), len(said))
		}
		if i == 0 && len(said) > 0 {
			checkMovie(t, view, said)
		}
		if clip, err := view.Clip(tape.Variants[i], at); err == nil {
			packetsOf(t, clip)
		}
	})
}
