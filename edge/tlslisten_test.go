//go:build linux

package edge

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// hello is the first flight of a client of ours.
func hello(t testing.TB) []byte {
	t.Helper()
	near, far := net.Pipe()
	defer far.Close()
	go tls.Client(near, clientTLS(t)).Handshake() // ends when far is closed
	buf := make([]byte, 1<<14)
	n, err := far.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

// Clients that begin a handshake and leave it there hold nothing that an honest one needs, be it that the server waits for the rest of
// their first flight or for their answer to its own.
func TestHalfOpenHandshakesDelayNobody(t *testing.T) {
	h := open(t, nil)
	h.record(300)
	h.server.Close()
	h.server = serveTLS(t, h.edge.Handler(), serverTLS(t), 1)
	h.client = clientTLS(t)
	whole := hello(t)
	const halfOpen = 1000
	conns := make([]net.Conn, halfOpen)
	for i := range conns {
		conn, err := net.Dial("tcp", h.server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		flight := whole
		if i%2 == 0 {
			flight = whole[:len(whole)/2]
		}
		_, err = conn.Write(flight)
		if err != nil {
			t.Fatal(err)
		}
		conns[i] = conn
	}
	// The last of those that get an answer has it: all of them have had the only slot.
	_, err := io.ReadFull(conns[halfOpen-1], make([]byte, 100))
	if err != nil {
		t.Fatal(err)
	}
	l := h.get("/r/harbour/live.mp4")
	first := l.frame()
	h.play(24)
	l.hear(first, 312)
}

// A handshake that waits for a slot fails at its time, and one that is given up gives its slot back.
func TestHandshakeWaitsForASlotWithinItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slots := make(chan struct{}, 1)
		one := &shake{slots: slots, deadline: time.Now().Add(handshakeLimit)}
		err := one.take()
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		two := &shake{slots: slots, deadline: began.Add(time.Second)}
		err = two.take()
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		three := &shake{slots: slots, deadline: began.Add(handshakeLimit)}
		waited := make(chan error)
		go func() { waited <- three.take() }()
		synctest.Wait()
		three.end() // closed while it waits
		one.end()
		one.end()
		err = <-waited
		if err != nil || len(slots) != 0 {
			t.Errorf("%v, and %d slots are taken for ever", err, len(slots))
		}
	})
}

// A client who goes on for ever with his handshake is cut at its limit, whatever the server's own limits are.
func TestHandshakeHasALimit(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	watched := &deadlines{Conn: near}
	began := time.Now()
	conn := tlsServer(watched, serverTLS(t), nil)
	defer conn.Close()
	limit := watched.last
	if limit.Before(began.Add(handshakeLimit-time.Second)) || limit.After(time.Now().Add(handshakeLimit)) {
		t.Fatalf("the limit is %v after the beginning", limit.Sub(began))
	}
	for _, ask := range []time.Time{began.Add(time.Second), began.Add(time.Hour)} {
		err := conn.SetReadDeadline(ask)
		if err != nil {
			t.Fatal(err)
		}
		want := ask
		if ask.After(limit) {
			want = limit
		}
		if !watched.last.Equal(want) {
			t.Errorf("asked for %v, got %v", ask.Sub(began), watched.last.Sub(began))
		}
	}
	err := conn.SetReadDeadline(time.Time{}) // as net/http does when the handshake is over
	if err == nil {
		err = conn.SetReadDeadline(began.Add(time.Hour))
	}
	if err != nil || !watched.last.Equal(began.Add(time.Hour)) {
		t.Errorf("%v: the limit still holds after the handshake", err)
	}
}

// deadlines notes the last deadline for reads.
type deadlines struct {
	net.Conn
	last time.Time
}

func (d *deadlines) SetDeadline(t time.Time) error {
	d.last = t
	return nil
}

func (d *deadlines) SetReadDeadline(t time.Time) error { return d.SetDeadline(t) }

// A handler that waits holds no slot, although its handshake's last read took one.
func TestHandlerHoldsNoSlot(t *testing.T) {
	inside, goOn := make(chan struct{}), make(chan struct{})
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		inside <- struct{}{}
		<-goOn
	})
	server := serveTLS(t, handler, serverTLS(t), 1)
	client := clientTLS(t)
	for range 3 {
		conn, err := tls.Dial("tcp", server.Listener.Addr().String(), client)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
		if err != nil {
			t.Fatal(err)
		}
		<-inside
	}
	close(goOn)
}
