//go:build linux

package edge

import (
	"strconv"
	"sync/atomic"

	"github.com/epidaurus-live/epidaurus/tape"
)

// piece is a stretch of a response. It is made once and shared by all seats that get it. It does not change while anybody holds it; after
// that its press makes another in its place, since memory that was used lately costs less than new memory.
type piece struct {
	from, to tape.Number // frames from (inclusive) to to (exclusive)
	framed   []byte      // as HTTP/1.1 sends it: a chunk (RFC 9112 §7.1)
	bare     []byte      // as HTTP/1.0 sends it: the same without the framing
	last     bool        // nothing comes after it
	buf      []byte      // what framed and bare lie in

	holders atomic.Int32 // raised from 0 under the press's mu only
}

// release gives up what the press's get, or hold, gave.
func (p *piece) release() { p.holders.Add(-1) }

// hold keeps a piece that the caller holds for somebody else too.
func (p *piece) hold() *piece {
	p.holders.Add(1)
	return p
}

// view is what goes to a seat that has the chunk framing, or has it not.
func (p *piece) view(bare bool) []byte {
	if bare {
		return p.bare
	}
	return p.framed
}

// chunkHead is room for the longest head of a chunk: eight hexadecimal digits and CRLF.
const chunkHead = 10

const crlf = "\r\n"

// lastChunk ends a chunked body: without it a player knows that the response was cut and resumes.
const lastChunk = "0\r\n\r\n"

// blank returns a buffer with place for a prefix and the head of a chunk, behind which a body of about size bytes is appended. It takes the
// old one where that is neither too small nor much too large.
func blank(old []byte, prefix, size int) []byte {
	need := prefix + chunkHead + size + len(crlf) + len(lastChunk)
	if cap(old) < need || cap(old) > 2*need {
		old = make([]byte, need)
	}
	return old[:prefix+chunkHead]
}

// seal turns a buffer that blank began into the two views. The prefix goes before the chunk, and before the bare body.
// An empty body makes no chunk, since that would end the response.
func seal(buf []byte, prefix string) (framed, bare []byte) {
	start := len(prefix) + chunkHead
	body := len(buf) - start
	if body == 0 {
		return []byte(prefix), []byte(prefix)
	}
	buf = append(buf, crlf...)
	// The length's digits end just before the body, so the chunk begins where they do, and the prefix before them.
	var head [chunkHead]byte
	digits := append(strconv.AppendUint(head[:0], uint64(body), 16), crlf...)
	start -= len(digits)
	copy(buf[start:], digits)
	start -= len(prefix)
	copy(buf[start:], prefix)
	return buf[start:], buf[len(prefix)+chunkHead : len(prefix)+chunkHead+body]
}
