package ogg

import (
	"bytes"
	"errors"
	"testing"
)

func TestWriterEndTrim(t *testing.T) {
	for _, n := range []int{1, 12, 13, 40} {
		var file bytes.Buffer
		w, err := NewWriter(&file, 1, Head{PreSkip: 312})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range frames(n) {
			if err := w.WritePacket(p); err != nil {
				t.Fatal(err)
			}
		}
		w.EndTrim(500)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := w.WritePacket(frames(1)[0]); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		r := NewReader(&file)
		got := readAll(t, r)
		if len(got) != n || got[n-1].Trim != 500 || !r.Ended() {
			t.Errorf("%d packets of %d, trim %d, ended %v", len(got), n, got[n-1].Trim, r.Ended())
		}
	}
}

func TestWriterRefusals(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, 1, Head{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range [][]byte{nil, {0xff}, {0xff, 63}, make([]byte, 65_025)} {
		if err := w.WritePacket(p); !errors.Is(err, ErrPacket) {
			t.Errorf("%d bytes: %v", len(p), err)
		}
	}
	if err := w.WritePacket(make([]byte, 65_024)); err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

var errFull = errors.New("disk full")

// fullDisk takes n writes.
type fullDisk struct{ n int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.n--; d.n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestWriterOnFullDisk(t *testing.T) {
	if _, err := NewWriter(&fullDisk{}, 1, Head{}); !errors.Is(err, errFull) {
		t.Errorf("head: %v", err)
	}
	w, err := NewWriter(&fullDisk{n: 1}, 1, Head{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range frames(20) {
		err = w.WritePacket(p)
	}
	if !errors.Is(err, errFull) || !errors.Is(w.Close(), errFull) {
		t.Errorf("sound: %v", err)
	}
}

func TestPacketSamples(t *testing.T) {
	cases := []struct {
		packet []byte
		want   int // zero: an error
	}{
		{[]byte{0 << 3}, 480}, {[]byte{1 << 3}, 960}, {[]byte{2 << 3}, 1920}, {[]byte{3 << 3}, 2880},
		{[]byte{12 << 3}, 480}, {[]byte{13 << 3}, 960}, {[]byte{15<<3 | 4}, 960},
		{[]byte{16 << 3}, 120}, {[]byte{17 << 3}, 240}, {[]byte{18 << 3}, 480}, {[]byte{31 << 3}, 960},
		{[]byte{31<<3 | 1, 0}, 1920}, {[]byte{3<<3 | 2, 0}, 5760}, {[]byte{28<<3 | 3, 48}, 5760},
		{nil, 0}, {[]byte{31<<3 | 3}, 0}, {[]byte{31<<3 | 3, 0}, 0}, {[]byte{31<<3 | 3, 7}, 0}, {[]byte{3<<3 | 3, 0x83}, 0},
	}
	for _, c := range cases {
		got, err := PacketSamples(c.packet)
		if got != c.want || (err != nil) != (c.want == 0) {
			t.Errorf("% x: %d, %v; want %d", c.packet, got, err, c.want)
		}
	}
}
