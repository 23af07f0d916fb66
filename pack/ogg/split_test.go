package ogg

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/epidaurus-live/epidaurus/tape"
)

func somePages(from tape.Number, count int) []byte {
	packets := make([][]byte, count)
	for i := range packets {
		packets[i] = bytes.Repeat([]byte{0xf8, byte(i)}, 1+i*37%300)
	}
	return AppendPages(nil, 7, from, packets)
}

func TestParsePage(t *testing.T) {
	t.Parallel()
	b := somePages(24, 20)
	var p Page
	err := ParsePage(b, &p)
	if err != nil {
		t.Fatal(err)
	}
	if p.Granule != 36*960 || p.Number != 4 || p.Serial != 7 || len(p.Packets) != 12 || len(p.Packets[3]) != 2*(1+3*37) || p.First || p.Last {
		t.Fatalf("read %+v", p)
	}
	for cut := range p.Size {
		if err := ParsePage(b[:cut], &p); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut after %d bytes: %v", cut, err)
		}
	}
	b[100] ^= 1
	if err := ParsePage(b, &p); !errors.Is(err, ErrNotOgg) {
		t.Fatalf("damaged: %v", err)
	}
}

func TestShiftIsAPageMadeElsewhere(t *testing.T) {
	t.Parallel()
	b, want := somePages(120, 12), somePages(12, 12)
	Shift(b, -108*960, -9)
	if !bytes.Equal(b, want) {
		t.Fatal("a page that was moved differs from one that was made there")
	}
}

func FuzzParsePage(f *testing.F) {
	f.Add(somePages(0, 12))
	f.Add(somePages(5, 3)[:40])
	f.Add(AppendEnd(nil, 1, 96, 312))
	f.Add(AppendHeaders(nil, 1, Head{Vendor: "x"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p Page
		if ParsePage(b, &p) != nil {
			return
		}
		again := appendPage(nil, pageHeader{granule: p.Granule, serial: p.Serial, number: p.Number, flags: b[offsetFlags]}, p.Packets...)
		if !bytes.Equal(again, b[:p.Size]) {
			t.Fatal("a page that was read is not the one that is written")
		}
	})
}
