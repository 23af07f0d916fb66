package adts

import "github.com/epidaurus-live/epidaurus/tape"

// A group, as ICY's players count it.
const (
	// GroupFrames is how many frames a group has: 0.96 s, three times the time that is whole in both grids.
	GroupFrames = 3 * tape.GroupFrames

	// GroupBytes is how long a group is: 72 kbit/s. What the encoder makes of any sound that was tried fits, with its headers, see codec's
	// TestGroupsFit.
	GroupBytes = 8640
)

// AppendGroup appends the access units that the frames from, from+1, … of tape.AAC64 carry, as exactly size bytes: each is made longer by a
// fill element in front of what it has (ISO/IEC 14496-3, 4.4.2.7), which decoders pass over. The bytes are a function of the arguments. Where
// the units are longer than size together, silence takes the place of the longest; silenced says of how many. A size between the least
// that the frames' units take, 11 bytes each, and 200 bytes for each always comes out. It does not allocate when dst has room.
func AppendGroup(dst []byte, from tape.Number, packets [][]byte, size int) (out []byte, silenced int) {
	var space [maxGroup][]byte
	units := tape.AppendUnits(space[:0], from, packets)
	rest := size - headerSize*len(units)
	for _, u := range units {
		rest -= len(u)
	}
	for ; rest < 0; silenced++ {
		i := longest(units)
		if len(units) == 0 || len(units[i]) <= len(tape.SilentUnit) {
			break // the size is below what was promised
		}
		rest += len(units[i]) - len(tape.SilentUnit)
		units[i] = tape.SilentUnit
	}
	// Evenly, and what the long ones at the end have no room for is left to those before them.
	later := 0 // room in the units behind
	for _, u := range units {
		later += fillRoom(u)
	}
	for i, u := range units {
		later -= fillRoom(u)
		fill := min(max(rest/(len(units)-i), rest-later, 0), fillRoom(u))
		rest -= fill
		dst = appendFilled(dst, u, fill)
	}
	return dst, silenced
}

const (
	maxGroup = 90  // units whose slices need no allocation
	maxUnit  = 768 // bytes of a unit of one channel (ISO/IEC 14496-3, 4.5.3.1: 6144 bits)
	maxFill  = 271 // bytes that one fill element adds at most
)

// fillRoom is by how many bytes a unit can be made longer.
func fillRoom(unit []byte) int { return max(0, min(maxUnit-len(unit), maxFill)) }

// longest is the index of the first of the longest units.
func longest(units [][]byte) (at int) {
	for i, u := range units {
		if len(u) > len(units[at]) {
			at = i
		}
	}
	return at
}

// appendFilled appends a unit that is longer by fill bytes, of 0 to maxFill. The element that makes it so has 7 bits more than whole bytes: three of
// its kind, four of its count of bytes, behind which another byte of count may come. The unit's own end is in whole bytes, so that a bit
// stands behind it.
func appendFilled(dst, unit []byte, fill int) []byte {
	if fill == 0 {
		return AppendUnit(dst, unit)
	}
	dst = appendHeader(dst, len(unit)+fill)
	s := shifted{out: dst}
	count := fill - 1
	if count < countEscape {
		s.held = idFill<<4 | byte(count)
	} else {
		count--
		s.held = idFill<<4 | countEscape
		s.put(byte(count - countEscape + 1))
	}
	for i := range count {
		if i == 0 {
			s.put(0) // extension type EXT_FILL, fill nibble
		} else {
			s.put(fillByte)
		}
	}
	for _, b := range unit {
		s.put(b)
	}
	return append(s.out, s.held<<1)
}

// The fill element (ISO/IEC 14496-3, tables 4.11, 4.51, 4.57, 4.85).
const (
	idFill      = 6
	countEscape = 15
	fillByte    = 0xa5
)

// shifted writes bytes behind seven bits.
type shifted struct {
	out  []byte
	held byte // seven bits that are not written yet
}

func (s *shifted) put(b byte) {
	s.out = append(s.out, s.held<<1|b>>7)
	s.held = b & 0x7f
}

// Unfill takes off what AppendGroup put in front of a unit: its first element, where that is a fill element. It appends what is left to dst. ok is
// false where the unit ends inside the element. It is for those who check.
func Unfill(dst, unit []byte) (plain []byte, ok bool) {
	if len(unit) == 0 || unit[0]>>5 != idFill {
		return append(dst, unit...), true
	}
	count, at := int(unit[0]>>1&0xf), 0 // at: the byte whose last bit comes next
	if count == countEscape {
		if len(unit) < 2 {
			return dst, false
		}
		count += int(unit[0]<<7|unit[1]>>1) - 1
		at++
	}
	at += count
	if at+1 >= len(unit) {
		return dst, false
	}
	for ; at+1 < len(unit); at++ {
		dst = append(dst, unit[at]<<7|unit[at+1]>>1)
	}
	return dst, true
}
