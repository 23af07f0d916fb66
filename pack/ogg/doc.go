// Package ogg packs Opus frames into Ogg pages (RFC 3533, RFC 7845), and reads and writes Ogg Opus files and streams.
//
// The pages of a live channel are a pure function of its frames. Audio pages end where a frame's number is a multiple of 12, and
// page p+2 holds the frames 12p to 12p+11, behind the pages 0 and 1 of the head.
//
// The granule position of a page is 960 times the number of the frame behind its last one. A player subtracts the pre-skip from
// it, and drops the pre-skip's samples (the encoder's look-ahead) from the decoder's first output: what it plays first is then
// the first sample of the first frame, at exactly 960 · n.
package ogg
