package stage

import (
	"sync"
	"time"

	"github.com/pion/rtp"
)

const (
	// feedLength and feedBytes bound what waits of one encoder; it is held back by TCP then. A page of Ogg has a second at most by ffmpeg's and
	// libogg's habit, and Opus 64 kB in a second.
	feedLength = 6 * time.Second
	feedBytes  = 384 << 10
	// maxSourcePacket is what one RTP packet carries on any path.
	maxSourcePacket = 1400
)

// feed is an encoder's sound on its way from the connection to the stage. One goroutine puts, another takes.
type feed struct {
	more chan struct{} // holds one token: something was put, or the end
	room chan struct{} // holds one token: something was taken

	mu      sync.Mutex
	packets []feedPacket  // guarded by mu; oldest first
	length  time.Duration // guarded by mu; of the sound in them
	bytes   int           // guarded by mu
	held    bool          // guarded by mu; put had to wait since the last look
	ended   bool          // guarded by mu
}

type feedPacket struct {
	data   []byte
	length time.Duration
}

func newFeed() *feed {
	return &feed{more: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

func soundLength(samples int) time.Duration {
	return time.Duration(samples) * time.Second / samplesPerSecond
}

// put hands over a packet, which it copies, and waits while the feed is full. It reports false when done is closed.
func (f *feed) put(data []byte, samples int, done <-chan struct{}) bool {
	p := feedPacket{append([]byte(nil), data...), soundLength(samples)}
	for {
		f.mu.Lock()
		fits := f.length+p.length <= feedLength && f.bytes+len(p.data) <= feedBytes
		if fits {
			f.packets = append(f.packets, p)
			f.length += p.length
			f.bytes += len(p.data)
		} else {
			f.held = true
		}
		f.mu.Unlock()
		if fits {
			poke(f.more)
			return true
		}
		select {
		case <-f.room:
		case <-done:
			return false
		}
	}
}

// end says that nothing comes any more.
func (f *feed) end() {
	f.mu.Lock()
	f.ended = true
	f.mu.Unlock()
	poke(f.more)
}

// look is how things are: what waits, the first packet's length, whether put had to wait since the last look, and whether all was taken.
func (f *feed) look() (waits, next time.Duration, held, over bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	held, f.held = f.held, false
	if len(f.packets) > 0 {
		next = f.packets[0].length
	}
	return f.length, next, held, f.ended && next == 0
}

// waiting is how much sound waits.
func (f *feed) waiting() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.length
}

// take takes the first packet. There is one.
func (f *feed) take() feedPacket {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.packets[0]
	f.packets[0] = feedPacket{}
	f.packets = f.packets[1:]
	f.length -= p.length
	f.bytes -= len(p.data)
	poke(f.room)
	return p
}

// skip drops the oldest packets of this length together, but the last one.
func (f *feed) skip(length time.Duration) {
	for length > 0 {
		f.mu.Lock()
		few := len(f.packets) < 2
		f.mu.Unlock()
		if few {
			return
		}
		length -= f.take().length
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// numbering makes RTP packets of a feed's.
type numbering struct {
	seq  uint16
	ts   uint32
	line uint16 // as a line would have numbered them that loses what does not come: see reception
}

// next numbers a packet that follows the last one after a gap of silence.
func (n *numbering) next(p feedPacket, gap time.Duration) rtp.Packet {
	n.ts += uint32(gap * samplesPerSecond / time.Second)
	n.line += uint16(min(gap/(20*time.Millisecond), jumpPackets-1)) + 1
	n.seq++
	out := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: n.seq, Timestamp: n.ts}, Payload: p.data}
	n.ts += uint32(p.length * samplesPerSecond / time.Second)
	return out
}
