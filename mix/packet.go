package mix

import "time"

const (
	sampleRate   = 48000
	frameSamples = 960 // one tick: 20 ms
	millisecond  = sampleRate / 1000

	// maxPacket is the longest packet that Opus knows, 120 ms (RFC 6716, section 3.2.5); minPacket the shortest, 2.5 ms.
	maxPacket = 5760
	minPacket = 120

	// maxPayload is more than an RTP packet carries on any path without fragments.
	maxPayload = 1500
)

// samples converts a time to samples.
func samples(t time.Duration) float64 { return t.Seconds() * sampleRate }

// arrival is an RTP payload as it came.
type arrival struct {
	seq     uint16
	ts      uint32
	at      time.Duration
	payload []byte
}

// packet is a payload with its place in the stream: numbers that do not wrap, and what its head says.
type packet struct {
	seq     int64
	ts      int64   // samples
	at      float64 // samples
	dur     int     // samples
	fec     bool    // carries a coarse copy of what came before it
	dtx     bool    // says "silence from here on"
	payload []byte
}

// silkFrames, hybridFrames and celtFrames are frame lengths by the low bits of the configuration number (RFC 6716, table 2).
var (
	silkFrames   = [4]int{480, 960, 1920, 2880}
	hybridFrames = [2]int{480, 960}
	celtFrames   = [4]int{120, 240, 480, 960}
)

// read fills in what the head of an Opus packet says (RFC 6716, section 3.1). It reports false for what cannot be a packet.
func (p *packet) read() bool {
	if len(p.payload) == 0 || len(p.payload) > maxPayload {
		return false
	}
	toc := p.payload[0]
	config := int(toc >> 3)
	var frame int
	switch {
	case config < 12:
		frame = silkFrames[config&3]
	case config < 16:
		frame = hybridFrames[config&1]
	default:
		frame = celtFrames[config&3]
	}
	count := 1
	switch toc & 3 {
	case 1, 2:
		count = 2
	case 3:
		if len(p.payload) < 2 {
			return false
		}
		count = int(p.payload[1] & 0x3f)
	}
	p.dur = frame * count
	p.dtx = len(p.payload) <= 2
	p.fec = config < 16 && hasFEC(p.payload, frame)
	return p.dur > 0 && p.dur <= maxPacket
}

// hasFEC reports whether the packet's first SILK frame is preceded by its low bit-rate redundancy. The flag follows the voice
// activity flags, one per 20 ms, in the first bits of the frame (RFC 6716, sections 4.2.3 and 4.2.4).
func hasFEC(payload []byte, frame int) bool {
	first := firstFrame(payload)
	if first >= len(payload) {
		return false
	}
	flags := max(1, frame/frameSamples)
	bits := payload[first] >> (7 - flags) & 1
	if payload[0]&4 != 0 {
		bits |= payload[first] >> (6 - 2*flags) & 1 // the side channel's
	}
	return bits != 0
}

// firstFrame returns where the first frame begins behind the packet's lengths (RFC 6716, section 3.2).
func firstFrame(payload []byte) int {
	at := 1
	length := func() {
		if at < len(payload) && payload[at] >= 252 {
			at++
		}
		at++
	}
	switch payload[0] & 3 {
	case 2:
		length()
	case 3:
		head := payload[1]
		at = 2
		for padded := head&0x40 != 0; padded && at < len(payload); at++ {
			padded = payload[at] == 255
		}
		for n := int(head & 0x3f); head&0x80 != 0 && n > 1; n-- {
			length()
		}
	}
	return at
}
