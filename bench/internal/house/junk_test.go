//go:build linux

package house

import (
	"bytes"
	"fmt"
	"net/http/httputil"
	"testing"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/frames"
	"github.com/epidaurus-live/epidaurus/pack/fmp4"
	"github.com/epidaurus-live/epidaurus/tape"
)

// What the bare loop writes between fragments is as long as they are, and a player who parses everything skips it.
func TestJunkIsSkipped(t *testing.T) {
	h := &house{book: frames.NewBook(frames.Usual)}
	junk := h.junk(Bare{Interval: 960 * time.Millisecond, Variant: 1})
	var packets [][]byte
	for i := range 48 {
		packets = append(packets, h.book.Packet(1, tape.Number(48+i)))
	}
	fragment := fmp4.AppendFragment(nil, 48, packets, nil)
	chunk := func(b []byte) []byte { return fmt.Appendf(nil, "%x\r\n%s\r\n", len(b), b) }
	if len(junk) != len(chunk(fragment)) {
		t.Errorf("the junk has %d bytes, a fragment %d", len(junk), len(chunk(fragment)))
	}
	stream := bytes.Join([][]byte{chunk(fmp4.Init(312)), junk, chunk(fragment), junk, junk}, nil)
	r := fmp4.NewReader(httputil.NewChunkedReader(bytes.NewReader(stream)))
	f, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if f.From != 48 || len(f.Packets) != 48 {
		t.Errorf("%d packets came from frame %d on", len(f.Packets), f.From)
	}
}
