package fmp4

import "github.com/epidaurus-live/epidaurus/tape"

// Flags of ISO/IEC 14496-12 §8.8.
const (
	tfhdBaseDataOffset    = 0x000001
	tfhdDescriptionIndex  = 0x000002
	tfhdDefaultDuration   = 0x000008
	tfhdDefaultSize       = 0x000010
	tfhdDefaultFlags      = 0x000020
	tfhdDefaultBaseIsMoof = 0x020000

	trunDataOffset      = 0x000001
	trunFirstFlags      = 0x000004
	trunDuration        = 0x000100
	trunSize            = 0x000200
	trunFlags           = 0x000400
	trunCompositionTime = 0x000800
)

// Sizes of the boxes of a fragment that do not depend on its samples.
const (
	mfhdSize = fullBoxHeader + 4
	tfhdSize = fullBoxHeader + 4
	tfdtSize = fullBoxHeader + 8
	trunHead = fullBoxHeader + 8
	trafHead = boxHeader + tfhdSize + tfdtSize + trunHead
	moofHead = boxHeader + mfhdSize + trafHead
)

// FragmentSize is the size of what AppendFragment appends for so many packets, of so many bytes together, without events.
func FragmentSize(packets, sound int) int { return moofHead + 4*packets + boxHeader + sound }

// AppendFragment appends the events, a moof and an mdat with the packets of the frames from, from+1, … It does not allocate when
// dst has room. The sequence number is from+1 modulo 2^32 and so grows from each fragment to the next. Without packets only the
// events are appended.
func AppendFragment(dst []byte, from tape.Number, packets [][]byte, events []tape.Event) []byte {
	for i := range events {
		dst = AppendEvent(dst, events[i])
	}
	return appendSound(dst, uint32(from)+1, from.Samples(), packets)
}

// AppendUnits appends a moof and an mdat with the access units from, from+1, … of a stream that begins with InitAAC, as AppendFragment does
// with packets.
func AppendUnits(dst []byte, from tape.Unit, units [][]byte) []byte {
	return appendSound(dst, uint32(from)+1, int64(from)*tape.UnitSamples, units)
}

// appendSound appends a fragment with a sequence number whose first packet begins at a sample; nothing without packets.
func appendSound(dst []byte, sequence uint32, at int64, packets [][]byte) []byte {
	if len(packets) == 0 {
		return dst
	}
	sound := 0
	for _, p := range packets {
		sound += len(p)
	}
	sizes := 4 * len(packets)
	moof := moofHead + sizes

	dst = appendBoxHeader(dst, moof, "moof")
	dst = appendFullHeader(dst, mfhdSize, "mfhd", 0, 0)
	dst = be.AppendUint32(dst, sequence)

	dst = appendBoxHeader(dst, trafHead+sizes, "traf")
	dst = appendFullHeader(dst, tfhdSize, "tfhd", 0, tfhdDefaultBaseIsMoof)
	dst = be.AppendUint32(dst, trackID)
	dst = appendFullHeader(dst, tfdtSize, "tfdt", 1, 0)
	dst = be.AppendUint64(dst, uint64(at))
	dst = appendFullHeader(dst, trunHead+sizes, "trun", 0, trunDataOffset|trunSize)
	dst = be.AppendUint32(dst, uint32(len(packets)))
	dst = be.AppendUint32(dst, uint32(moof+boxHeader)) // the sound begins behind the mdat's header
	for _, p := range packets {
		dst = be.AppendUint32(dst, uint32(len(p)))
	}

	dst = appendBoxHeader(dst, boxHeader+sound, "mdat")
	for _, p := range packets {
		dst = append(dst, p...)
	}
	return dst
}
