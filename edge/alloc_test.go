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

func TestNoAllocationPerSeatAndWrite(t *testing.T) {
	perCadence := func(seats int) float64 {
		b := newBench(t, seats, pairs)
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

// What a listener costs on the heap: the seat, and what package net keeps for the connection.
func TestHeapPerSeat(t *testing.T) {
	const seats, most = 1000, 700
	h := open(t, nil)
	h.record(300)
	h.get("/r/harbour/live.mp4") // whatever is made once
	before := heap()
	addr := h.server.Listener.Addr().(*net.TCPAddr)
	for range seats {
		// A bare socket: the clients must not be on the heap that is measured.
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: addr.Port, Addr: [4]byte(addr.IP.To4())})
		if err != nil {
			t.Fatal(err)
		}
		_, err = unix.Write(fd, []byte("GET /r/harbour/live.mp4 HTTP/1.1\r\nHost: test\r\n\r\n"))
		if err != nil {
			t.Fatal(err)
		}
	}
	h.until("a full house", func(s Stats) bool { return s.Seated == seats+1 })
	perSeat := (heap() - before) / seats
	t.Logf("%d bytes a seat", perSeat)
	if perSeat > most {
		t.Errorf("a seat takes %d bytes of heap, want at most %d", perSeat, most)
	}
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
