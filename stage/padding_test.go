package stage

import (
	"slices"
	"testing"

	"github.com/pion/rtp"
	"pgregory.net/rapid"
)

func TestPaddingFilter(t *testing.T) {
	const gone = -1
	tests := []struct {
		name string
		in   []int // numbers as they come; negative ones are padding
		want []int
	}{
		{"media alone keeps its numbers", []int{1, 2, 3}, []int{1, 2, 3}},
		{"padding leaves no hole", []int{1, -2, -3, 4, -5, 6}, []int{1, gone, gone, 2, gone, 3}},
		{"a loss stays a loss", []int{1, -2, 4, 5}, []int{1, gone, 3, 4}},
		{"media that padding overtook keeps its place", []int{1, -3, 2, 4}, []int{1, gone, 2, 3}},
		{"late padding is a loss", []int{1, 3, -2, 4}, []int{1, 3, gone, 4}},
		{"numbers wrap around", []int{65534, -65535, 0, 1}, []int{65534, gone, 65535, 0}},
		{"padding comes first", []int{-1, -2, 3, 4}, []int{gone, gone, 1, 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var f paddingFilter
			var got []int
			for _, n := range tt.in {
				p := rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(max(n, -n))}}
				if n >= 0 {
					p.Payload = []byte{1}
				}
				if f.admit(&p) {
					got = append(got, int(p.SequenceNumber))
				} else {
					got = append(got, gone)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// Whatever padding stands between media in order, the media comes out numbered without a hole.
func TestPaddingFilterLeavesNoHole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var f paddingFilter
		seq := rapid.Uint16().Draw(t, "first")
		begun, last := false, uint16(0)
		pattern := rapid.SliceOfN(rapid.Bool(), 1, 500).Draw(t, "padding")
		for n := range 70_000 { // once around
			padding := pattern[n%len(pattern)] && n < 1000
			p := rtp.Packet{Header: rtp.Header{SequenceNumber: seq}}
			if !padding {
				p.Payload = []byte{1}
			}
			seq++
			if !f.admit(&p) {
				continue
			}
			if begun && p.SequenceNumber != last+1 {
				t.Fatalf("%d follows %d", p.SequenceNumber, last)
			}
			begun, last = true, p.SequenceNumber
		}
	})
}
