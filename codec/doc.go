// Package codec turns sound into packets and packets into sound, behind small types that name no library.
//
// Sound is mono float32 at 48 kHz, full scale [-1, 1]. Opus (RFC 6716) is made and read by pure Go code; built with the tags
// "libopus nolibopusfile" (cgo, libopus-dev) the same types stand on libopus. AAC-LC (ISO/IEC 14496-3) is made by pure Go code that the tag
// "noaac" leaves out.
package codec
