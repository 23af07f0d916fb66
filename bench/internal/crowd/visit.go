//go:build linux

package crowd

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
)

// visit is a listener with a goroutine: it shakes hands by TLS, and it may take everything apart. One that throws away is handed to the
// epoll when it is seated.
func (p *crowd) visit(i int, due time.Duration, parses bool) {
	conn, err := p.dial(i, parses)
	if err != nil {
		p.fail(reason(err))
		return
	}
	defer conn.Close()
	stream := net.Conn(conn)
	if p.config.TLS != "" {
		secure := tls.Client(conn, p.tickets[i%len(p.tickets)].config(p.config.TLS == "resumed"))
		err = secure.HandshakeContext(context.Background())
		if err != nil {
			p.fail(reason(err))
			return
		}
		if secure.ConnectionState().DidResume {
			p.resumed_.Add(1)
		}
		stream = secure
	}
	_, err = stream.Write(p.request(i))
	if err != nil {
		p.fail(reason(err))
		return
	}
	if parses {
		p.parse(stream, due, strings.Contains(p.config.Paths[i%len(p.config.Paths)], ".ogg"))
		return
	}
	err = p.await(stream)
	if err != nil {
		p.fail(reason(err))
		return
	}
	p.hand(conn, i, due)
}

// joinTimeout is when a listener gives up, so that every join of a bench settles.
const joinTimeout = 30 * time.Second

func (p *crowd) dial(i int, parses bool) (*net.TCPConn, error) {
	from := source(p.config.Index, i, parses)
	d := net.Dialer{
		LocalAddr: &net.TCPAddr{IP: net.IP(from[:])}, Timeout: joinTimeout, KeepAlive: -1,
		Control: func(_, _ string, raw syscall.RawConn) (err error) {
			outer := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1) })
			return errors.Join(err, outer)
		},
	}
	conn, err := d.Dial("tcp4", p.targets[i%len(p.targets)].String())
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), conn.SetDeadline(time.Now().Add(joinTimeout))
}

// reason names an error without what is different each time.
func reason(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}

// await reads until sound came.
func (p *crowd) await(stream net.Conn) error {
	buffer, have := make([]byte, 32<<10), 0
	for {
		n, err := stream.Read(buffer[have:])
		p.bytes.Add(int64(n))
		have += n
		switch {
		case have >= 12 && !answersOK(buffer[:have]):
			return errors.New(status(buffer[:have]))
		case strings.Contains(string(buffer[:have]), p.config.Mark):
			return nil
		case err != nil:
			return err
		case have == len(buffer):
			have = copy(buffer[12:], buffer[have-3:]) + 12 // the status stays, and where the mark may begin
		}
	}
}

// hand gives the socket of a seated listener to the epoll, under another descriptor since this one belongs to Go's own.
func (p *crowd) hand(conn *net.TCPConn, i int, due time.Duration) {
	raw, err := conn.SyscallConn()
	fd := -1
	if err == nil {
		var failed error
		err = raw.Control(func(f uintptr) { fd, failed = unix.FcntlInt(f, unix.F_DUPFD_CLOEXEC, 0) })
		err = errors.Join(err, failed)
	}
	if err != nil {
		p.fail(err.Error())
		return
	}
	_ = conn.Close()
	p.mu.Lock()
	p.taken = append(p.taken, listener{due: due, fd: int32(fd), i: int32(i), state: seated})
	p.mu.Unlock()
	p.seat(time.Since(p.begin) - due)
}

// parse takes a whole stream apart: frames must follow each other, and be what they should be.
func (p *crowd) parse(stream net.Conn, due time.Duration, isOgg bool) {
	resp, err := http.ReadResponse(bufio.NewReader(stream), nil)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", resp.StatusCode)
	}
	if err != nil {
		p.fail(reason(err))
		return
	}
	next, seatedAt := tape.Number(-1), false
	heard := func(from tape.Number, packets [][]byte) {
		if !seatedAt {
			seatedAt = true
			p.seat(time.Since(p.begin) - due)
			p.parsing.Add(1)
			_ = stream.SetDeadline(time.Time{})
		}
		if next >= 0 && from != next || !p.right(from, packets) {
			p.gaps.Add(1)
		}
		next = from + tape.Number(len(packets))
		p.frames.Add(int64(len(packets)))
	}
	body := io.Reader(countingReader{resp.Body, &p.bytes})
	if isOgg {
		err = hearOgg(body, heard)
	} else {
		err = hearMP4(body, heard)
	}
	if !seatedAt {
		p.fail(reason(err))
		return
	}
	p.parsing.Add(-1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.report.Lost++
}

func (p *crowd) right(from tape.Number, packets [][]byte) bool {
	if !p.config.Content {
		return true
	}
	for i, packet := range packets {
		if !p.book.Right(from+tape.Number(i), packet) {
			return false
		}
	}
	return true
}

func hearMP4(body io.Reader, heard func(tape.Number, [][]byte)) error {
	r := fmp4.NewReader(body)
	for {
		f, err := r.Next()
		if err != nil {
			return err
		}
		if len(f.Packets) > 0 {
			heard(f.From, f.Packets)
		}
	}
}

func hearOgg(body io.Reader, heard func(tape.Number, [][]byte)) error {
	r := ogg.NewReader(body)
	for {
		packet, err := r.Next()
		if err != nil {
			return err
		}
		heard(tape.Number(packet.End/tape.FrameSamples)-1, [][]byte{packet.Data})
	}
}

type countingReader struct {
	io.Reader
	n *atomic.Int64
}

func (r countingReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	r.n.Add(int64(n))
	return n, err
}
