// Package hold holds the hold sound that a room plays until its own is given: 48 s of a quiet plucked piece, synthesised by
// render and encoded by render.sh.
package hold

import _ "embed"

// Opus is an Ogg Opus file, 48 kHz mono in 20 ms packets, at about −26 LUFS. It begins and ends in silence, so that it
// loops without a click.
//
//go:embed hold.opus
var Opus []byte
