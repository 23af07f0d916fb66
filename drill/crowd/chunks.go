package crowd

import "errors"

// Faults of chunked bodies (RFC 9112 §7.1).
var (
	errChunkSize = errors.New("a chunk's size is no number")
	errChunkEnd  = errors.New("a chunk does not end where it should")
)

// Bounds of what stands between the data of chunks.
const (
	maxChunk    = 1 << 30
	maxLine     = 4096 // of a size with its extensions, or of a trailer
	maxTrailers = 64
)

type chunkState uint8

const (
	chunkDigits chunkState = iota
	chunkExtension
	chunkData
	chunkCR
	chunkLF
	chunkTrailer // at the beginning of a line
	chunkTrailerLine
	chunkTrailerLF
	chunkOver
)

// chunker takes the framing off a chunked body, however it is cut. The zero value is at its beginning.
type chunker struct {
	left     int32
	line     uint16
	state    chunkState
	digits   uint8
	trailers uint8
}

// over reports whether the last chunk and its trailers were read.
func (c *chunker) over() bool { return c.state == chunkOver }

// next returns the first run of data in p and what stands behind it. It returns no data when p holds none, or when the body is over.
func (c *chunker) next(p []byte) (data, rest []byte, err error) {
	for len(p) > 0 && c.state != chunkOver {
		if c.state == chunkData {
			n := min(int(c.left), len(p))
			c.left -= int32(n)
			if c.left == 0 {
				c.state = chunkCR
			}
			return p[:n], p[n:], nil
		}
		err = c.frame(p[0])
		if err != nil {
			return nil, nil, err
		}
		p = p[1:]
	}
	return nil, p, nil
}

// frame takes one byte that is not data.
func (c *chunker) frame(b byte) error {
	switch c.state {
	case chunkDigits:
		return c.digit(b)
	case chunkExtension:
		return c.extension(b)
	case chunkCR:
		if b != '\r' {
			return errChunkEnd
		}
		c.state = chunkLF
	case chunkLF:
		if b != '\n' {
			return errChunkEnd
		}
		c.state, c.left, c.digits, c.line = chunkDigits, 0, 0, 0
	case chunkTrailer:
		c.state, c.line = chunkTrailerLine, 0
		if b == '\r' {
			c.state = chunkTrailerLF
		}
	case chunkTrailerLine:
		c.line++
		if c.line > maxLine {
			return errChunkEnd
		}
		if b == '\n' {
			c.trailers++
			c.state = chunkTrailer
			if c.trailers > maxTrailers {
				return errChunkEnd
			}
		}
	case chunkTrailerLF:
		if b != '\n' {
			return errChunkEnd
		}
		c.state = chunkOver
	}
	return nil
}

func (c *chunker) digit(b byte) error {
	var v int32
	switch {
	case b >= '0' && b <= '9':
		v = int32(b - '0')
	case b >= 'a' && b <= 'f':
		v = int32(b-'a') + 10
	case b >= 'A' && b <= 'F':
		v = int32(b-'A') + 10
	case c.digits > 0 && (b == '\r' || b == ';' || b == ' ' || b == '\t'):
		c.state = chunkExtension
		return c.extension(b)
	default:
		return errChunkSize
	}
	if c.left >= maxChunk>>4 || c.digits >= 16 {
		return errChunkSize
	}
	c.left, c.digits = c.left<<4|v, c.digits+1
	return nil
}

// extension takes what follows a size, to the end of its line.
func (c *chunker) extension(b byte) error {
	c.line++
	if c.line > maxLine {
		return errChunkSize
	}
	if b != '\n' {
		return nil
	}
	c.state = chunkData
	if c.left == 0 {
		c.state = chunkTrailer
	}
	return nil
}
