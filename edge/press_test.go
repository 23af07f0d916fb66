//go:build linux

package edge

import (
	"bytes"
	"testing"

	"github.com/epidaurus-live/epidaurus/tape"
)

// What a seat still has to send stays as it is, however much is made in the meantime. What nobody holds is made into something else.
func TestPressMakesPiecesOfThoseNobodyHolds(t *testing.T) {
	h := open(t, nil)
	h.record(250)
	p := h.edge.hubs[hubKey{harbour, tape.Floor}].reels[0].presses[mp4]
	held, known := p.sound(0, tape.PageFrames), p.sound(12, 12+tape.PageFrames)
	before := bytes.Clone(held.framed)
	again := p.sound(0, tape.PageFrames)
	if again != held {
		t.Error("a piece that was just made is made once more")
	}
	again.release()
	known.release()
	seen := make(map[*piece]bool)
	for i := range tape.Number(3 * recentPieces) {
		made := p.sound(20+i, 20+i+tape.PageFrames)
		seen[made] = true
		made.release()
	}
	if seen[held] || !bytes.Equal(held.framed, before) {
		t.Error("a piece that is held was made into another")
	}
	if !seen[known] {
		t.Error("a piece that nobody holds was not made into another")
	}
	if len(seen) > recentPieces+1 {
		t.Errorf("%d pieces were made anew for a memory of %d", len(seen), recentPieces)
	}
	held.release()
}

// Holders of all kinds let go: once every seat has what there is, nobody holds a piece.
func TestSeatsLetPiecesGo(t *testing.T) {
	b := newBench(t, 3*joinsPerFrame, pairs)
	b.cadence()
	for range tape.PageFrames {
		b.frame() // the listeners take nothing: some pieces stay with their seats
	}
	b.drain()
	b.cadence()
	b.drain()
	p := b.hub.reels[0].presses[mp4]
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, made := range p.recent {
		if made != nil && made.holders.Load() != 0 {
			t.Errorf("piece %d of frames %d to %d is held by %d", i, made.from, made.to, made.holders.Load())
		}
	}
}
