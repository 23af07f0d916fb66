//go:build linux

package edge

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// relayBuffer is how much a relay reads at once, and about how much the kernel holds between section and relay.
const relayBuffer = 16 << 10

// relay carries a seat's bytes to a connection that a section cannot write to itself, such as one under TLS. The section
// writes to one end of a socket pair as to any listener's socket, and the relay copies from the other end with blocking writes. That
// costs two goroutines and two more descriptors, which is why relays are few: monitors on the stage's port.
type relay struct {
	conn  net.Conn
	pipe  *os.File
	stuck time.Duration
	once  sync.Once
}

// sectionEnd is the end of a socket pair that a section writes to.
type sectionEnd int32

// Close implements io.Closer.
func (s sectionEnd) Close() error { return unix.Close(int(s)) }

// newRelay makes a relay to conn and returns it with the section's end. Both are the caller's until the relay runs.
func newRelay(conn net.Conn, stuck time.Duration) (*relay, sectionEnd, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("make a socket pair: %w", err)
	}
	// Little is kept between the two, so that the section sees a listener who stays behind.
	err = unix.SetsockoptInt(pair[0], unix.SOL_SOCKET, unix.SO_SNDBUF, relayBuffer)
	if err != nil {
		unix.Close(pair[0])
		unix.Close(pair[1])
		return nil, 0, fmt.Errorf("set the buffer of a socket pair: %w", err)
	}
	r := &relay{conn: conn, pipe: os.NewFile(uintptr(pair[1]), "relay"), stuck: stuck}
	return r, sectionEnd(pair[0]), nil
}

// run carries until either side is closed.
func (r *relay) run() {
	var listening sync.WaitGroup
	listening.Go(func() {
		// The listener has nothing to say: what arrives is thrown away, and the end of it is his hang-up.
		_, _ = io.Copy(io.Discard, io.LimitReader(r.conn, maxInput))
		r.close()
	})
	buf := make([]byte, relayBuffer)
	for {
		n, err := r.pipe.Read(buf)
		if err != nil {
			break
		}
		// A failed deadline or write is a lost listener.
		_ = r.conn.SetWriteDeadline(time.Now().Add(r.stuck))
		_, err = r.conn.Write(buf[:n])
		if err != nil {
			break
		}
	}
	r.close()
	listening.Wait()
}

// close ends both sides. The section sees it as a hang-up.
func (r *relay) close() {
	r.once.Do(func() {
		_ = r.pipe.Close()
		_ = r.conn.Close()
	})
}
