package adts_test

import (
	"bytes"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"github.com/epidaurus-live/epidaurus/pack/adts"
	"github.com/epidaurus-live/epidaurus/tape"
)

// group are the packets of a group whose units have these lengths in turn.
func group(from tape.Number, lengths ...int) (all [][]byte) {
	for i := range adts.GroupFrames {
		n := from + tape.Number(i)
		u, ok := n.Unit()
		if !ok {
			all = append(all, tape.NoUnit)
			continue
		}
		p := bytes.Repeat([]byte{byte(u)}, lengths[i%len(lengths)])
		p[0] &= 0x1f
		all = append(all, p)
	}
	return all
}

// unfilled are the units of a stream without what fills it up.
func unfilled(t *testing.T, stream []byte) (units [][]byte) {
	t.Helper()
	filled, err := read(stream)
	if err != nil {
		t.Fatal(err)
	}
	for i, u := range filled {
		plain, ok := adts.Unfill(nil, u)
		if !ok || len(u) > 768 {
			t.Fatalf("unit %d has %d bytes, %t", i, len(u), ok)
		}
		units = append(units, plain)
	}
	return units
}

// A group has its bytes whatever its units have, and they come back; where they do not fit, as few as can be are silent.
func TestGroupHasItsLength(t *testing.T) {
	const from, units = 7 * adts.GroupFrames, 45
	room := adts.GroupBytes - 7*units // 8325
	for name, tt := range map[string]struct {
		lengths  []int
		silenced int
	}{
		"Even":         {[]int{160}, 0},
		"Silence":      {[]int{4}, 0},
		"Exact":        {[]int{room / units}, 0},
		"OneLeft":      {append([]int{room/units - 1}, bytesOf(47, room/units)...), 0},
		"LongAtTheEnd": {append(bytesOf(38, 4), bytesOf(10, 768)...), 0},
		"LongAtFirst":  {append(bytesOf(10, 768), bytesOf(38, 18)...), 0},
		"Wild":         {[]int{4, 300, 5, 6, 77, 128, 200}, 0},
		"TooLong":      {append([]int{768}, bytesOf(47, 185)...), 1}, // 8908: without the first there is room
		"FarTooLong":   {[]int{768}, 35},                             // ten fit, and 35 silent ones
	} {
		t.Run(name, func(t *testing.T) {
			all := group(from, tt.lengths...)
			stream, silenced := adts.AppendGroup([]byte("before"), from, all, adts.GroupBytes)
			stream = bytes.TrimPrefix(stream, []byte("before"))
			if len(stream) != adts.GroupBytes || silenced != tt.silenced {
				t.Fatalf("%d bytes, %d units are silenced; want %d and %d", len(stream), silenced, adts.GroupBytes, tt.silenced)
			}
			got, want := unfilled(t, stream), tape.AppendUnits(nil, from, all)
			if len(got) != units {
				t.Fatalf("%d units came back", len(got))
			}
			for i := range got {
				if !bytes.Equal(got[i], want[i]) {
					silenced--
					if !bytes.Equal(got[i], tape.SilentUnit) {
						t.Errorf("unit %d is % x, want % x", i, got[i], want[i])
					}
				}
			}
			if silenced != 0 {
				t.Errorf("%d units are not silent that are said to be", silenced)
			}
			var oracle mpeg4audio.ADTSPackets
			if err := oracle.Unmarshal(stream); err != nil || len(oracle) != units {
				t.Errorf("mediacommon reads %d units, %v", len(oracle), err)
			}
		})
	}
	all := group(from, 100)
	buf := make([]byte, 0, adts.GroupBytes)
	if n := testing.AllocsPerRun(10, func() { adts.AppendGroup(buf, from, all, adts.GroupBytes) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// bytesOf is a length count times.
func bytesOf(count, length int) (all []int) {
	for range count {
		all = append(all, length)
	}
	return all
}

// A unit is filled by any number of bytes, and comes back.
func TestEveryFill(t *testing.T) {
	unit := []byte{0x01, 0x80, 0xff, 0x5a, 0x07}
	for fill := range 272 {
		stream, silenced := adts.AppendGroup(nil, 0, [][]byte{unit}, 7+len(unit)+fill)
		if got := unfilled(t, stream); len(stream) != 7+len(unit)+fill || silenced != 0 || len(got) != 1 || !bytes.Equal(got[0], unit) {
			t.Fatalf("filled by %d it has %d bytes, and came back as % x", fill, len(stream), got)
		}
	}
	if stream, _ := adts.AppendGroup(nil, 0, [][]byte{unit}, 7+len(unit)+10); !bytes.HasPrefix(stream[7:], []byte{
		6<<5 | 9<<1, 0x01, 0x4b, 0x4b, 0x4b, 0x4b, 0x4b, 0x4b, 0x4b, // kind 6, nine bytes: 0 and eight times 0xa5, all behind seven bits
		0x4a, 0x03, // the last bit of the last one, and the unit
	}) {
		t.Errorf("filled by 10: % x", stream[7:])
	}
}

// Every group that can be is as long as it should be, and what fits into it comes back.
func FuzzGroup(f *testing.F) {
	f.Add(uint16(7), uint16(adts.GroupBytes), []byte{1, 0, 255, 3}, []byte{0x10, 0xff, 0xc0})
	f.Add(uint16(0), uint16(495), bytes.Repeat([]byte{191}, 48), []byte{})
	f.Add(uint16(3), uint16(9000), bytes.Repeat([]byte{44}, 48), []byte{0xc0})
	f.Fuzz(func(t *testing.T, at, length uint16, lengths, sound []byte) {
		const units = 45
		size := 11*units + int(length)%(200*units-11*units+1)
		from := tape.Number(at) * adts.GroupFrames
		all := make([][]byte, adts.GroupFrames)
		for i := range all {
			if i < len(lengths) {
				all[i] = bytes.Repeat([]byte{byte(i) & 0x1f}, 4*(int(lengths[i])%193))
				copy(all[i], sound[min(i, len(sound)):])
			}
		}
		stream, silenced := adts.AppendGroup(nil, from, all, size)
		if len(stream) != size {
			t.Fatalf("%d bytes, want %d", len(stream), size)
		}
		filled, err := read(stream)
		want := tape.AppendUnits(nil, from, all)
		if err != nil || len(filled) != len(want) {
			t.Fatalf("%d units of %d, %v", len(filled), len(want), err)
		}
		for i, u := range filled {
			plain := u
			if len(u) != len(want[i]) {
				plain, _ = adts.Unfill(nil, u)
			}
			if !bytes.Equal(plain, want[i]) {
				silenced--
				if !bytes.Equal(plain, tape.SilentUnit) {
					t.Errorf("unit %d is % x, want % x", i, plain, want[i])
				}
			}
		}
		if silenced < 0 {
			t.Error("more is silent than is said")
		}
	})
}

func BenchmarkGroup(b *testing.B) {
	all := group(0, 160)
	buf := make([]byte, 0, adts.GroupBytes)
	b.SetBytes(adts.GroupBytes)
	for b.Loop() {
		adts.AppendGroup(buf, 0, all, adts.GroupBytes)
	}
}
