package wav

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Rate is the sample rate of everything this package gives and takes, in Hz.
const Rate = 48000

// ErrFormat says that a file is no WAVE file that can be read; the error that wraps it says why.
var ErrFormat = errors.New("not a readable WAV file")

// Tags of the sample formats (the WAVE_FORMAT_… of mmreg.h).
const (
	tagPCM        = 1
	tagFloat      = 3
	tagExtensible = 0xfffe
)

const (
	minRate     = 1000
	maxRate     = 768000
	maxChannels = 64
)

var le = binary.LittleEndian

// format is a fmt chunk.
type format struct {
	tag      uint16
	channels int
	rate     int
	bits     int
}

// frame is the size of one sample of all channels in bytes.
func (f format) frame() int { return f.channels * f.bits / 8 }

// parseFormat reads a fmt chunk. An extensible one names its format in the first two bytes of a GUID.
func parseFormat(b []byte) (format, error) {
	const plain, extensible = 16, 40
	if len(b) < plain {
		return format{}, fmt.Errorf("%w: its fmt chunk is cut off", ErrFormat)
	}
	f := format{
		tag:      le.Uint16(b),
		channels: int(le.Uint16(b[2:])),
		rate:     int(le.Uint32(b[4:])),
		bits:     int(le.Uint16(b[14:])),
	}
	if f.tag == tagExtensible && len(b) >= extensible {
		f.tag = le.Uint16(b[24:])
	}
	switch {
	case f.channels < 1 || f.channels > maxChannels:
		return f, fmt.Errorf("%w: it has %d channels", ErrFormat, f.channels)
	case f.rate < minRate || f.rate > maxRate:
		return f, fmt.Errorf("%w: its rate is %d Hz", ErrFormat, f.rate)
	case f.decoder() == nil:
		return f, fmt.Errorf("%w: its samples are of format %d with %d bits; save it as PCM of 16, 24 or 32 bits or as float",
			ErrFormat, f.tag, f.bits)
	}
	return f, nil
}

// decoder returns what turns the bytes of one sample into full scale [-1, 1), or nil for a format that is not known.
func (f format) decoder() func([]byte) float64 {
	switch {
	case f.tag == tagPCM && f.bits == 16:
		return func(b []byte) float64 { return float64(int16(le.Uint16(b))) / (1 << 15) }
	case f.tag == tagPCM && f.bits == 24:
		return func(b []byte) float64 {
			return float64(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)) / (1 << 31)
		}
	case f.tag == tagPCM && f.bits == 32:
		return func(b []byte) float64 { return float64(int32(le.Uint32(b))) / (1 << 31) }
	case f.tag == tagFloat && f.bits == 32:
		return func(b []byte) float64 { return finite(float64(math.Float32frombits(le.Uint32(b)))) }
	case f.tag == tagFloat && f.bits == 64:
		return func(b []byte) float64 { return finite(math.Float64frombits(le.Uint64(b))) }
	}
	return nil
}

// finite bounds what a file of floats may hold, which the mix could not digest.
func finite(v float64) float64 {
	const limit = 16 // 24 dB over full scale
	if math.IsNaN(v) {
		return 0
	}
	return min(max(v, -limit), limit)
}
