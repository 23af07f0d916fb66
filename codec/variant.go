package codec

import "github.com/epidaurus-live/epidaurus/tape"

// ForVariant is the encoder that makes a variant.
//
// Measured with gopus v0.1.1 on 18 s of espeak-ng speech without pauses, and on a steady sum of 440 and 660 Hz (1 s windows; "rest"
// is everything that is not the two tones, together; "line" its strongest line; both against the weaker tone), by
// TestVariantRate, TestVariantPurity and BenchmarkEncode:
//
//	variant   application  coder on speech       speech        tones: rest, line     encode
//	opus-48   Audio        hybrid, 20 kHz        47.5 kbit/s   -42.5 dB, -51.5 dB    305 µs
//	opus-24   Voice        hybrid, 20 kHz        25.1 kbit/s   -33.9 dB, -41.8 dB    295 µs
//	opus-12   Voice        SILK, 8 kHz           11.5 kbit/s   -14.6 dB, -21.5 dB    240 µs
//
// Why these: complexity 7 and up hears whether it codes speech or music and changes to the transform coder for tones and hold
// sound. At complexity 5 an encode costs two thirds, but opus-48 leaves a line at -38.9 dB, and the Audio application at 12 kbit/s
// overshoots to 17.5 kbit/s, which Voice does not (11.3). Constrained VBR holds the rate; without the constraint the
// transform coder spends 84 kbit/s where 48 are asked.
//
// An unknown variant gets the configuration of opus-48.
func ForVariant(v tape.Variant) OpusConfig {
	switch v {
	case tape.Opus24:
		return OpusConfig{Bitrate: 24000, Complexity: 10, Application: Voice}
	case tape.Opus12:
		return OpusConfig{Bitrate: 12000, Complexity: 10, Application: Voice}
	default:
		return OpusConfig{Bitrate: 48000, Complexity: 10, Application: Audio}
	}
}
