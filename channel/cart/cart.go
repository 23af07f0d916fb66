// Package cart holds the carts of a room whose host has given no others: short pieces synthesised by render and encoded by render.sh.
package cart

import _ "embed"

// Each is an Ogg Opus file, 48 kHz mono in 20 ms packets, that begins and ends in silence.
var (
	//go:embed intro.opus
	Intro []byte // 6 s
	//go:embed jingle.opus
	Jingle []byte // 2.6 s
	//go:embed apology.opus
	Apology []byte // 4.5 s
	//go:embed tone.opus
	Tone []byte // 10 s of 1 kHz
)
