package ogg

import "errors"

// ErrPacket says that bytes are no Opus packet.
var ErrPacket = errors.New("not a valid Opus packet")

// maxSamples is the longest sound one Opus packet may hold: 120 ms.
const maxSamples = 5760

// PacketSamples is the length of an Opus packet's sound at 48 kHz (RFC 6716 §3.1, §3.2). It looks at the first two bytes only.
func PacketSamples(packet []byte) (int, error) {
	if len(packet) == 0 {
		return 0, ErrPacket
	}
	frames := 1
	switch packet[0] & 3 {
	case 1, 2:
		frames = 2
	case 3:
		if len(packet) < 2 {
			return 0, ErrPacket
		}
		frames = int(packet[1] & 0x3f)
	}
	samples := frames * frameSamples(packet[0]>>3)
	if samples == 0 || samples > maxSamples {
		return 0, ErrPacket
	}
	return samples, nil
}

// frameSamples is the length of one frame of a configuration (RFC 6716, table 2).
func frameSamples(config byte) int {
	switch {
	case config >= 16: // CELT: 2.5, 5, 10, 20 ms
		return 120 << (config & 3)
	case config >= 12: // hybrid: 10, 20 ms
		return 480 << (config & 1)
	case config&3 == 3: // SILK: 60 ms
		return 2880
	default: // SILK: 10, 20, 40 ms
		return 480 << (config & 3)
	}
}
