package ogg

import "encoding/binary"

// The checksum of RFC 3533 §6: polynomial 0x04c11db7, most significant bit first, neither preset nor inverted. The standard
// library's CRC-32 runs in the other direction.
const polynomial = 0x04c11db7

// crcTables[k][b] is what byte b does to the checksum when k more bytes follow it, so that eight bytes go at once.
var crcTables = makeTables()

func makeTables() *[8][256]uint32 {
	var t [8][256]uint32
	for b := range t[0] {
		c := uint32(b) << 24
		for range 8 {
			if c&(1<<31) != 0 {
				c = c<<1 ^ polynomial
			} else {
				c <<= 1
			}
		}
		t[0][b] = c
	}
	for k := 1; k < len(t); k++ {
		for b := range t[k] {
			before := t[k-1][b]
			t[k][b] = before<<8 ^ t[0][before>>24]
		}
	}
	return &t
}

// Checksum continues the checksum of pages (RFC 3533 §6) over p; it begins with 0. Any goroutine may call it.
func Checksum(crc uint32, p []byte) uint32 {
	t := crcTables
	for len(p) >= 8 {
		hi := crc ^ binary.BigEndian.Uint32(p)
		lo := binary.BigEndian.Uint32(p[4:])
		crc = t[7][hi>>24] ^ t[6][hi>>16&0xff] ^ t[5][hi>>8&0xff] ^ t[4][hi&0xff] ^
			t[3][lo>>24] ^ t[2][lo>>16&0xff] ^ t[1][lo>>8&0xff] ^ t[0][lo&0xff]
		p = p[8:]
	}
	for _, b := range p {
		crc = crc<<8 ^ t[0][byte(crc>>24)^b]
	}
	return crc
}
