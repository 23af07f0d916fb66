//go:build linux

package edge

import (
	"net"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/tape"
)

func TestNoAllocationPerSeatAndWrite(t *testing.T) { noAllocationPerSeatAndWrite(t, pairs) }

func TestNoAllocationPerSeatAndWriteUnderTLS(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector empties the pools that crypto/tls keeps its buffers in")
	}
	noAllocationPerSeatAndWrite(t, loopbackTLS(listen(t)))
}

func noAllocationPerSeatAndWrite(t *testing.T, by connect) {
	perCadence := func(seats int) float64 {
		b := newBench(t, seats, by)
		b.cadence()
		b.drain()
		return testing.AllocsPerRun(20, func() {
			b.cadence()
			b.drain()
		})
	}
	// Both have a row for each phase, so both make the same fragments.
	const rows = tape.PageFrames * joinsPerFrame
	few, many := perCadence(rows), perCadence(2*rows)
	if many > few {
		t.Errorf("a cadence allocates %v times with %d seats and %v times with %d", few, rows, many, 2*rows)
	}
	if few > 6*tape.PageFrames {
		t.Errorf("a cadence of %d rows allocates %v times", tape.PageFrames, few)
	}
}

func TestSeatIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(seat{}); size > 96 {
		t.Errorf("a seat takes %d bytes", size)
	}
}

// What a listener costs on the heap: the seat, and what package net keeps for the connection.
func TestHeapPerSeat(t *testing.T) { heapPerSeat(t, open, 700) }

// Most of it is crypto/tls's own: two ciphers, and the buffers that the client's hello was read into.
func TestHeapPerSeatUnderTLS(t *testing.T) { heapPerSeat(t, openTLS, 8500) }

func heapPerSeat(t *testing.T, open opener, most int64) {
	const seats = 1000
	h := open(t, nil)
	h.record(300)
	var fds [seats]int
	fill := func() {
		before := h.edge.Stats().Seated
		for i := range fds {
			fds[i] = h.joinBare()
		}
		h.until("a full house", func(s Stats) bool { return s.Seated == before+seats })
	}
	leave := func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
		h.until("an empty house", func(s Stats) bool { return s.Seats == 0 })
	}
	// The first crowd leaves behind what the runtime and net/http keep for the next one, such as the descriptors of goroutines.
	fill()
	leave()
	before := heap()
	fill()
	perSeat := (heap() - before) / seats
	leave()
	t.Logf("%d bytes a seat", perSeat)
	if perSeat > most {
		t.Errorf("a seat takes %d bytes of heap, want at most %d", perSeat, most)
	}
}

// joinBare takes a seat with a bare socket, which is not on the heap, and returns its descriptor.
func (h *house) joinBare() int {
	h.t.Helper()
	fd := dialBare(h.t, h.server.Listener.Addr().(*net.TCPAddr))
	conn := second(h.t, fd)
	defer conn.Close()
	_, err := h.secured(conn).Write([]byte(joinMP4 + "\r\nHost: test\r\n\r\n"))
	if err != nil {
		h.t.Fatal(err)
	}
	return fd
}

// heap is what is alive on it.
func heap() int64 {
	var m runtime.MemStats
	// The second collection frees what pools still held at the first.
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
