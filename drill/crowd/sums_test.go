package crowd

import (
	"bytes"
	"hash/crc32"
	"slices"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
)

// differs is a sink that counts what is not as others got it.
type differs struct {
	listener *boxes
	bad, n   int
}

func (d *differs) fragment(f fragment) { d.n, d.bad = d.n+f.differ, d.bad+f.bad }
func (d *differs) event(b []byte) {
	_, data, _ := readEvent(b)
	d.listener.behind, _ = variantOf(data)
}

// hear gives a stream to one more listener, and returns how much of it is not as others got it.
func hear(t *testing.T, known *sums, variant uint8, closely bool, stream []byte) int {
	t.Helper()
	b := &boxes{known: known, variant: variant, behind: variant}
	if closely {
		b.closely = &packets{}
	}
	d := differs{listener: b}
	for rest := stream; len(rest) > 0; rest = rest[min(100, len(rest)):] {
		err := b.scan(rest[:min(100, len(rest))], &d)
		if err != nil {
			t.Fatal(err)
		}
	}
	return d.n + d.bad
}

// Whatever byte of the sound is another one for a single listener, it is noticed once, by whichever level he looks and whoever came before.
func TestFlippedByte(t *testing.T) {
	head, good := fmp4.Init(312), sound(100, 112)
	stream := append(bytes.Clone(head), good...)
	at := len(head) + bytes.Index(good, []byte("mdat")) + 4
	for _, row := range []struct{ before, looks bool }{{true, true}, {true, false}, {false, false}} {
		for i := at; i < len(stream); i += 7 {
			known := &sums{}
			for range 3 {
				if n := hear(t, known, 1, row.before, stream); n != 0 {
					t.Fatalf("%+v: %d differ although all is the same", row, n)
				}
			}
			flipped := bytes.Clone(stream)
			flipped[i] ^= 0x10
			if n := hear(t, known, 1, row.looks, flipped); n != 1 {
				t.Fatalf("%+v: byte %d was another one, and %d differ", row, i, n)
			}
			if n := hear(t, known, 1, row.looks, stream); n != 0 {
				t.Fatalf("%+v: behind a wrong byte %d of the right ones differ", row, n)
			}
		}
	}
}

// One who was wrong and came first is overruled by two; another variant, a hole and another timeline are no faults.
func TestWhatIsNoFault(t *testing.T) {
	stream := func(packets [][]byte) []byte {
		return append(fmp4.Init(312), fmp4.AppendFragment(nil, 100, packets, nil)...)
	}
	good := packetsOf(100, 112)
	other := packetsOf(200, 212) // as good, of another variant
	holed := packetsOf(100, 112)
	holed[5] = tape.SilencePacket
	for _, closely := range []bool{true, false} {
		k := &sums{}
		var got [6]int
		got[0] = hear(t, k, 1, closely, stream(other))
		for i := range 3 {
			got[1+i] = hear(t, k, 1, closely, stream(good))
		}
		got[4] = hear(t, k, 2, closely, stream(other))
		got[5] = hear(t, k, 1, closely, stream(holed))
		want := [6]int{0, 1, 0, 0, 0, 0}
		if closely {
			want[1] = 12
		}
		if got != want {
			t.Errorf("closely %v: %v differ, want %v", closely, got, want)
		}
		k.forget()
		if n := hear(t, k, 1, closely, stream(other)); n != 0 {
			t.Errorf("closely %v: %d differ of a timeline that is new", closely, n)
		}
	}
	// What was said long ago is not known any more, and what comes late is judged by nothing.
	k := &sums{}
	if !k.frame(0, keptFrames+5, 3, 7) || !k.frame(0, 5, 3, 8) || k.frame(0, keptFrames+5, 3, 9) {
		t.Error("frames are judged by others")
	}
}

// A variant changes behind the fragment that its event stands in front of.
func TestVariantChanges(t *testing.T) {
	k := &sums{}
	event := tape.Event{At: 112, Kind: "seat", Data: []byte(`{"t":"seat","variant":"opus-12"}`)}
	fragment := func(from tape.Number, packets [][]byte, events ...tape.Event) []byte {
		return fmp4.AppendFragment(nil, from, packets, events)
	}
	best := append(append(fmp4.Init(312), fragment(100, packetsOf(100, 112))...), fragment(112, packetsOf(112, 124))...)
	least := append(fmp4.Init(312), fragment(124, packetsOf(300, 312))...)
	moved := append(append(fmp4.Init(312), fragment(112, packetsOf(112, 124), event)...), fragment(124, packetsOf(300, 312))...)
	best = append(best, fragment(124, packetsOf(124, 136))...)
	for _, closely := range []bool{true, false} {
		if n := hear(t, k, 1, closely, best) + hear(t, k, 3, closely, least) + hear(t, k, 1, closely, moved); n != 0 {
			t.Errorf("closely %v: %d differ", closely, n)
		}
	}
	for data, want := range map[string]uint8{`{"variant":"opus-48"}`: 1, `{"t":"seat"}`: 0, `x`: 0} {
		if v, known := variantOf([]byte(data)); v != want || !known {
			t.Errorf("%s is variant %d, %v", data, v, known)
		}
	}
	if _, known := variantOf([]byte(`{"variant":"opus-96"}`)); known || len(tape.Variants) != variants {
		t.Error("a variant that is not known is compared")
	}
}

// The checksum of a run is made of those of its packets.
func TestJoinedSums(t *testing.T) {
	k := &sums{}
	var all []byte
	for n, p := range packetsOf(0, 60) {
		all = append(all, p...)
		k.frame(2, int64(n)+500, len(p), crc32.Checksum(p, castagnoli))
	}
	got, whole := k.join(2, 500, 60)
	if want := crc32.Checksum(all, castagnoli); !whole || got.crc != want || int(got.size) != len(all) {
		t.Errorf("%x of %d bytes, %v; want %x of %d", got.crc, got.size, whole, want, len(all))
	}
	if _, whole = k.join(2, 500, 61); whole {
		t.Error("a frame that nobody got is known")
	}
}

// A page of which a byte is another one is no page, or not what its checksum says.
func TestFlippedPage(t *testing.T) {
	whole := ogg.AppendHeaders(nil, 7, ogg.Head{PreSkip: 312})
	last := len(whole)
	whole = ogg.AppendPages(whole, 7, 96, packetsOf(96, 108))
	for i := last; i < len(whole); i++ {
		flipped := bytes.Clone(whole)
		flipped[i] ^= 4
		var s pages
		heard := 0
		err := s.scan(flipped, func(page) { heard++ })
		if err == nil && s.bad != 1 && heard > 0 {
			t.Errorf("byte %d was another one, and nobody noticed", i-last)
		}
	}
	for n := range len(whole) {
		var s pages
		err := s.scan(whole[:n], func(page) {})
		if err == nil {
			err = s.scan(whole[n:], func(page) {})
		}
		if err != nil || s.bad != 0 {
			t.Fatalf("cut at %d: %d bad pages, %v", n, s.bad, err)
		}
	}
}

// nobody is a sink that is told in vain.
type nobody struct{ frames, bad int }

func (n *nobody) fragment(f fragment) { n.frames, n.bad = n.frames+f.count, n.bad+f.differ+f.bad }
func (n *nobody) event([]byte)        {}

// What comparing costs, for a listener of 24 kbit/s who is written to each 0.96 s: per frame, beside the same stream uncompared, in turns.
func BenchmarkScan(b *testing.B) {
	const fragments, many = 20, 48
	stream := fmp4.Init(312)
	for i := range tape.Number(fragments) {
		var packets [][]byte
		for n := i * many; n < (i+1)*many; n++ {
			packets = append(packets, append([]byte{0xf8}, bytes.Repeat([]byte{byte(n)}, 59)...))
		}
		stream = fmp4.AppendFragment(stream, i*many, packets, nil)
	}
	for name, look := range map[string]*packets{"frames": nil, "packets": {}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			plain, compared := boxes{}, boxes{known: &sums{}}
			if look != nil {
				plain.closely, compared.closely = &packets{}, &packets{}
			}
			var to nobody
			var took [2][]time.Duration
			for b.Loop() {
				for i, s := range []*boxes{&plain, &compared} {
					begun := time.Now()
					err := s.scan(stream, &to)
					if err != nil || to.bad > 0 {
						b.Fatal(to.bad, err)
					}
					took[i] = append(took[i], time.Since(begun))
				}
			}
			perFrame := func(all []time.Duration) float64 {
				slices.Sort(all)
				return float64(all[len(all)/2]) / (fragments * many)
			}
			b.ReportMetric(perFrame(took[0]), "ns/frame-plain")
			b.ReportMetric(perFrame(took[1]), "ns/frame-compared")
			b.ReportMetric(perFrame(took[1])/perFrame(took[0]), "ratio")
		})
	}
}

// The same of Ogg: what scanning pages costs, and the checksum's part of it.
func BenchmarkPages(b *testing.B) {
	stream := ogg.AppendHeaders(nil, 7, ogg.Head{PreSkip: 312})
	for n := tape.Number(0); n < 960; n += 12 {
		stream = ogg.AppendPages(stream, 7, n, packetsOf(n, n+12))
	}
	b.Run("scan", func(b *testing.B) {
		b.SetBytes(int64(len(stream)))
		for b.Loop() {
			var s pages
			err := s.scan(stream, func(page) {})
			if err != nil || s.bad > 0 {
				b.Fatal(s.bad, err)
			}
		}
	})
	b.Run("checksum", func(b *testing.B) {
		b.SetBytes(int64(len(stream)))
		for b.Loop() {
			ogg.Checksum(0, stream)
		}
	})
}
