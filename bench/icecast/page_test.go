//go:build linux

package main

import (
	"bytes"
	"testing"

	"github.com/epidaurus-live/epidaurus/bench/internal/frames"
	"github.com/epidaurus-live/epidaurus/pack/ogg"
	"github.com/epidaurus-live/epidaurus/tape"
)

// What Icecast's source sends is an Ogg stream whose packets have the numbers of their frames.
func TestPagesCanBeRead(t *testing.T) {
	book := frames.NewBook(frames.Sizes{80, 80, 80})
	const from, n = tape.Number(480), tape.Number(48)
	stream := ogg.AppendHeaders(nil, 7, ogg.Head{PreSkip: 312})
	stream = appendPage(stream, 7, 2, from, n, book)
	stream = appendPage(stream, 7, 3, from+n, n, book)
	r := ogg.NewReader(bytes.NewReader(stream))
	for want := from; want < from+2*n; want++ {
		p, err := r.Next()
		if err != nil {
			t.Fatalf("frame %d: %v", want, err)
		}
		got := tape.Number(p.End/tape.FrameSamples) - 1
		if got != want || !book.Right(want, p.Data) {
			t.Fatalf("frame %d came as %d with % x", want, got, p.Data[:4])
		}
	}
	if r.Skipped() > 0 {
		t.Errorf("%d bytes were no page", r.Skipped())
	}
}
