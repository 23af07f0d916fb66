//go:build linux

package edge

import (
	"reflect"
	"testing"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// reach is what an edge says of its segments, without the bell.
func (h *house) reach(v tape.Variant) tape.Reach {
	h.t.Helper()
	r, ok := h.edge.Segments(harbour, tape.Floor, v)
	if !ok {
		h.t.Fatal("the room is not heard")
	}
	r.Moved = nil
	return r
}

// Two edges, of which one was opened later and loses frames, give the same segments, as soon as they are sealed.
func TestSegmentsOfTwoEdges(t *testing.T) {
	w := newTown()
	whole := w.open(t, nil)
	for n := tape.Number(50); n < 300; n++ {
		bring(n, nil, whole)
	}
	late := w.open(t, nil)
	for n := tape.Number(300); n < 700; n++ {
		bring(n, nil, whole)
		bring(n, func(tape.Variant) bool { return n%17 != 0 }, late)
	}
	for _, h := range []*house{whole, late} {
		if got, want := h.reach(tape.Opus24), (tape.Reach{First: 1, End: 7, Head: 700}); got != want {
			t.Errorf("at frame 700 it has %+v, want %+v", got, want)
		}
		h.seal(672, 700) // where the room ends
		h.fetched()
		h.endRoom()
		if got, want := h.reach(tape.Opus24), (tape.Reach{First: 1, End: 8, Head: 700, Over: true}); got != want {
			t.Errorf("at the end it has %+v, want %+v", got, want)
		}
	}
	for _, v := range tape.Variants {
		for k := tape.Number(1); k < 8; k++ {
			one, sealed, ok := whole.edge.Segment(harbour, tape.Floor, v, k)
			other, alsoSealed, alsoOK := late.edge.Segment(harbour, tape.Floor, v, k)
			if !ok || !alsoOK || !sealed || !alsoSealed || !reflect.DeepEqual(one, other) || len(one) != min(96, int(700-k*96)) {
				t.Errorf("segment %d of %s: %d and %d packets, there %v and %v, sealed %v and %v", k, v, len(one), len(other), ok, alsoOK, sealed, alsoSealed)
			}
		}
	}
	for _, k := range []tape.Number{-1, 0, 8} { // of the first there are only some frames
		if _, _, ok := whole.edge.Segment(harbour, tape.Floor, tape.Opus48, k); ok {
			t.Errorf("there is a segment %d", k)
		}
	}
}

// What there is of the segment in the making is given too, and who waits is told of each part of it.
func TestPartsOfSegments(t *testing.T) {
	h := open(t, nil)
	h.record(96)
	h.seal(0, 96)
	for part := range tape.Number(3) {
		reach, _ := h.edge.Segments(harbour, tape.Floor, tape.Opus24)
		if reach.End != 1 || reach.Head != 96+part*tape.GroupFrames {
			t.Fatalf("before part %d it has %+v", part, reach)
		}
		h.record(tape.GroupFrames)
		select {
		case <-reach.Moved:
		default:
			t.Errorf("part %d is there, and who waits is told nothing", part)
		}
	}
	at := tape.Stretch{From: 90, To: 96 + 3*tape.GroupFrames}
	packets, ok := h.edge.Packets(harbour, tape.Floor, tape.Opus24, at)
	if !ok || len(packets) != at.Len() {
		t.Errorf("of %v there are %d packets, %v", at, len(packets), ok)
	}
	for _, at := range []tape.Stretch{{From: -1, To: 5}, {From: 96, To: at.To + 1}} {
		if packets, ok := h.edge.Packets(harbour, tape.Floor, tape.Opus24, at); ok {
			t.Errorf("of %v there are %d packets", at, len(packets))
		}
	}
}

// What nobody vouches for is given late, and never as what it is for ever. Who waits for it is told.
func TestSegmentsWithoutASeal(t *testing.T) {
	h := open(t, nil)
	h.record(96)
	reach, _ := h.edge.Segments(harbour, tape.Floor, tape.Opus48)
	if reach.End != 0 {
		t.Fatalf("without a seal it has %+v", reach)
	}
	h.record(sealPatience)
	select {
	case <-reach.Moved:
	default:
		t.Error("who waits is told nothing")
	}
	if got, want := h.reach(tape.Opus48), (tape.Reach{End: 1, Head: 96 + sealPatience}); got != want {
		t.Errorf("later it has %+v, want %+v", got, want)
	}
	packets, sealed, ok := h.edge.Segment(harbour, tape.Floor, tape.Opus48, 0)
	if !ok || sealed || len(packets) != 96 {
		t.Errorf("%d packets, sealed %v, there %v", len(packets), sealed, ok)
	}
	// What was told of stays, though a new maker takes over before its end.
	h.term = 2
	h.feed.to(harbour).Takeover(tape.Takeover{Term: 2, First: 90})
	if got, want := h.reach(tape.Opus48), (tape.Reach{End: 1, Head: 96 + sealPatience}); got != want {
		t.Errorf("after a takeover it has %+v, want %+v", got, want)
	}
	if packets, sealed, ok := h.edge.Segment(harbour, tape.Floor, tape.Opus48, 0); !ok || sealed || len(packets) != 96 {
		t.Errorf("after a takeover: %d packets, sealed %v, there %v", len(packets), sealed, ok)
	}
	if _, ok := h.edge.Segments("nowhere", tape.Floor, tape.Opus48); ok {
		t.Error("a room that does not exist is heard")
	}
}

// A room is heard for who pulls from its doors on: before them nobody subscribes to anything.
func TestSegmentsBeforeTheDoors(t *testing.T) {
	h := open(t, nil)
	const garden = room.ID("garden")
	for _, state := range []room.State{room.Draft, room.Announced, room.Ended, room.Doors} {
		h.rooms.set(room.Facts{ID: garden, State: state})
		_, ok := h.edge.Segments(garden, tape.Floor, tape.Opus48)
		heard := h.edge.hubOf(hubKey{garden, tape.Floor}) != nil
		if want := state == room.Doors; ok != want || heard != want {
			t.Errorf("%s: given %v, heard %v", state, ok, heard)
		}
	}
}
