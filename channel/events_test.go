package channel

import (
	"strings"
	"testing"

	"github.com/epidaurus-live/epidaurus/room"
)

// What changes twice within a frame is told with the next one: receivers take the first event of a frame and kind, and no other.
func TestSecondChangeOfAFrameIsToldWithTheNext(t *testing.T) {
	t.Parallel()
	s := newEvents(room.Facts{ID: "harbour", State: room.Doors})
	s.restart(7)
	if first := s.at(7, 1); len(first) == 0 || first[0].Kind != room.KindRoom {
		t.Fatalf("said %v", first)
	}
	s.setFacts(room.Facts{ID: "harbour", State: room.Live})
	s.pass(nil, Air{})
	if again := s.at(7, 1); len(again) != 0 {
		t.Fatalf("said %v of the same frame", again)
	}
	next := s.at(8, 1)
	if len(next) != 1 || next[0].At != 8 || next[0].Kind != room.KindRoom || !strings.Contains(string(next[0].Data), "live") {
		t.Fatalf("said %v with the next frame", next)
	}
}
