package tape

import "time"

// The grid of the sound. Frame n of a room is the 20 ms that begin at epoch + n·20 ms.
const (
	SampleRate    = 48000
	FrameSamples  = 960 // mono samples in a frame
	FrameDuration = 20 * time.Millisecond
	FramesPerSec  = 50
	SegmentFrames = 96 // 1.92 s, where Opus and AAC frames meet
	PageFrames    = 12 // Ogg pages end at n mod 12 = 0; also the shortest cadence, 0.24 s
)

// Number is a frame's number: the clock of a room.
type Number int64

// Term numbers the leases of a room. A frame carries the term of its maker.
type Term uint32

// Channel is one mixed sound of a room.
type Channel string

// Floor is what is said on stage.
const Floor Channel = "floor"

// Variant is a channel at one codec and bitrate.
type Variant string

// The variants that are made from doors-open to the end.
const (
	Opus48 Variant = "opus-48"
	Opus24 Variant = "opus-24"
	Opus12 Variant = "opus-12"
)

// Variants lists them from the best to the smallest.
var Variants = []Variant{Opus48, Opus24, Opus12}

// Frame is one codec packet with its number. Packet is never changed after the frame was made.
type Frame struct {
	N      Number
	Term   Term
	Packet []byte
}

// Event states how something is from frame At on. Data is a JSON object whose member "t" is Kind. Data is never changed
// after the event was made.
type Event struct {
	At   Number
	Term Term // of its maker, as with frames
	Kind string
	Data []byte
}

// Caption is a line of what is said, as text, from one frame to another (exclusive).
type Caption struct {
	From Number `json:"from"`
	To   Number `json:"to"`
	Text string `json:"text"`
}

// Takeover says that frames from First on are made under Term: those of an older term are dropped from there on, whatever the
// order of arrival.
type Takeover struct {
	Term  Term   `json:"term"`
	First Number `json:"first"`
}

// Receiver hears a channel: all its variants, its events and who makes it. Its methods are called in order by one goroutine and must
// not block.
type Receiver interface {
	Takeover(Takeover)
	Frame(Variant, Frame)
	Event(Event)
}

// SilencePacket is 20 ms of silence in three bytes, a fullband CELT frame of one mono channel (RFC 6716, section 3.1). It stands for declared
// gaps, and for what an edge never got.
var SilencePacket = []byte{0xf8, 0xff, 0xfe}

// Duration is the time from frame number 0 to the beginning of frame n.
func (n Number) Duration() time.Duration { return time.Duration(n) * FrameDuration }

// Samples is the 48 kHz sample at which frame n begins.
func (n Number) Samples() int64 { return int64(n) * FrameSamples }
