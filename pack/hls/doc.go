// Package hls says what a channel is as HTTP Live Streaming (draft-pantos-hls-rfc8216bis): which segments of which variants there are,
// and the playlists that list them.
//
// Segment k is the 1.92 s that begin at frame 96·k. Its bytes are a pure function of its frames, without any event of the room, so that it is
// the same wherever it was made: on any edge, from a tape, in a folder. Its number is its media sequence number, in every playlist.
package hls
