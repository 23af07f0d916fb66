package demo_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/epidaurus-live/epidaurus/cmd/epidaurus/demo"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
)

// TestVoicesLoopTogether: two voices that are not equally long would drift apart from one round to the next.
func TestVoicesLoopTogether(t *testing.T) {
	host, guest := count(t, demo.Host), count(t, demo.Guest)
	if host != guest {
		t.Errorf("host has %d packets, guest %d", host, guest)
	}
	if host < 120*50 || host > 180*50 {
		t.Errorf("%d packets of 20 ms, want two to three minutes", host)
	}
	for name, file := range map[string][]byte{"host": demo.Host, "guest": demo.Guest} {
		if len(file) > 500_000 {
			t.Errorf("%s has %d bytes, want at most 500,000", name, len(file))
		}
	}
}

// count returns the number of packets of a file, all of which must be 20 ms of mono.
func count(t *testing.T, file []byte) (packets int) {
	t.Helper()
	r := ogg.NewReader(bytes.NewReader(file))
	for {
		p, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.Samples != 960 || p.Trim != 0 {
			t.Fatalf("packet %d has %d samples, of which %d are trimmed", packets, p.Samples, p.Trim)
		}
		packets++
	}
	if c := r.Head().Channels; c != 1 {
		t.Errorf("%d channels, want 1", c)
	}
	return packets
}
