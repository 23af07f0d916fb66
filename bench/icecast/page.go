//go:build linux

package main

import (
	"encoding/binary"

	"github.com/epidaurus-live/epidaurus/bench/internal/frames"
	"github.com/epidaurus-live/epidaurus/tape"
)

// appendPage appends an Ogg page (RFC 3533 §6) with the frames from, from+1, … Pages of our own packer are shorter than the second that
// Icecast's sources put on one.
func appendPage(dst []byte, serial, number uint32, from, count tape.Number, book *frames.Book) []byte {
	at := len(dst)
	dst = append(dst, "OggS\x00\x00"...)
	dst = binary.LittleEndian.AppendUint64(dst, uint64((from + count).Samples()))
	dst = binary.LittleEndian.AppendUint32(dst, serial)
	dst = binary.LittleEndian.AppendUint32(dst, number)
	dst = append(dst, 0, 0, 0, 0, byte(count))
	for n := from; n < from+count; n++ {
		dst = append(dst, byte(len(book.Packet(0, n)))) // below 255: one lacing value
	}
	for n := from; n < from+count; n++ {
		dst = append(dst, book.Packet(0, n)...)
	}
	binary.LittleEndian.PutUint32(dst[at+22:], checksum(dst[at:]))
	return dst
}

func checksum(page []byte) (crc uint32) {
	for _, b := range page {
		crc ^= uint32(b) << 24
		for range 8 {
			carry := crc >> 31
			crc = crc<<1 ^ carry*0x04c11db7
		}
	}
	return crc
}
