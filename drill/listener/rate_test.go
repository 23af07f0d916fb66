package listener

import (
	"testing"
	"time"
)

// TestRate: bytes count for five seconds, and memory does not grow with the number of arrivals.
func TestRate(t *testing.T) {
	var r rate
	for at := time.Duration(0); at < 10*time.Second; at += time.Millisecond {
		r.add(at, 5)
	}
	if got := r.bitsPerSecond(10 * time.Second); got < 39_500 || got > 40_500 {
		t.Errorf("%.0f bit/s, want 40,000", got)
	}
	if len(r.arrivals) > 251 {
		t.Errorf("%d arrivals are kept", len(r.arrivals))
	}
	if got := r.bitsPerSecond(15 * time.Second); got != 0 || r.bytes != 0 {
		t.Errorf("%.0f bit/s after silence", got)
	}
}
