package ogg

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/epidaurus-live/epidaurus/tape"
)

// pager writes packets as any Ogg program may: across pages, with any granule positions.
type pager struct {
	out    []byte
	serial uint32
	number uint32
}

// page appends a page from its lacing values and body as they are.
func (p *pager) page(flags byte, granule int64, lacing []byte, body []byte) {
	start := len(p.out)
	p.out = appendPage(p.out, pageHeader{flags: flags, granule: granule, serial: p.serial, number: p.number})
	p.out = append(p.out[:start+offsetCount], byte(len(lacing)))
	p.out = append(append(p.out, lacing...), body...)
	le.PutUint32(p.out[start+offsetCRC:], 0)
	le.PutUint32(p.out[start+offsetCRC:], Checksum(0, p.out[start:]))
	p.number++
}

func (p *pager) head(h Head) {
	p.out = appendHeadPages(p.out, p.serial, &h)
	p.number = 2
}

// sound appends packets of 20 ms in pages of at most perPage segments, and ends the stream after total samples.
func (p *pager) sound(packets [][]byte, perPage int, total int64) {
	var lacing, body []byte
	granule, ended := int64(0), int64(noGranule)
	var flags byte
	flush := func(last bool) {
		f, g := flags, ended
		if last {
			f, g = f|flagEnd, total
		}
		p.page(f, g, lacing, body)
		flags, ended, lacing, body = 0, noGranule, nil, nil
	}
	for i, data := range packets {
		granule += 960
		for rest, whole := data, false; !whole; {
			n := min(len(rest), 255)
			whole = n < 255
			lacing, body, rest = append(lacing, byte(n)), append(body, rest[:n]...), rest[n:]
			if whole {
				ended = granule
			}
			if len(lacing) == perPage && (!whole || i < len(packets)-1) {
				flush(false)
				if !whole {
					flags = flagContinued
				}
			}
		}
	}
	flush(true)
}

func TestPacketsAcrossPages(t *testing.T) {
	packets := frames(50)
	for _, perPage := range []int{1, 2, 3, 5, 200, 255} {
		p := pager{serial: 5}
		p.head(Head{PreSkip: 1000})
		p.sound(packets, perPage, 50*960-500)
		got := readAll(t, NewReader(iotest.OneByteReader(bytes.NewReader(p.out))))
		if len(got) != len(packets) {
			t.Fatalf("%d segments a page: %d packets, want %d", perPage, len(got), len(packets))
		}
		skip, trim := 0, 0
		for i, g := range got {
			if !bytes.Equal(g.Data, packets[i]) || g.End != int64(i+1)*960 {
				t.Fatalf("%d segments a page: packet %d ends at %d", perPage, i, g.End)
			}
			skip, trim = skip+g.Skip, trim+g.Trim
		}
		if skip != 1000 || trim != 500 || got[0].Skip != 960 || got[49].Trim != 500 {
			t.Errorf("%d segments a page: skip %d, trim %d", perPage, skip, trim)
		}
	}
}

// stream is a complete short stream.
func stream(serial uint32, packets [][]byte) []byte {
	p := pager{serial: serial}
	p.head(Head{PreSkip: 312, Vendor: "v"})
	p.sound(packets, 40, int64(len(packets))*960)
	return p.out
}

func TestChain(t *testing.T) {
	packets := frames(30)
	b := slices.Concat(stream(1, packets[:10]), stream(2, packets[10:20]), stream(3, packets[20:]))
	got := readAll(t, NewReader(bytes.NewReader(b)))
	if len(got) != 30 {
		t.Fatalf("%d packets", len(got))
	}
	for i, g := range got {
		if g.Link != i/10 || g.End != int64(i%10+1)*960 || !bytes.Equal(g.Data, packets[i]) || (g.Skip > 0) != (i%10 == 0) {
			t.Errorf("packet %d: link %d, end %d, skip %d", i, g.Link, g.End, g.Skip)
		}
	}
}

// A live source that starts anew often leaves the old stream without its end.
func TestChainWithoutEnd(t *testing.T) {
	cut := AppendPages(AppendHeaders(nil, 1, Head{}), 1, 0, frames(24))
	got := readAll(t, NewReader(bytes.NewReader(append(cut, stream(2, frames(5))...))))
	if len(got) != 29 || got[28].Link != 1 {
		t.Errorf("%d packets, last of link %d", len(got), got[len(got)-1].Link)
	}
}

func TestOtherStreamsBeside(t *testing.T) {
	other := pager{serial: 99}
	other.page(flagBegin, 0, []byte{7}, []byte("fishead"))
	mine := AppendHeaders(nil, 1, Head{})
	headSize := bytes.Index(mine[1:], []byte(capture)) + 1
	b := slices.Concat(other.out, mine[:headSize])
	second := pager{serial: 98} // a second Opus track
	second.head(Head{})
	b = append(b, second.out[:headSize]...)
	b = append(b, mine[headSize:]...)
	b = append(b, second.out[headSize:]...)
	for i := range tape.Number(3) {
		other.out = nil
		other.page(0, 5, []byte{3}, []byte("abc"))
		b = append(b, other.out...)
		b = AppendPages(b, 1, i*12, frames(12))
		b = AppendPages(b, 98, i*12, frames(12))
	}
	r := NewReader(bytes.NewReader(b))
	if got := readAll(t, r); len(got) != 36 || r.Ended() {
		t.Errorf("%d packets, want 36; ended %v", len(got), r.Ended())
	}
}

func TestJunkAndDamage(t *testing.T) {
	packets := frames(60)
	junk := []byte("OggOggSOgg\x00OggS\x00\x00not a page OggS and so on, long enough for a header")
	b := slices.Concat(junk, AppendHeaders(nil, 1, Head{}))
	for i := 0; i < 60; i += 12 {
		b = append(b, junk...)
		at := len(b)
		b = AppendPages(b, 1, tape.Number(i), packets[i:i+12])
		if i == 24 {
			b[at+200] ^= 1
		}
	}
	r := NewReader(bytes.NewReader(b))
	got := readAll(t, r)
	if len(got) != 48 || got[23].End != 24*960 || got[24].End != 37*960 {
		t.Fatalf("%d packets, want 48", len(got))
	}
	if want := int64(6 * len(junk)); r.Skipped() <= want {
		t.Errorf("skipped %d bytes, want more than %d", r.Skipped(), want)
	}
}

func TestHoleDropsHalfPackets(t *testing.T) {
	packets := frames(30)
	p := pager{serial: 5}
	p.head(Head{})
	begin := len(p.out)
	p.sound(packets, 3, 30*960)
	var pages [][]byte
	for s := newScanner(bytes.NewReader(p.out[begin:])); ; {
		at := len(pages)
		pg, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		pages = append(pages, appendPage(nil, pg.pageHeader))
		pages[at] = append(append(append(pages[at][:offsetCount], byte(len(pg.lacing))), pg.lacing...), pg.body...)
		le.PutUint32(pages[at][offsetCRC:], 0)
		le.PutUint32(pages[at][offsetCRC:], Checksum(0, pages[at]))
	}
	for lost := range pages {
		b := append(bytes.Clone(p.out[:begin]), bytes.Join(slices.Delete(slices.Clone(pages), lost, lost+1), nil)...)
		for _, g := range readAll(t, NewReader(bytes.NewReader(b))) {
			if !slices.ContainsFunc(packets, func(p []byte) bool { return bytes.Equal(p, g.Data) }) {
				t.Fatalf("without page %d there is a packet of %d bytes that nobody made", lost, len(g.Data))
			}
		}
	}
}

func TestReaderErrors(t *testing.T) {
	whole := AppendPages(AppendHeaders(nil, 1, Head{}), 1, 0, frames(3))
	badHead := func(at int, v byte) []byte {
		h := Head{}
		id := h.appendOpusHead(nil)
		id[at] = v
		return appendPage(nil, pageHeader{flags: flagBegin}, id)
	}
	vorbis := appendPage(nil, pageHeader{flags: flagBegin}, []byte("\x01vorbis"))
	noTags := appendPage(appendPage(nil, pageHeader{flags: flagBegin}, (&Head{}).appendOpusHead(nil)),
		pageHeader{number: 1}, []byte{0xf8, 1, 2})
	broken := errors.New("broken wire")
	cases := []struct {
		name string
		src  io.Reader
		want error // nil: any
	}{
		{"empty", bytes.NewReader(nil), ErrNotOgg},
		{"text", bytes.NewReader([]byte("what is this")), ErrNotOgg},
		{"endless zeros", zeros{}, ErrNotOgg},
		{"cut page", bytes.NewReader(whole[:len(whole)-1]), io.ErrUnexpectedEOF},
		{"cut page head", bytes.NewReader(append(bytes.Clone(whole), "OggS"...)), io.ErrUnexpectedEOF},
		{"broken wire", io.MultiReader(bytes.NewReader(whole), iotest.ErrReader(broken)), broken},
		{"vorbis", bytes.NewReader(vorbis), nil},
		{"version", bytes.NewReader(badHead(8, 0x10)), nil},
		{"surround", bytes.NewReader(badHead(18, 1)), nil},
		{"no channels", bytes.NewReader(badHead(9, 0xff)), nil},
		{"no tags", bytes.NewReader(noTags), nil},
	}
	for _, c := range cases {
		r := NewReader(c.src)
		var err error
		for err == nil {
			_, err = r.Next()
		}
		if errors.Is(err, io.EOF) || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// A packet that never ends must not fill the memory, and large tags (pictures) must not stop the sound.
func TestReaderIsBounded(t *testing.T) {
	p := pager{serial: 1}
	h := Head{}
	p.out = appendPage(nil, pageHeader{flags: flagBegin, serial: 1}, h.appendOpusHead(nil))
	p.number = 1
	full, body := bytes.Repeat([]byte{255}, 255), make([]byte, 255*255)
	tags := append(bytes.Clone(body[:0]), h.appendOpusTags(nil, 100)...)
	p.page(0, noGranule, full, append(tags, body[len(tags):]...))
	for range 20 {
		p.page(flagContinued, noGranule, full, body)
	}
	p.page(flagContinued, 0, []byte{1}, []byte{0})
	for i := range 20 {
		flags := byte(flagContinued)
		if i == 0 {
			flags = 0
		}
		p.page(flags, noGranule, full, body)
	}
	p.page(flagContinued, 960, []byte{9, 3}, append(body[:9:9], tape.SilencePacket...))
	r := NewReader(bytes.NewReader(p.out))
	got := readAll(t, r)
	if len(got) != 1 || !bytes.Equal(got[0].Data, tape.SilencePacket) {
		t.Errorf("%d packets, want the one behind the endless one", len(got))
	}
	if size := cap(r.partial) + cap(r.joined); size > 4*maxPacket {
		t.Errorf("holds %d bytes", size)
	}
}

func TestRoundTripOfAnyPackets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		packets := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 2, 1500), 1, 40).Draw(t, "packets")
		for _, p := range packets {
			p[0] = p[0]&^3 | 1 // two frames of any kind
			if s, err := PacketSamples(p); err != nil || s == 0 {
				t.Fatalf("%#x: %v", p[0], err)
			}
		}
		var file bytes.Buffer
		w, err := NewWriter(&file, 3, Head{PreSkip: 3840})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range packets {
			if err := w.WritePacket(p); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r := NewReader(&file)
		end := int64(0)
		for i, want := range packets {
			got, err := r.Next()
			if err != nil {
				t.Fatalf("packet %d: %v", i, err)
			}
			end += int64(got.Samples)
			if !bytes.Equal(got.Data, want) || got.End != end || got.Trim != 0 {
				t.Fatalf("packet %d: %d bytes, want %d; ends at %d, want %d", i, len(got.Data), len(want), got.End, end)
			}
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) || !r.Ended() || r.Skipped() > 0 {
			t.Fatalf("at the end: %v, ended %v, skipped %d", err, r.Ended(), r.Skipped())
		}
	})
}

func FuzzReader(f *testing.F) {
	f.Add(stream(1, frames(5)))
	f.Add(append(stream(1, frames(2)), stream(2, frames(2))...))
	f.Add(AppendEnd(AppendPages(AppendHeaders(nil, 1, Head{Comments: []string{"A=b"}}), 1, 7, frames(9)), 1, 16, 312))
	p := pager{serial: 1}
	p.head(Head{})
	p.page(flagContinued, -5, []byte{255, 255, 3, 0}, make([]byte, 513))
	p.page(flagEnd, 1<<63-1, []byte{255, 4}, make([]byte, 259))
	f.Add(p.out)
	f.Fuzz(func(t *testing.T, b []byte) {
		// A fuzzer finds no checksums: give each page its own.
		for i := 0; i+pageHead <= len(b); i++ {
			if !bytes.HasPrefix(b[i:], []byte(capture)) {
				continue
			}
			size := pageHead + int(b[i+offsetCount])
			for _, n := range b[i+pageHead : min(i+size, len(b))] {
				size += int(n)
			}
			if i+size <= len(b) {
				le.PutUint32(b[i+offsetCRC:], 0)
				le.PutUint32(b[i+offsetCRC:], Checksum(0, b[i:i+size]))
				i += size - 1
			}
		}
		r := NewReader(bytes.NewReader(b))
		for range len(b) + 1 {
			q, err := r.Next()
			if err != nil {
				return
			}
			if q.Skip < 0 || q.Trim < 0 || q.Skip+q.Trim > q.Samples || len(q.Data) > maxPacket {
				t.Fatalf("%d bytes, %d samples, skip %d, trim %d", len(q.Data), q.Samples, q.Skip, q.Trim)
			}
		}
		t.Fatal("more packets than bytes")
	})
}
