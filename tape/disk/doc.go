// Package disk tapes rooms while they are live, and reads what was taped, then and later.
//
// A Recorder hears a channel on the bus as an edge does, and writes each segment once, when all of it is there. It never stands between
// a frame and an ear: what fails here, a full disk before all, ends the taping and nothing else. Any number of nodes may tape one room;
// their files hold the same frames.
package disk
