// Package format reads and writes what a tape on disk consists of, apart from files: the index of a variant, the list of events, the
// pages of sound. docs/TAPE.md describes it for those who read tapes with other programs.
package format
