package codec

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/hajimehoshi/go-mp3"
)

// ErrMP3 says that bytes are no MP3 that can be decoded here: MPEG-1 or 2, layer III, 16 to 48 kHz.
var ErrMP3 = errors.New("no MP3 that can be decoded")

// mp3Opus is the rate at which MP3 goes on as Opus: it was lossy once already, and goes to the mix and to those on stage only.
const mp3Opus = 96000

// MP3 turns a stream of MP3 into Opus packets of 20 ms, mono, at 48 kHz. It is not safe for concurrent use, and holds about 0.5 MB.
type MP3 struct {
	dec    io.Reader
	rate   float64 // Hz
	enc    *OpusEncoder
	raw    []byte
	filled int       // bytes of raw
	pcm    []float32 // at rate; from the sample before pos on
	pos    float64   // where in pcm the next sample lies
	frame  [FrameSamples]float32
	packet [MaxPacketBytes]byte
}

// NewMP3 reads up to the first frame. The rate of a stream is that of its first frame.
func NewMP3(r io.Reader) (_ *MP3, err error) {
	defer func() {
		if p := recover(); p != nil { // the library trusts its input
			err = fmt.Errorf("%w: %v", ErrMP3, p)
		}
	}()
	plain := bufio.NewReader(r)
	err = skipID3(plain)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMP3, err)
	}
	dec, err := mp3.NewDecoder(onlyReader{plain})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMP3, err)
	}
	enc, err := NewOpusEncoder(OpusConfig{Bitrate: mp3Opus, Complexity: 7, Application: Audio})
	if err != nil {
		return nil, err
	}
	return &MP3{dec: dec, rate: float64(dec.SampleRate()), enc: enc, raw: make([]byte, 4*1152)}, nil
}

// onlyReader hides what else a source can do, such as to seek.
type onlyReader struct{ io.Reader }

// skipID3 passes over the tags at the beginning (ID3v2, section 3.1), of which the library would make room for up to 256 MB at their word.
func skipID3(r *bufio.Reader) error {
	const head = 10
	for {
		b, err := r.Peek(head)
		if err != nil || !bytes.HasPrefix(b, []byte("ID3")) {
			return nil // the decoder says what is wrong, if anything
		}
		size := head + (int(b[6]&0x7f)<<21 | int(b[7]&0x7f)<<14 | int(b[8]&0x7f)<<7 | int(b[9]&0x7f))
		if b[5]&0x10 != 0 {
			size += head // a footer
		}
		_, err = r.Discard(size)
		if err != nil {
			return err
		}
	}
}

// Next returns the next packet, valid until the call after it, and its samples. io.EOF is the end.
func (m *MP3) Next() (packet []byte, samples int, err error) {
	defer func() {
		if p := recover(); p != nil {
			packet, samples, err = nil, 0, fmt.Errorf("%w: %v", ErrMP3, p)
		}
	}()
	step := m.rate / SampleRate
	need := int(m.pos+step*FrameSamples) + 4
	for len(m.pcm) < need {
		err := m.read()
		if err != nil {
			return nil, 0, err
		}
	}
	for i := range m.frame {
		m.frame[i] = cubic(m.pcm, m.pos)
		m.pos += step
	}
	used := int(m.pos)
	m.pcm = append(m.pcm[:0], m.pcm[used:]...)
	m.pos -= float64(used)
	n, err := m.enc.Encode(m.frame[:], m.packet[:])
	return m.packet[:n], FrameSamples, err
}

// read decodes a little more, and mixes left and right.
func (m *MP3) read() error {
	n, err := m.dec.Read(m.raw[m.filled:])
	m.filled += n
	whole := m.filled &^ 3
	for i := 0; i < whole; i += 4 {
		l, r := int16(binary.LittleEndian.Uint16(m.raw[i:])), int16(binary.LittleEndian.Uint16(m.raw[i+2:]))
		m.pcm = append(m.pcm, (float32(l)+float32(r))/(2<<15))
	}
	m.filled = copy(m.raw, m.raw[whole:m.filled])
	if n == 0 && err == nil {
		return io.ErrNoProgress
	}
	if n > 0 {
		return nil // an error comes again
	}
	return err
}

// cubic is the sample at a place between four of them (Catmull-Rom).
func cubic(x []float32, at float64) float32 {
	i := int(at)
	t := float32(at - float64(i))
	a, b, c, d := x[i], x[i+1], x[i+2], x[i+3]
	return b + t/2*(c-a+t*(2*a-5*b+4*c-d+t*(3*(b-c)+d-a)))
}
