package stage

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

var firstCheck = []byte{0, 100, 0, 1, 0, 80, 0x21, 0x12, 0xA4, 0x42}

func TestClassify(t *testing.T) {
	tests := []struct {
		name string
		in   []byte
		want protocol
	}{
		{"nothing", nil, undecided},
		{"TLS", []byte{22, 3, 1}, web},
		{"HTTP", []byte("G"), web},
		{"HTTP/2 by prior knowledge", []byte("PRI *"), web},
		{"half a check", firstCheck[:9], undecided},
		{"a check", firstCheck, media},
		{"a long check", append([]byte{1, 0xff}, firstCheck[2:]...), media},
		{"too long a check", append([]byte{2, 1}, firstCheck[2:]...), web},
		{"too short a check", append([]byte{0, 19}, firstCheck[2:]...), junk},
		{"another cookie", append(firstCheck[:9:9], 0x43), junk},
		{"an answer to a check", []byte{0, 100, 1, 1, 0, 80, 0x21, 0x12, 0xA4, 0x42}, junk},
	}
	for _, tt := range tests {
		if got := classify(tt.in); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// However the bytes are cut, the verdict is the same, and it comes after ten bytes at the latest.
func FuzzClassify(f *testing.F) {
	f.Add(firstCheck)
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Add([]byte{22, 3, 1, 0, 200})
	f.Add([]byte{0, 3, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Fuzz(func(t *testing.T, in []byte) {
		verdict := undecided
		for n := range in {
			got := classify(in[:n+1])
			if verdict != undecided && got != verdict {
				t.Fatalf("%x: %d after %d", in[:n+1], got, verdict)
			}
			verdict = got
		}
		if len(in) >= sniffBytes && verdict == undecided {
			t.Fatalf("%x: undecided", in)
		}
	})
}

func newSplitter(t *testing.T, limit int, timeout time.Duration) (s *splitter, dial func([]byte) net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s = &splitter{
		Listener: ln, media: newConnQueue(1), timeout: timeout, limit: limit, web: make(chan net.Conn), done: make(chan struct{}),
	}
	s.wg.Go(s.accept)
	t.Cleanup(func() {
		err := errors.Join(s.media.Close(), s.Close())
		if err != nil {
			t.Error(err)
		}
	})
	return s, func(first []byte) net.Conn {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, err = conn.Write(first)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
}

// Each connection comes out on its side, with every byte that was read to tell it.
func TestSplit(t *testing.T) {
	s, dial := newSplitter(t, 8, time.Minute)
	for range 3 {
		for _, tt := range []struct {
			first  []byte
			accept func() (net.Conn, error)
		}{
			{[]byte("GET / HTTP/1.1\r\n\r\n"), s.Accept},
			{bytes.Join([][]byte{firstCheck, make([]byte, 92)}, nil), s.media.Accept},
		} {
			dial(tt.first)
			conn, err := tt.accept()
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, len(tt.first))
			_, err = io.ReadFull(conn, got)
			if err != nil || !bytes.Equal(got, tt.first) {
				t.Errorf("read %q, %v", got, err)
			}
			_ = conn.Close()
		}
	}
}

func TestSplitBounds(t *testing.T) {
	s, dial := newSplitter(t, 2, time.Minute)
	silent := dial(nil)
	dial(nil)
	eventually(t, "two are silent", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.sniffing) == 2 })
	dial(nil)
	_, err := silent.Read(make([]byte, 1))
	if err == nil {
		t.Error("the connection that was silent longest is still open")
	}
	dial([]byte("GET"))
	conn, err := s.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	eventually(t, "none waits for Accept", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.passing == 0 })
	for range 2 {
		dial([]byte("GET"))
	}
	eventually(t, "two wait for Accept", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.passing == 2 })
	_, err = dial([]byte("GET")).Read(make([]byte, 1))
	if err == nil {
		t.Error("one connection too many waits for Accept")
	}
	for range 2 {
		conn, err := s.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}

	check := bytes.Join([][]byte{firstCheck, make([]byte, 92)}, nil)
	dial(check)
	first, err := s.media.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_, err = dial(check).Read(make([]byte, 1)) // one more than the queue has room for
	if err == nil {
		t.Error("one media connection too many is open")
	}
	_ = first.Close()
	dial(check)
	next, err := s.media.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = next.Close()
}

func TestSplitTimeout(t *testing.T) {
	_, dial := newSplitter(t, 2, 10*time.Millisecond)
	_, err := dial(firstCheck[:5]).Read(make([]byte, 1))
	if err == nil {
		t.Error("a connection that stops in the middle stays open")
	}
}
