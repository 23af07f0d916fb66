package ogg

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/epidaurus-live/epidaurus/tape"
)

// frames makes n packets of 20 ms that are no sound, of all lengths that change the lacing.
func frames(n int) [][]byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	lengths := []int{3, 60, 120, 254, 255, 256, 509, 510, 511, 1275, 1276}
	packets := make([][]byte, n)
	for i := range packets {
		p := make([]byte, lengths[i%len(lengths)])
		for k := range p {
			p[k] = byte(rnd.Uint32())
		}
		p[0] = 31 << 3 // CELT, 20 ms, one frame
		packets[i] = p
	}
	return packets
}

// readAll reads to the end and copies what it gets.
func readAll(t testing.TB, r *Reader) []Packet {
	t.Helper()
	var all []Packet
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		p.Data = bytes.Clone(p.Data)
		all = append(all, p)
	}
}

func TestChannelReadsBack(t *testing.T) {
	packets := frames(100)
	for _, from := range []tape.Number{0, 1, 11, 12, 1_234_567, 50 * 86_400 * 3650} {
		b := AppendHeaders(nil, 7, Head{PreSkip: 312, Vendor: "test", Comments: []string{"TITLE=Harbour talk"}})
		b = AppendPages(b, 7, from, packets)
		b = AppendEnd(b, 7, from+100, 312)

		r := NewReader(bytes.NewReader(b))
		got := readAll(t, r)
		if len(got) != 101 || r.Skipped() != 0 || !r.Ended() {
			t.Fatalf("from %d: %d packets, %d bytes skipped, ended %v", from, len(got), r.Skipped(), r.Ended())
		}
		if h := r.Head(); h.PreSkip != 312 || h.Vendor != "test" || h.Channels != 1 || len(h.Comments) != 1 ||
			h.Comments[0] != "TITLE=Harbour talk" {
			t.Errorf("from %d: head %+v", from, h)
		}
		for i, p := range got[:100] {
			skip := 0
			if i == 0 {
				skip = 312
			}
			if end := (from + tape.Number(i) + 1).Samples(); p.End != end || p.Samples != 960 || p.Skip != skip || p.Trim != 0 ||
				!bytes.Equal(p.Data, packets[i]) {
				t.Fatalf("from %d: packet %d: end %d, want %d; %d samples, skip %d, trim %d", from, i, p.End, end, p.Samples,
					p.Skip, p.Trim)
			}
		}
		// The last packet's silence gives back the end of the frame before it, and no more.
		if last := got[100]; last.Trim != 960-312 || !bytes.Equal(last.Data, tape.SilencePacket) {
			t.Errorf("from %d: last packet %+v", from, last)
		}
	}
}

func TestPagesLieOnTheGrid(t *testing.T) {
	packets := frames(60)
	const from = 12_005
	whole := AppendPages(nil, 9, from, packets)

	// The same bytes come of any cuts on the grid.
	pieces := AppendPages(nil, 9, from, packets[:7])
	pieces = AppendPages(pieces, 9, from+7, packets[7:31])
	pieces = AppendPages(pieces, 9, from+31, packets[31:])
	if !bytes.Equal(whole, pieces) {
		t.Error("pages depend on how they were asked for")
	}

	s := newScanner(bytes.NewReader(whole))
	want := []struct {
		number  uint32
		granule int64
	}{{1002, 12_012}, {1003, 12_024}, {1004, 12_036}, {1005, 12_048}, {1006, 12_060}, {1007, 12_065}}
	for i, w := range want {
		p, err := s.next()
		if err != nil {
			t.Fatal(err)
		}
		if p.number != w.number || p.granule != w.granule*960 || p.serial != 9 || p.flags != 0 {
			t.Errorf("page %d: %+v, want %+v", i, p.pageHeader, w)
		}
	}
	if _, err := s.next(); !errors.Is(err, io.EOF) {
		t.Errorf("behind the last page: %v", err)
	}
}

func TestEndFollowsThePages(t *testing.T) {
	for from := tape.Number(0); from < 13; from++ {
		for n := 1; n < 26; n++ {
			b := AppendEnd(AppendPages(nil, 1, from, frames(n)), 1, from+tape.Number(n), 312)
			s := newScanner(bytes.NewReader(b))
			last, err := s.next()
			for err == nil && last.flags&flagEnd == 0 {
				before := last.number
				if last, err = s.next(); err == nil && last.number != before+1 {
					t.Fatalf("from %d, %d frames: page %d after %d", from, n, last.number, before)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestOverlongPacketIsSilence(t *testing.T) {
	b := AppendHeaders(nil, 1, Head{})
	b = AppendPages(b, 1, 0, [][]byte{make([]byte, maxFrameBytes+1), {0xf8, 1}})
	got := readAll(t, NewReader(bytes.NewReader(b)))
	if len(got) != 2 || !bytes.Equal(got[0].Data, tape.SilencePacket) {
		t.Errorf("got %+v", got)
	}
}

func TestHeadersLeaveOutWhatDoesNotFit(t *testing.T) {
	h := Head{Vendor: string(make([]byte, 5000)), Comments: []string{"A=1", string(make([]byte, 70_000)), "B=2"}}
	b := AppendPages(AppendHeaders(nil, 1, h), 1, 0, frames(1))
	r := NewReader(bytes.NewReader(b))
	readAll(t, r)
	if c := r.Head().Comments; len(c) != 2 || c[0] != "A=1" || c[1] != "B=2" {
		t.Errorf("%d comments", len(c))
	}
}

func TestAppendPagesDoesNotAllocate(t *testing.T) {
	packets := frames(48)
	dst := make([]byte, 0, 64<<10)
	if n := testing.AllocsPerRun(100, func() { AppendPages(dst, 1, 17, packets) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { AppendEnd(dst, 1, 17, 312) }); n != 0 {
		t.Errorf("end: %v allocations", n)
	}
}

func BenchmarkAppendPages(b *testing.B) {
	packets := make([][]byte, 12)
	for i := range packets {
		packets[i] = make([]byte, 120) // 48 kbit/s
	}
	dst := AppendPages(nil, 1, 0, packets)
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendPages(dst[:0], 1, 0, packets)
	}
}
