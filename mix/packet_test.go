package mix_test

import (
	"testing"

	"github.com/epidaurus-live/epidaurus/mix"
)

// The durations of RFC 6716, table 2 and section 3.2, and what cannot be a packet.
func TestPacketDuration(t *testing.T) {
	for _, tt := range []struct {
		name    string
		payload []byte
		samples int
		ok      bool
	}{
		{"SILK, 10 ms", []byte{0 << 3, 1}, 480, true},
		{"SILK, 60 ms", []byte{11 << 3, 1}, 2880, true},
		{"hybrid, 20 ms", []byte{15 << 3, 1}, 960, true},
		{"CELT, 2.5 ms", []byte{28 << 3, 1}, 120, true},
		{"CELT, 20 ms", []byte{31 << 3, 1}, 960, true},
		{"two frames of 20 ms", []byte{31<<3 | 1, 1, 1}, 1920, true},
		{"two frames of other lengths", []byte{31<<3 | 2, 1, 1, 1}, 1920, true},
		{"six frames of 20 ms", []byte{31<<3 | 3, 6, 1}, 5760, true},
		{"a head alone", []byte{31 << 3}, 960, true},
		{"no frames", []byte{31<<3 | 3, 0}, 0, false},
		{"longer than 120 ms", []byte{31<<3 | 3, 7, 1}, 0, false},
		{"without its count", []byte{31<<3 | 3}, 0, false},
		{"nothing", nil, 0, false},
		{"longer than a datagram", make([]byte, 1501), 0, false},
	} {
		samples, _, ok := mix.ReadPacket(tt.payload)
		if ok != tt.ok || ok && samples != tt.samples {
			t.Errorf("%s: %d samples, %v; want %d, %v", tt.name, samples, ok, tt.samples, tt.ok)
		}
	}
}

func TestPacketRedundancy(t *testing.T) {
	count := func(packets [][]byte) (n int) {
		for _, p := range packets {
			if _, redundant, _ := mix.ReadPacket(p); redundant {
				n++
			}
		}
		return n
	}
	redundant := load(t, "ada.ogg")
	if n := count(redundant); n < len(redundant)/2 {
		t.Errorf("%d of %d packets made with redundancy are found to have it, want half at least", n, len(redundant))
	}
	bare := encode(t, decode(t, redundant))
	if n := count(bare); n != 0 {
		t.Errorf("%d of %d packets made without redundancy are found to have it, want none", n, len(bare))
	}
}

func FuzzPacket(f *testing.F) {
	f.Add([]byte{31 << 3, 1})
	f.Add([]byte{11<<3 | 2, 252})
	f.Add([]byte{11<<3 | 3, 0xff, 255, 255, 1, 252, 253})
	f.Fuzz(func(t *testing.T, payload []byte) {
		samples, _, ok := mix.ReadPacket(payload)
		if ok && (samples < 120 || samples > 5760) {
			t.Errorf("%d samples", samples)
		}
	})
}
