// Package adts packs AAC access units into ADTS (ISO/IEC 14496-3, 1.A.2), the stream of bare AAC that every radio plays: each unit behind a
// header of seven bytes, which says all that a decoder needs. For players of ICY it makes groups of units that are all of one length, and the titles
// between them.
//
// It is pure: what it appends is a function of its arguments.
package adts
