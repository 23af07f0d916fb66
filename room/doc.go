// Package room says what a room is, who may be in it and which step of its life may follow which.
//
// It is pure: no network, no files, no clock of its own. Every other package may import it; it imports none of them.
package room
