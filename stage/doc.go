// Package stage hears the people who speak in a room, and lets them hear each other.
//
// Voices arrive by WebRTC: from encoders by WHIP (RFC 9725), from the desk's page by one offer with all its sections
// allocated up front, so that nothing is ever renegotiated. Each voice goes two ways: to the room's mix, and unchanged but
// for its RTP numbers to the other people on stage, never to oneself. Who is there, who is muted and whose voice is in which
// section goes out over one event stream a page. People backstage are heard by each other, and by single ears on stage; their sessions have
// no way into the mix. Nor has a trial, by which a line is looked at before its owner goes on stage. Who leads sends others away and back, answers
// raised hands and gives cues here; in a room that is taped nobody but its host is let on stage without having agreed. The wire contract is in docs/PROTOCOL.md.
//
// All media of all rooms shares one UDP port, and the HTTP port takes the same media over TCP for networks that block UDP.
// The server is an ICE-lite agent: it answers checks and makes none, so a client's candidates are not needed.
//
// Listeners by WHEP are a part of its own (Listeners), with a UDP port of their own: it is here since
// this is the only package that knows pion.
package stage
