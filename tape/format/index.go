package format

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/epidaurus-live/epidaurus/tape"
)

// IndexHead begins an index.
const IndexHead = "epidaurus tape 1"

// RecordSize is the size of a record in an index.
const RecordSize = 36

// LevelFrames is how many frames a level is about: 0.32 s.
const LevelFrames = 16

// Levels says how loud a segment is, LevelFrames at a time: 0 is -60 dBFS and less, 255 is 0 dBFS.
type Levels [tape.SegmentFrames / LevelFrames]byte

// Record says where a stretch of one variant, at most a segment, is in its file.
type Record struct {
	From    tape.Number // first frame
	Frames  int         // 1 to tape.SegmentFrames, and all of one segment
	Offset  int64       // of the first page in the file
	Length  int         // of the pages in bytes
	Sound   int         // of it, bytes of packets
	Missing int         // frames that never came, and are silence
	Levels  Levels
}

// To is the frame behind the last.
func (r Record) To() tape.Number { return r.From + tape.Number(r.Frames) }

// ErrIndex says that bytes are no index.
var ErrIndex = errors.New("this is no index of a tape")

var (
	be       = binary.BigEndian
	sumTable = crc32.MakeTable(crc32.Castagnoli)
)

// AppendRecord appends a record, big-endian:
//
//	8 bytes first frame, 8 bytes offset, 4 bytes length, 4 bytes of them packets, 1 byte frames, 1 byte of them missing, 6 bytes levels,
//	4 bytes CRC-32C of the 32 before.
func AppendRecord(dst []byte, r Record) []byte {
	at := len(dst)
	dst = be.AppendUint64(dst, uint64(r.From))
	dst = be.AppendUint64(dst, uint64(r.Offset))
	dst = be.AppendUint32(dst, uint32(r.Length))
	dst = be.AppendUint32(dst, uint32(r.Sound))
	dst = append(dst, byte(r.Frames), byte(r.Missing))
	dst = append(dst, r.Levels[:]...)
	return be.AppendUint32(dst, crc32.Checksum(dst[at:], sumTable))
}

// ParseIndex reads an index up to the first record that is damaged, cut off, or does not follow the one before. The error is ErrIndex
// when it does not begin like one; an empty index is none.
func ParseIndex(b []byte) ([]Record, error) {
	if len(b) < len(IndexHead) || string(b[:len(IndexHead)]) != IndexHead {
		return nil, ErrIndex
	}
	b = b[len(IndexHead):]
	records := make([]Record, 0, len(b)/RecordSize)
	var last Record
	for len(b) >= RecordSize {
		r, ok := parseRecord(b[:RecordSize])
		if !ok || r.From < last.To() || r.Offset < last.Offset+int64(last.Length) {
			break
		}
		records, last, b = append(records, r), r, b[RecordSize:]
	}
	return records, nil
}

func parseRecord(b []byte) (r Record, ok bool) {
	if crc32.Checksum(b[:RecordSize-4], sumTable) != be.Uint32(b[RecordSize-4:]) {
		return r, false
	}
	r = Record{
		From: tape.Number(be.Uint64(b)), Offset: int64(be.Uint64(b[8:])), Length: int(be.Uint32(b[16:])), Sound: int(be.Uint32(b[20:])),
		Frames: int(b[24]), Missing: int(b[25]), Levels: Levels(b[26:32]),
	}
	const most = 1 << 56 // more than any room lasts and any file holds
	ok = r.From >= 0 && r.From < most && r.Offset >= 0 && r.Offset < most && r.Frames > 0 && r.Missing <= r.Frames && r.Sound <= r.Length &&
		r.Length <= maxStretch && r.Length > 0 && tape.SegmentOf(r.From) == tape.SegmentOf(r.To()-1)
	return r, ok
}

// maxStretch is more than the pages of a segment can be, in bytes: 96 packets of 1276 bytes on 8 pages are 125 kB.
const maxStretch = 1 << 20
