//go:build linux

package edge

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// bench is a section without its goroutine: the way to the hot path for benchmarks and allocation tests.
type bench struct {
	t       testing.TB
	hub     *hub
	section *section
	far     []int   // the listeners' ends
	near    []int32 // the section's
	head    tape.Number
	buf     []byte
}

// connect makes the sockets of one seat: the section's end, its descriptor, and the listener's descriptor.
type connect func(testing.TB) (near seat, far int)

// sectionEnd is the end of a socket pair that a section writes to.
type sectionEnd int32

// Close implements io.Closer.
func (s sectionEnd) Close() error { return unix.Close(int(s)) }

// pairs connects by socket pairs, which need no network.
func pairs(t testing.TB) (seat, int) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return seat{conn: sectionEnd(pair[0]), fd: int32(pair[0])}, pair[1]
}

// loopback connects by TCP.
func loopback(l *net.TCPListener) connect {
	return func(t testing.TB) (seat, int) {
		t.Helper()
		far := dialBare(t, l.Addr().(*net.TCPAddr))
		err := unix.SetNonblock(far, true)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := l.AcceptTCP()
		if err != nil {
			t.Fatal(err)
		}
		var st seat
		err = st.connect(conn, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return st, far
	}
}

// loopbackTLS connects by TCP and TLS. The listeners' ends are bare sockets too: what they get is never decrypted.
func loopbackTLS(l *net.TCPListener) connect {
	return func(t testing.TB) (seat, int) {
		t.Helper()
		far := dialBare(t, l.Addr().(*net.TCPAddr))
		accepted, err := l.AcceptTCP()
		if err != nil {
			t.Fatal(err)
		}
		client := second(t, far)
		defer client.Close()
		config := serverTLS(t)
		config.SessionTicketsDisabled = true // nothing is left in the socket behind the handshake
		conn := TLSServer(accepted, config)
		listener := clientTLS(t)
		listener.CurvePreferences = []tls.CurveID{tls.X25519} // thousands have to join
		shaken := make(chan error)
		go func() { shaken <- tls.Client(client, listener).Handshake() }()
		err = errors.Join(conn.Handshake(), <-shaken, conn.SetDeadline(time.Time{}))
		if err != nil {
			t.Fatal(err)
		}
		var st seat
		err = st.connect(conn, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return st, far
	}
}

// listen opens a port for loopback and loopbackTLS.
func listen(t testing.TB) *net.TCPListener {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// dialBare connects a bare socket, which is not on the heap, and returns its descriptor.
func dialBare(t testing.TB, addr *net.TCPAddr) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: addr.Port, Addr: [4]byte(addr.IP.To4())})
	if err != nil {
		t.Fatal(err)
	}
	return fd
}

// second gives a bare socket a second descriptor, which package net looks after.
func second(t testing.TB, fd int) net.Conn {
	t.Helper()
	other, err := unix.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(other), "socket")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func newBench(t testing.TB, seats int, by connect) *bench {
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
		poll: poll, now: h.edge.now, policies: &h.edge.policies, policy: h.edge.policies.now.Load(), refill: 1 << 20, maxBehind: 400,
		maxStuck: h.edge.config.MaxStuck, taken: &h.edge.taken, write: send, done: make(chan struct{}),
	}
	t.Cleanup(func() {
		b.section.cutAll()
		for _, fd := range b.far {
			unix.Close(fd)
		}
	})
	for i := range seats {
		near, far := by(t)
		b.far, b.near = append(b.far, far), append(b.near, near.fd)
		b.hub.seats.Add(1)
		h.edge.taken.Add(1)
		b.section.admit(arrival{seat: &near, hub: b.hub, from: b.head})
		if i%joinsPerFrame == joinsPerFrame-1 {
			b.frame()
			b.drain()
		}
	}
	b.drain()
	return b
}

// joinsPerFrame is how many seats of a bench come in one frame, and so have one phase.
const joinsPerFrame = 64

// frame plays one frame, and has the section do its turn.
func (b *bench) frame() {
	b.hub.Frame(tape.Opus48, tape.Frame{N: b.head, Term: 1, Packet: voice})
	b.head++
	for _, ev := range b.section.poll.wait(0) {
		b.section.attend(ev)
	}
	b.section.tick()
}

// cadence plays as many frames as every seat gets one fragment for, and has the section do its turn after each.
func (b *bench) cadence() {
	for range tape.PageFrames {
		b.frame()
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

// BenchmarkFrame measures what one frame costs an edge that hears 1,000 rooms in all variants, and has no seat in them. Its rings are full, and
// between the frames of all rooms others use the caches, as they do for 20 ms.
func BenchmarkFrame(b *testing.B) {
	h := open(b, nil)
	var hubs []*hub
	for i := range 1000 {
		hub := newHub(hubKey{room.ID(strconv.Itoa(i)), tape.Floor}, &h.edge.config, h.edge.now, &h.edge.policies, &h.edge.tally)
		hub.Takeover(tape.Takeover{Term: 1})
		hubs = append(hubs, hub)
	}
	hear := func(i int) (all bool) {
		v := i % len(tape.Variants)
		room := i / len(tape.Variants)
		hubs[room%len(hubs)].Frame(tape.Variants[v], tape.Frame{N: tape.Number(room / len(hubs)), Term: 1, Packet: voice})
		return (i+1)%(len(tape.Variants)*len(hubs)) == 0
	}
	full := keptFrames * len(hubs) * len(tape.Variants)
	for i := range full {
		hear(i)
	}
	others := make([]byte, 64<<20)
	for i := full; b.Loop(); i++ {
		if hear(i) {
			b.StopTimer()
			for j := 0; j < len(others); j += 64 {
				others[j]++
			}
			b.StartTimer()
		}
	}
}

// BenchmarkSeatWrite measures the CPU time of one write to one seat against a bare loop that writes the same bytes to the same
// sockets, in turns. Both are the time of this thread, in which loopback's receiving side is included.
func BenchmarkSeatWrite(b *testing.B) { benchmarkSeatWrite(b, loopback(listen(b))) }

// BenchmarkSeatWriteTLS measures the same with encryption, against the same bare loop that writes the bytes of the fragment in the open.
func BenchmarkSeatWriteTLS(b *testing.B) { benchmarkSeatWrite(b, loopbackTLS(listen(b))) }

func benchmarkSeatWrite(b *testing.B, by connect) {
	const seats = 4000
	bench := newBench(b, seats, by)
	for range 100 {
		bench.cadence() // beyond where crypto/tls begins to write records of full size
		bench.drain()
	}
	fragment := bench.section.blocks[0].rows[0].press.sound(bench.head-tape.PageFrames, bench.head).framed
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b.ReportAllocs()
	var ours, bare time.Duration
	var ratios []float64
	for b.Loop() {
		bench.drain()
		start := threadTime(b)
		bench.cadence()
		mid := threadTime(b)
		bench.drain()
		again := threadTime(b)
		for _, fd := range bench.near {
			n, err := unix.Write(int(fd), fragment)
			if err != nil || n != len(fragment) {
				b.Fatalf("wrote %d of %d: %v", n, len(fragment), err)
			}
		}
		end := threadTime(b)
		ours += mid - start
		bare += end - again
		ratios = append(ratios, float64(mid-start)/float64(end-again))
	}
	slices.Sort(ratios)
	writes := float64(seats * len(ratios))
	b.ReportMetric(float64(ours)/writes, "ns/write")
	b.ReportMetric(float64(bare)/writes, "ns/bare-write")
	b.ReportMetric(ratios[len(ratios)/2], "median-ratio")
	b.ReportMetric(float64(len(fragment)), "B/write")
	if full := bench.section.tally.full.Load(); full > 0 {
		b.Errorf("%d writes found a full socket: the figures are not of whole writes", full)
	}
}

// threadTime is the CPU time that this thread has used, user and system.
func threadTime(b *testing.B) time.Duration {
	b.Helper()
	var ts unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts)
	if err != nil {
		b.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

// BenchmarkJoin measures what a section does for one newcomer, burst included, when many come at once.
func BenchmarkJoin(b *testing.B) {
	bench := newBench(b, 1, pairs)
	b.ReportAllocs()
	for b.Loop() {
		near, far := pairs(b)
		bench.hub.seats.Add(1)
		bench.section.taken.Add(1)
		near.depth = uint16(frames(room.DefaultDepth))
		bench.section.budget = bench.section.refill
		bench.section.admit(arrival{seat: &near, hub: bench.hub, from: -1})
		bench.section.close(&near, &bench.section.tally.left)
		unix.Close(far)
	}
}

// BenchmarkFragment measures the making of one fragment.
func BenchmarkFragment(b *testing.B) {
	bench := newBench(b, 1, pairs)
	p := bench.hub.reels[0].presses[mp4]
	b.ReportAllocs()
	from := tape.Number(0)
	for b.Loop() {
		p.sound(from, from+tape.PageFrames)
		from = (from + 1) % 250
	}
}
