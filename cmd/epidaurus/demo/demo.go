// Package demo holds the sound of the demo: a conversation of two voices about the theatre of Epidaurus, rendered ahead by render.sh.
package demo

import _ "embed"

// Host and Guest are Ogg Opus files, 48 kHz mono in 20 ms packets, with exactly the same number of packets: played in step
// they loop together. Each is silent while the other speaks.
var (
	//go:embed voices/host.opus
	Host []byte
	//go:embed voices/guest.opus
	Guest []byte
)
