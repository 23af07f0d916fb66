//go:build linux

package edge

import (
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/tape"
)

// dialNarrow connects with a receive buffer so small that a client which does not read fills up at once.
func (h *house) dialNarrow() net.Conn {
	h.t.Helper()
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 2048) })
	}}
	conn, err := d.Dial("tcp", h.server.Listener.Addr().String())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	return h.secured(conn)
}

const joinMP4 = "GET /r/harbour/live.mp4 HTTP/1.1"

func TestStuckListenerDelaysNobody(t *testing.T) { stuckListenerDelaysNobody(t, open) }

func stuckListenerDelaysNobody(t *testing.T, open opener) {
	h := open(t, func(c *Config) { c.MaxBehind, c.MaxStuck = 2*time.Second, time.Hour })
	h.record(300)
	stuck := ask(t, h.dialNarrow(), joinMP4)
	const good = 200
	var listeners [good]*listener
	var next [good]tape.Number
	for i := range listeners {
		listeners[i] = h.get("/r/harbour/live.mp4")
		next[i] = listeners[i].frame()
	}
	rounds := func(n int) {
		for range n {
			h.play(96)
			// Whatever is due to the others is on their sockets after the tick, in each phase.
			to := h.head - tape.PageFrames + 1
			for i, l := range listeners {
				packets := l.hear(next[i], to)
				checkSound(t, tape.Opus48, next[i], packets)
				next[i] += tape.Number(len(packets))
			}
		}
	}
	for h.edge.Stats().Full == 0 {
		rounds(1)
	}
	rounds(3)
	if s := h.edge.Stats(); s.Stuck != 0 || s.Seats != good+1 {
		t.Errorf("closed before its time: %+v", s)
	}
	h.clock.advance(time.Hour)
	rounds(1)
	if s := h.edge.Stats(); s.Stuck != 1 || s.Gaps != 0 || s.Seats != good || s.Left != 0 {
		t.Errorf("%+v", s)
	}
	stuck.isCut()
}

// A listener who stays behind skips to live: the timeline goes on, with silence for what was missed.
func TestSlowListenerSkipsToLive(t *testing.T) { slowListenerSkipsToLive(t, open) }

func slowListenerSkipsToLive(t *testing.T, open opener) {
	for _, file := range []string{"live.mp4", "live.ogg"} {
		t.Run(file, func(t *testing.T) {
			h := open(t, func(c *Config) { c.MaxBehind, c.MaxStuck = 2*time.Second, time.Hour })
			h.record(300)
			l := ask(t, h.dialNarrow(), "GET /r/harbour/"+file+" HTTP/1.1")
			first := l.frame()
			h.play(2000)
			if s := h.edge.Stats(); s.Full == 0 {
				t.Fatalf("the socket never was full: %+v", s)
			}
			hear := l.hear
			if file == "live.ogg" {
				hear = l.hearOgg
			}
			// The section flushes as the socket drains, without a tick.
			packets := hear(first, 2292)
			silent := 0
			for i, p := range packets {
				n := first + tape.Number(i)
				if string(p) == string(tape.SilencePacket) {
					silent++
				} else if want := packet(tape.Opus48, n); string(p) != string(want) {
					t.Fatalf("frame %d is %q, want %q", n, p, want)
				}
			}
			s := h.edge.Stats()
			if s.Gaps != 1 || int(s.Skipped) != silent || silent < 500 {
				t.Errorf("%d silent frames: %+v", silent, s)
			}
			h.play(96)
			checkSound(t, tape.Opus48, 2292, hear(2292, 2388))
			if s := h.edge.Stats(); s.Gaps != 1 || s.Seats != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A process that was stopped for two minutes does not take its own absence for the listeners': here it stops when its section has
// just asked which sockets are ready, and the listener reads everything meanwhile.
func TestStoppedProcessClosesNobody(t *testing.T) {
	var stopping atomic.Bool
	stopped, goOn := make(chan struct{}), make(chan struct{})
	h := open(t, func(c *Config) {
		c.Sections, c.MaxBehind = 1, time.Hour
		running := c.Now
		c.Now = func() time.Time {
			if stopping.CompareAndSwap(true, false) {
				close(stopped)
				<-goOn
			}
			return running()
		}
	})
	h.record(300)
	conn := h.dialNarrow()
	_, err := io.WriteString(conn, joinMP4+"\r\nHost: test\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	h.until("the seat", func(s Stats) bool { return s.Seats == 1 && s.BytesOut > 0 })
	h.play(2000)
	before := h.edge.Stats()
	if before.Full == 0 {
		t.Fatalf("the socket never was full: %+v", before)
	}
	h.record(12)
	stopping.Store(true)
	var stepped sync.WaitGroup
	stepped.Go(h.step)
	<-stopped
	_, err = io.CopyN(io.Discard, conn, int64(before.BytesOut))
	if err != nil {
		t.Fatal(err)
	}
	h.clock.advance(2 * time.Minute)
	close(goOn)
	stepped.Wait()
	if s := h.edge.Stats(); s.Stuck != 0 || s.Seats != 1 || s.BytesOut == before.BytesOut {
		t.Errorf("%+v", s)
	}
}

// A listener who was away for less than the limit gets everything.
func TestShortStallLosesNothing(t *testing.T) { shortStallLosesNothing(t, open) }

func shortStallLosesNothing(t *testing.T, open opener) {
	h := open(t, func(c *Config) { c.MaxStuck = time.Hour })
	h.record(300)
	l := ask(t, h.dialNarrow(), joinMP4)
	first := l.frame()
	for h.edge.Stats().Full == 0 {
		h.play(12)
	}
	h.play(300)
	to := h.head - 12
	checkSound(t, tape.Opus48, first, l.hear(first, to))
	if s := h.edge.Stats(); s.Gaps != 0 {
		t.Errorf("%+v", s)
	}
}

// A seat that missed more than is kept is cut, and its player joins again.
func TestSeatThatMissedTooMuchIsCut(t *testing.T) {
	h := open(t, nil)
	h.record(300)
	l := h.get("/r/harbour/live.mp4")
	h.head += 10 * resumeFrames // the edge heard nothing for ten minutes
	h.play(24)
	h.until("the cut", func(s Stats) bool { return s.Cut == 1 && s.Seats == 0 })
	l.isCut()
}

// After a shorter loss the seats get silence for what never came.
func TestChannelThatJumpsIsBridgedBySilence(t *testing.T) {
	h := open(t, nil)
	h.record(300)
	l := h.get("/r/harbour/live.mp4")
	first := l.frame()
	h.head += 1000
	h.play(60)
	packets := l.hear(first, 1332)
	for i, p := range packets {
		n := first + tape.Number(i)
		want := packet(tape.Opus48, n)
		if n >= 300 && n < 1300 {
			want = tape.SilencePacket
		}
		// Who stayed behind for the whole of it skips to live, and that may reach beyond the hole.
		if string(p) != string(want) && string(p) != string(tape.SilencePacket) {
			t.Fatalf("frame %d is %q, want %q", n, p, want)
		}
	}
	if s := h.edge.Stats(); s.Lost != 3000 {
		t.Errorf("%d frames lost, want 1000 in each of three variants", s.Lost)
	}
}

func TestListenersWhoMisbehave(t *testing.T) {
	tests := []struct {
		name string
		act  func(*testing.T, net.Conn)
		done func(Stats) bool
	}{
		{"Leaves", func(_ *testing.T, c net.Conn) { c.Close() }, func(s Stats) bool { return s.Left == 1 }},
		{"Resets", func(t *testing.T, c net.Conn) {
			err := c.(*net.TCPConn).SetLinger(0)
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
		}, func(s Stats) bool { return s.Left == 1 }},
		{"ClosesItsSide", func(t *testing.T, c net.Conn) {
			err := c.(*net.TCPConn).CloseWrite()
			if err != nil {
				t.Fatal(err)
			}
		}, func(s Stats) bool { return s.Left == 1 }},
		{"TalksWithoutEnd", func(_ *testing.T, c net.Conn) {
			junk := make([]byte, maxInput+1)
			_, _ = c.Write(junk) // may fail: the seat is closed in the middle of it
		}, func(s Stats) bool { return s.Talkative == 1 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := open(t, nil)
			h.record(300)
			other := h.get("/r/harbour/live.mp4")
			l := h.get("/r/harbour/live.mp4")
			tt.act(t, l.conn)
			h.until("the end of the seat", func(s Stats) bool { return tt.done(s) && s.Seats == 1 })
			h.play(50)
			first := other.frame()
			checkSound(t, tape.Opus48, first, other.hear(first, 300))
		})
	}
}

func TestWhatFollowsTheRequestIsIgnored(t *testing.T) {
	h := open(t, nil)
	h.record(300)
	l := ask(t, h.dial(), joinMP4+"\r\nHost: test\r\nContent-Length: 9999999\r\n\r\n"+"GET / HTTP/1.1\r\n\r\n{}", "X: y")
	first := l.frame()
	_, err := l.conn.Write([]byte("more"))
	if err != nil {
		t.Fatal(err)
	}
	h.until("the input", func(s Stats) bool { return s.BytesIn >= 4 })
	h.play(50)
	checkSound(t, tape.Opus48, first, l.hear(first, 330))
}

// A mass join and leave leaves no descriptor behind.
func TestNoDescriptorIsLeaked(t *testing.T) { noDescriptorIsLeaked(t, open) }

func noDescriptorIsLeaked(t *testing.T, open opener) {
	h := open(t, nil)
	h.record(300)
	h.get("/r/harbour/live.mp4").conn.Close()
	h.until("an empty house", func(s Stats) bool { return s.Seats == 0 })
	runtime.GC()
	before := descriptors(t)
	for range 3 {
		var listeners []*listener
		for range 100 {
			listeners = append(listeners, h.get("/r/harbour/live.ogg"))
		}
		h.play(12)
		for _, l := range listeners {
			l.conn.Close()
		}
		h.until("an empty house", func(s Stats) bool { return s.Seats == 0 })
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
	for _, s := range h.edge.sections {
		s.step() // forgets empty rows
		if len(s.blocks) != 0 {
			t.Errorf("a section keeps %d blocks without seats", len(s.blocks))
		}
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// A network with a long way takes a large write in parts, and is not full for that. One is that has not taken it when the next is due.
func TestSeatIsBehindWhenTheNextWriteFindsTheLastOne(t *testing.T) {
	b := newBench(t, 1, pairs)
	b.cadence()
	b.drain()
	takes := 400
	b.section.write = func(fd int32, p []byte) (int, error) { return send(fd, p[:min(takes, len(p))]) }
	count := func() (offers, behind, full uint64) {
		tally := &b.section.tally
		return tally.offers.Load(), tally.behind.Load(), tally.full.Load()
	}
	offers, behind, full := count()
	for range 3 {
		b.cadence()
		b.drain()
	}
	o, late, short := count()
	if o-offers != 3 || late != behind || short == full {
		t.Errorf("%d offers, %d of them behind, %d short writes, want 3, 0 and some", o-offers, late-behind, short-full)
	}
	takes = 0
	b.cadence()
	_, behind, _ = count()
	b.cadence()
	_, late, _ = count()
	if late != behind+1 {
		t.Errorf("%d offers found the seat behind, want 1", late-behind)
	}
}
