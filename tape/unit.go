package tape

// AAC64 is the channel as AAC-LC of 64 kbit/s, for players that have no Opus. It is made only while somebody needs it.
//
// An AAC access unit has 1024 samples, so units lie on a grid of their own, which meets that of the room's frames every 0.32 s: 16 frames
// are 15 units. The variant is numbered by the room's frames all the same, so that all that is said of frames holds for it: its frame n
// carries the unit that begins in those 20 ms. The last frame of each 16 has none, and carries NoUnit.
const AAC64 Variant = "aac-64"

// OnDemand lists the variants that are made only while somebody needs them.
var OnDemand = []Variant{AAC64}

// The grid of AAC.
const (
	UnitSamples  = 1024
	GroupFrames  = 16 // frames in the shortest time that is whole in both grids, 0.32 s
	GroupUnits   = 15 // units in it
	SegmentUnits = SegmentFrames / GroupFrames * GroupUnits
)

var (
	// NoUnit is the packet of a frame in which no unit begins.
	NoUnit = []byte{0}

	// SilentUnit is an access unit of mono silence: a single channel element with no band coded (ISO/IEC 14496-3, 4.4.2.1). It stands for
	// declared gaps, and for what an edge never got.
	SilentUnit = []byte{0, 0, 0, 7}
)

// Unit is the number of an AAC access unit: unit u begins at sample u·1024 of the room's time. Segment k has units 90·k to 90·k + 89.
type Unit int64

// Unit is the number of the access unit that begins in frame n; ok is false where none does.
func (n Number) Unit() (u Unit, ok bool) {
	group, i := n/GroupFrames, n%GroupFrames
	return Unit(group*GroupUnits + i), i < GroupUnits
}

// Frame is the frame that carries the unit.
func (u Unit) Frame() Number { return Number(u/GroupUnits*GroupFrames + u%GroupUnits) }

// AppendUnits appends the access units in the packets of the frames from, from+1, … of AAC64. What is no unit, such as the SilencePacket that
// a ring gives for a frame that it lacks, is silence.
func AppendUnits(dst [][]byte, from Number, packets [][]byte) [][]byte {
	for i, p := range packets {
		if _, ok := (from + Number(i)).Unit(); !ok {
			continue
		}
		if !isUnit(p) {
			p = SilentUnit
		}
		dst = append(dst, p)
	}
	return dst
}

// maxUnit is the longest access unit of one channel (ISO/IEC 14496-3, 4.5.3.1: 6144 bits).
const maxUnit = 768

// isUnit reports whether a packet may be an access unit: one of a single channel begins with the element's three zero bits, unless it begins
// with padding (110).
func isUnit(p []byte) bool {
	return len(p) >= len(SilentUnit) && len(p) <= maxUnit && (p[0]>>5 == 0 || p[0]>>5 == 6)
}
