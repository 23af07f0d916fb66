package poster

import (
	"encoding/binary"
	"hash/crc32"
)

// fixCRC makes the checksum of a PNG's first chunk right again.
func fixCRC(p []byte) []byte {
	binary.BigEndian.PutUint32(p[29:], crc32.ChecksumIEEE(p[12:29]))
	return p
}
