// Package room says what a room is, who may be in it and which step of its life may follow which.
//
// Beside the facts of a room and its life are here the rules that people go by: the table of who may do what (may.go), stage tokens, invitations of
// listeners and passes of run-throughs, raised hands, cues and the chat backstage, consent to recording, the verdict on a voice, who leads a room whose
// host is gone, the signed order to go to another room, and what a host makes of a replay.
//
// It is pure: no network, no files, no clock of its own. Every other package may import it; it imports none of them.
package room
