//go:build linux

package edge

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/tape"
)

// bench is a section without its goroutine, whose seats sit on socket pairs: the benchmarks' and allocation tests' way to the hot path.
type bench struct {
	t       testing.TB
	hub     *hub
	section *section
	far     []int // the listeners' ends
	head    tape.Number
	buf     []byte
}

func newBench(t testing.TB, seats int) *bench {
	t.Helper()
	h := open(t, func(c *Config) { c.Sections = 1 })
	b := &bench{t: t, head: 300, buf: make([]byte, 1<<16)}
	h.record(300)
	b.hub = h.edge.hubs[hubKey{harbour, tape.Floor}]
	poll, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	b.section = &section{
		poll: poll, now: h.edge.now, cadence: tape.PageFrames, maxBehind: 400, maxStuck: h.edge.config.MaxStuck,
		taken: &h.edge.taken, done: make(chan struct{}),
	}
	t.Cleanup(func() {
		b.section.cutAll()
		for _, fd := range b.far {
			unix.Close(fd)
		}
	})
	for range seats {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		b.far = append(b.far, pair[1])
		b.hub.seats.Add(1)
		h.edge.taken.Add(1)
		b.section.admit(arrival{seat: &seat{conn: sectionEnd(pair[0]), fd: int32(pair[0])}, reel: b.hub.reels[0], from: 300})
	}
	return b
}

// cadence plays as many frames as every seat gets one fragment for, and ticks after each.
func (b *bench) cadence() {
	for range tape.PageFrames {
		b.hub.Frame(tape.Opus48, tape.Frame{N: b.head, Term: 1, Packet: voice})
		b.head++
		b.section.tick()
	}
}

// drain empties the listeners' ends.
func (b *bench) drain() {
	for _, fd := range b.far {
		for n := len(b.buf); n == len(b.buf); {
			n, _ = unix.Read(fd, b.buf)
		}
	}
}

// voice is a packet of the usual size at 48 kbit/s.
var voice = append([]byte{0xf8}, make([]byte, 119)...)

func TestNoAllocationPerSeatAndWrite(t *testing.T) {
	perCadence := func(seats int) float64 {
		b := newBench(t, seats)
		b.cadence()
		b.drain()
		return testing.AllocsPerRun(20, func() {
			b.cadence()
			b.drain()
		})
	}
	few, many := perCadence(12), perCadence(612)
	if many > few {
		t.Errorf("a cadence allocates %v times with 12 seats and %v times with 612", few, many)
	}
	if few > 6*tape.PageFrames {
		t.Errorf("a cadence of 12 rows allocates %v times", few)
	}
}

func TestSeatIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(seat{}); size > 96 {
		t.Errorf("a seat takes %d bytes", size)
	}
}
