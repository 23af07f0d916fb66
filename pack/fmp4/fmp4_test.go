package fmp4_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/tape"
)

func packets(n int) [][]byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	p := make([][]byte, n)
	for i := range p {
		p[i] = make([]byte, 60+rnd.IntN(120))
		for k := range p[i] {
			p[i][k] = byte(rnd.Uint32())
		}
		p[i][0] = 31 << 3 // CELT, 20 ms, one frame
	}
	return p
}

func event(at tape.Number, kind string) tape.Event {
	return tape.Event{At: at, Kind: kind, Data: fmt.Appendf(nil, `{"t":%q,"n":%d}`, kind, at)}
}

// sameFragment compares what was packed with what was read.
func sameFragment(a, b fmp4.Fragment) bool {
	return a.From == b.From && slices.EqualFunc(a.Packets, b.Packets, bytes.Equal) &&
		slices.EqualFunc(a.Events, b.Events, func(x, y tape.Event) bool {
			return x.At == y.At && x.Kind == y.Kind && bytes.Equal(x.Data, y.Data)
		})
}

func TestReadBackWhateverTheCuts(t *testing.T) {
	const week = 50 * 86_400 * 7
	fragments := []fmp4.Fragment{
		{From: 0, Packets: packets(1)},
		{From: 1, Packets: packets(11), Events: []tape.Event{event(0, "room"), event(1, "stage"), event(1, "speaking")}},
		{From: week, Packets: packets(200)},
		{From: week + 200, Packets: packets(12), Events: []tape.Event{event(week+205, "listening")}},
		{From: week + 212, Packets: [][]byte{tape.SilencePacket}},
		{From: week + 300, Events: []tape.Event{event(week+212, "stage"), event(week+300, "room")}},
	}
	b := fmp4.Init(312)
	for _, f := range fragments {
		b = fmp4.AppendFragment(b, f.From, f.Packets, f.Events)
	}
	for name, src := range map[string]io.Reader{
		"whole": bytes.NewReader(b), "bytes": iotest.OneByteReader(bytes.NewReader(b)), "halves": iotest.HalfReader(bytes.NewReader(b)),
	} {
		r := fmp4.NewReader(src)
		for i, want := range fragments {
			got, err := r.Next()
			if err != nil {
				t.Fatalf("%s: fragment %d: %v", name, i, err)
			}
			if !sameFragment(got, want) {
				t.Errorf("%s: fragment %d is from %d with %d packets and events %v", name, i, got.From, len(got.Packets), got.Events)
			}
		}
		if h := r.Head(); h.PreSkip != 312 || h.Channels != 1 {
			t.Errorf("%s: head %+v", name, h)
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: at the end: %v", name, err)
		}
	}
}

func TestReadBackAnything(t *testing.T) {
	number := rapid.Int64Range(0, 1<<48)
	rapid.Check(t, func(t *rapid.T) {
		want := fmp4.Fragment{
			From:    tape.Number(number.Draw(t, "from")),
			Packets: rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 1276), 1, 30).Draw(t, "packets"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "events") {
			kind, text := rapid.StringMatching("[a-z]{1,9}").Draw(t, "kind"), rapid.String().Draw(t, "text")
			data, err := json.Marshal(map[string]string{"t": kind, "text": text})
			if err != nil {
				t.Fatal(err)
			}
			want.Events = append(want.Events, tape.Event{At: tape.Number(number.Draw(t, "at")), Kind: kind, Data: data})
		}
		b := fmp4.AppendFragment(fmp4.Init(312), want.From, want.Packets, want.Events)
		got, err := fmp4.NewReader(bytes.NewReader(b)).Next()
		if err != nil {
			t.Fatal(err)
		}
		if !sameFragment(got, want) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

// The events that only one seat gets must not change the sound's bytes.
func TestEventsStandInFront(t *testing.T) {
	e, p := []tape.Event{event(7, "seat")}, packets(12)
	with, without := fmp4.AppendFragment(nil, 7, p, e), fmp4.AppendFragment(nil, 7, p, nil)
	if !bytes.Equal(with, append(fmp4.AppendEvent(nil, e[0]), without...)) {
		t.Error("a fragment with an event is not the event and the fragment")
	}
}

func TestUnknownBoxesAreSkipped(t *testing.T) {
	free := []byte("\x00\x00\x00\x0cfreexxxx")
	large := []byte("\x00\x00\x00\x01free\x00\x00\x00\x00\x00\x00\x00\x14xxxx")
	foreign := bytes.Replace(fmp4.AppendEvent(nil, event(3, "room")), []byte("urn:epidaurus"), []byte("urn:somebody1"), 1)
	stray := []byte("\x00\x00\x00\x0cmdatxxxx")
	b := slices.Concat(free, fmp4.Init(312), large, foreign, stray, fmp4.AppendFragment(nil, 3, packets(2), nil), free)
	r := fmp4.NewReader(bytes.NewReader(b))
	f, err := r.Next()
	if err != nil || f.From != 3 || len(f.Packets) != 2 || len(f.Events) != 0 {
		t.Fatalf("%+v, %v", f, err)
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestEventThatIsNoJSONHasNoKind(t *testing.T) {
	b := append(fmp4.Init(0), fmp4.AppendEvent(nil, tape.Event{At: 5, Kind: "x", Data: []byte("hm")})...)
	f, err := fmp4.NewReader(bytes.NewReader(b)).Next()
	if err != nil || len(f.Events) != 1 || f.Events[0].Kind != "" || string(f.Events[0].Data) != "hm" {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestReaderErrors(t *testing.T) {
	head := fmp4.Init(312)
	frag := fmp4.AppendFragment(nil, 100, packets(3), nil)
	// change puts v at an offset behind the name of a box.
	change := func(b []byte, box string, offset int, v ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[bytes.Index(b, []byte(box))+4+offset:], v)
		return b
	}
	whole := slices.Concat(head, frag)
	cases := []struct {
		name string
		file []byte
		want error
	}{
		{"text", []byte("what is this, please?"), fmp4.ErrFormat},
		{"fragment before head", frag, fmp4.ErrFormat},
		{"cut in the head", head[:100], io.ErrUnexpectedEOF},
		{"cut in a box's header", append(bytes.Clone(whole), 0, 0), io.ErrUnexpectedEOF},
		{"cut in a moof", whole[:len(head)+50], io.ErrUnexpectedEOF},
		{"cut between moof and mdat", whole[:bytes.Index(whole, []byte("mdat"))-4], io.ErrUnexpectedEOF},
		{"cut in the sound", whole[:len(whole)-1], io.ErrUnexpectedEOF},
		{"tiny box", []byte("\x00\x00\x00\x07free"), fmp4.ErrFormat},
		{"endless box", []byte("\x00\x00\x00\x00mdat"), fmp4.ErrFormat},
		{"huge box", []byte("\x7f\xff\xff\xffmdat"), fmp4.ErrFormat},
		{"very huge box", []byte("\x00\x00\x00\x01mdat\xff\xff\xff\xff\xff\xff\xff\xff"), fmp4.ErrFormat},
		{"other codec", slices.Concat(change(head, "stsd", 12, []byte("mp4a")...), frag), fmp4.ErrFormat},
		{"other timescale", slices.Concat(change(head, "mdhd", 12, 0, 0, 0, 1), frag), fmp4.ErrFormat},
		{"other version of dOps", slices.Concat(change(head, "dOps", 0, 9), frag), fmp4.ErrFormat},
		{"two tracks", slices.Concat(change(head, "mvex", 0), change(head[24:], "mvhd", -4, []byte("trak")...)), fmp4.ErrFormat},
		{"other duration", slices.Concat(change(head, "trex", 12, 0, 0, 1, 0), frag), fmp4.ErrFormat},
		{"other track", slices.Concat(head, change(frag, "tfhd", 7, 9)), fmp4.ErrFormat},
		{"counted from the file's beginning", slices.Concat(head, change(frag, "tfhd", 1, 0, 0, 1)), fmp4.ErrFormat},
		{"off the grid", slices.Concat(head, change(frag, "tfdt", 11, 1)), fmp4.ErrFormat},
		{"time of the universe", slices.Concat(head, change(frag, "tfdt", 4, 0xff)), fmp4.ErrFormat},
		{"sound elsewhere", slices.Concat(head, change(frag, "trun", 8, 0, 0xff)), fmp4.ErrFormat},
		{"sound before the moof", slices.Concat(head, change(frag, "trun", 8, 0xff)), fmp4.ErrFormat},
		{"endless packets", slices.Concat(head, change(frag, "trun", 12, 0xff)), fmp4.ErrFormat},
		{"a million packets", slices.Concat(head, change(frag, "trun", 4, 0, 0x10)), fmp4.ErrFormat},
		{"no packets", slices.Concat(head, change(frag, "trun", 7, 0)), fmp4.ErrFormat},
		{"more packets than sizes", slices.Concat(head, change(frag, "trun", 7, 9)), fmp4.ErrFormat},
		{"inner box too long", slices.Concat(head, change(frag, "traf", -8, 9)), fmp4.ErrFormat},
		{"event off the grid", change(fmp4.AppendEvent(nil, event(1, "x")), "emsg", 15, 1), fmp4.ErrFormat},
		{"event cut off", []byte("\x00\x00\x00\x10emsg\x01\x00\x00\x00\x00\x00\x00\x00"), fmp4.ErrFormat},
	}
	for _, c := range cases {
		r := fmp4.NewReader(bytes.NewReader(c.file))
		var err error
		for err == nil {
			_, err = r.Next()
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	broken := errors.New("broken wire")
	_, err := fmp4.NewReader(io.MultiReader(bytes.NewReader(head), iotest.ErrReader(broken))).Next()
	if !errors.Is(err, broken) {
		t.Errorf("broken wire: %v", err)
	}
}

func TestEventsAreBounded(t *testing.T) {
	one := fmp4.AppendEvent(nil, event(1, "x"))
	b := append(fmp4.Init(0), bytes.Repeat(one, 5000)...)
	if _, err := fmp4.NewReader(bytes.NewReader(b)).Next(); !errors.Is(err, fmp4.ErrFormat) {
		t.Errorf("5000 events: %v", err)
	}
}

func TestAppendFragmentDoesNotAllocate(t *testing.T) {
	p, e := packets(12), []tape.Event{event(7, "speaking"), event(8, "stage")}
	dst := make([]byte, 0, 32<<10)
	if n := testing.AllocsPerRun(100, func() { fmp4.AppendFragment(dst, 7, p, e) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzReader(f *testing.F) {
	whole := fmp4.AppendFragment(fmp4.Init(312), 100, packets(3), []tape.Event{event(100, "room")})
	f.Add(fmp4.AppendFragment(whole, 103, packets(2), nil))
	f.Add(whole[:200])
	f.Add(fmp4.AppendEvent(nil, event(1, "x")))
	f.Add(mediacommonStream(f, 100, packets(3)))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := fmp4.NewReader(bytes.NewReader(b))
		for range len(b) + 1 {
			got, err := r.Next()
			if err != nil {
				return
			}
			if got.From < 0 || len(got.Packets)+len(got.Events) == 0 {
				t.Fatalf("%+v", got)
			}
		}
		t.Fatal("more fragments than bytes")
	})
}

func BenchmarkAppendFragment(b *testing.B) {
	p := make([][]byte, 12)
	for i := range p {
		p[i] = make([]byte, 120) // 48 kbit/s
	}
	dst := fmp4.AppendFragment(nil, 7, p, nil)
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		dst = fmp4.AppendFragment(dst[:0], 7, p, nil)
	}
}

func BenchmarkReader(b *testing.B) {
	head := fmp4.Init(312)
	frag := fmp4.AppendFragment(nil, 96, packets(12), nil)
	b.SetBytes(int64(len(frag)))
	b.ReportAllocs()
	r := fmp4.NewReader(io.MultiReader(bytes.NewReader(head), &loop{b: frag}))
	for b.Loop() {
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

// loop gives the same bytes for ever.
type loop struct {
	b  []byte
	at int
}

func (l *loop) Read(p []byte) (int, error) {
	n := copy(p, l.b[l.at:])
	l.at = (l.at + n) % len(l.b)
	return n, nil
}

func TestFragmentSize(t *testing.T) {
	packets := [][]byte{{1}, {2, 3}, {4, 5, 6}}
	if got := len(fmp4.AppendFragment(nil, 7, packets, nil)); got != fmp4.FragmentSize(3, 6) {
		t.Errorf("a fragment takes %d bytes, not %d", got, fmp4.FragmentSize(3, 6))
	}
}
