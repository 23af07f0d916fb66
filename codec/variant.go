package codec

import "github.com/epidaurus-live/epidaurus/tape"

// ForVariant is the encoder that makes a variant.
//
// Measured with gopus v0.1.1 on 18 s of espeak-ng speech without pauses, and on a steady sum of 440 and 660 Hz behind speech, in
// windows of 1 s ("rest" is everything but the two tones, together; "line" its strongest line; both against the weaker tone), by
// TestVariantRate and TestVariantPurity; the encode of one frame by BenchmarkEncode on one idle core:
//
//	variant   application  coder on speech       speech        tones: rest, line     encode
//	opus-48   Audio        hybrid, 20 kHz        48.3 kbit/s   -42.5 dB, -51.5 dB    0.31 ms
//	opus-24   Voice        hybrid, 20 kHz        25.1 kbit/s   -35.7 dB, -42.1 dB    0.30 ms
//	opus-12   Voice        SILK, 8 kHz           11.5 kbit/s   -16.4 dB, -24.7 dB    0.24 ms
//
// Why these: from complexity 7 up the encoder hears whether it has speech or music, and changes to the transform coder for tones
// and hold sound. At complexity 5 an encode takes 0.10 to 0.20 ms and the rates stay, but opus-48 leaves a line at -38.9 dB. The
// Audio application at 12 kbit/s and complexity 5 spends 17.5 kbit/s, where Voice spends 11.3. The rate is constrained (CVBR), because
// without that the transform coder spends 84 kbit/s on speech where 48 are asked.
//
// An unknown variant gets the configuration of opus-48.
func ForVariant(v tape.Variant) OpusConfig {
	switch v {
	case tape.Voice:
		return OpusConfig{Bitrate: 64000, Complexity: 5, Application: Audio}
	case tape.Opus24:
		return OpusConfig{Bitrate: 24000, Complexity: 10, Application: Voice}
	case tape.Opus12:
		return OpusConfig{Bitrate: 12000, Complexity: 10, Application: Voice}
	default:
		return OpusConfig{Bitrate: 48000, Complexity: 10, Application: Audio}
	}
}
