// Package whip puts a recorded or synthetic voice on a stage, as any WHIP client would (RFC 9725): it knows the public protocol
// and nothing else of the server.
//
// It behaves like a microphone: the sound goes on by the clock, and what falls into a broken connection is lost. A connection
// that breaks, with the network or with the server, comes back by itself.
package whip
