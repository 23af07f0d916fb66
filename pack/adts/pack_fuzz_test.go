package adts_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/epidaurus-live/epidaurus/pack/adts"
	"github.com/epidaurus-live/epidaurus/tape"
)

// The units of any frames come back, and what is no unit comes back as silence, wherever the frames are cut.
func FuzzFrames(f *testing.F) {
	f.Add(int64(1234), uint8(7), []byte{1, 0, 255, 3}, []byte{0x10, 0xff, 0xc0})
	f.Add(int64(0), uint8(1), bytes.Repeat([]byte{90}, 48), []byte{})
	f.Fuzz(func(t *testing.T, at int64, cut uint8, lengths, sound []byte) {
		from := tape.Number(at & (1<<42 - 1))
		var packets [][]byte
		for i, n := range lengths {
			p := bytes.Repeat([]byte{byte(i)}, 4*int(n))
			copy(p, sound[min(i, len(sound)):])
			packets = append(packets, p)
		}
		var stream []byte
		step := max(int(cut), 1)
		for i := 0; i < len(packets); i += step {
			stream = adts.AppendFrames(stream, from+tape.Number(i), packets[i:min(i+step, len(packets))])
		}
		got, err := read(stream)
		if want := tape.AppendUnits(nil, from, packets); err != nil || !slices.EqualFunc(got, want, bytes.Equal) {
			t.Fatalf("%d units came back as %d (%v)", len(want), len(got), err)
		}
	})
}
