//go:build linux

package loop

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Every socket has its turn once per round.
func TestTurns(t *testing.T) {
	var near, far []int32
	for range 10 {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(pair[0])
		defer unix.Close(pair[1])
		near, far = append(near, int32(pair[0])), append(far, int32(pair[1]))
	}
	r := Run(Even(near, 4), Plan{Bytes: []byte("bytes"), Step: time.Millisecond, For: 12 * time.Millisecond})
	if r.Writes != 30 || r.Short > 0 || r.Failed > 0 {
		t.Errorf("%+v, want 30 whole writes", r)
	}
	buffer := make([]byte, 100)
	for _, fd := range far {
		n, err := unix.Read(int(fd), buffer)
		if err != nil || n != 15 {
			t.Errorf("a socket got %d bytes, want 15: %v", n, err)
		}
	}
}
