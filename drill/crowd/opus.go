package crowd

import "github.com/epidaurus-live/epidaurus/tape"

// opusSamples is how many samples at 48 kHz a packet holds, from its first two bytes (RFC 6716 §3.1); 0 when it is not well formed.
func opusSamples(toc, second byte, size int) int {
	if size == 0 {
		return 0
	}
	frames := 1
	switch toc & 3 {
	case 1:
		frames = 2
		if size%2 == 0 { // two frames of one size, behind one byte
			return 0
		}
	case 2:
		frames = 2
		if size < 2 {
			return 0
		}
	case 3:
		frames = int(second & 63)
		if size < 2 || frames == 0 {
			return 0
		}
	}
	return frames * opusFrame(toc>>3)
}

// opusFrame is how many samples a frame of a configuration has.
func opusFrame(config byte) int {
	switch {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		return [4]int{480, 960, 1920, 2880}[config&3]
	case config < 16: // hybrid: 10, 20 ms
		return [2]int{480, 960}[config&1]
	default: // CELT: 2.5, 5, 10, 20 ms
		return 120 << (config & 3)
	}
}

// isSilence reports whether a packet's first bytes are all of tape.SilencePacket.
func isSilence(start [3]byte, size int) bool {
	return size == len(tape.SilencePacket) && string(start[:]) == string(tape.SilencePacket)
}
