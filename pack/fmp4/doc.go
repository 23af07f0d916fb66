// Package fmp4 packs Opus frames into fragmented MP4 (ISO/IEC 14496-12, "Encapsulation of Opus in ISO Base Media File Format"), and
// reads such streams. It packs AAC too, for HLS.
//
// A fragment is a pure function of its frames and events: whoever has the same frames makes the same bytes. The media timeline is
// that of the room: frame n begins at n · 960 of timescale 48000. There is no edit list, because a listener joins anywhere, and the
// encoder's look-ahead (6.5 ms) is the same for all.
//
// A Recording is the other form: a whole M4A file of AAC, with all tables in front, an edit list, tags and chapters. It is as pure.
package fmp4
