//go:build linux

package edge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// tell reads to the end of the answer and returns its events as kind@frame.
func (l *listener) tell() (told []string, events []tape.Event) {
	l.t.Helper()
	for {
		f, err := l.mp4.Next()
		for _, e := range f.Events {
			told = append(told, fmt.Sprintf("%s@%d", e.Kind, e.At))
			events = append(events, e)
		}
		if errors.Is(err, io.EOF) {
			return told, events
		}
		if err != nil {
			l.t.Fatal(err)
		}
	}
}

func TestEvents(t *testing.T) {
	h := open(t, nil)
	speaking := func(ids ...room.PersonID) { h.say(room.SpeakingEvent{Kind: room.KindSpeaking, IDs: ids}) }
	h.say(room.RoomEvent{Kind: room.KindRoom, ID: harbour, Title: "Harbour talk", State: room.Live})
	h.record(50)
	speaking("p1")
	h.record(250)
	speaking("p2") // at 300, the first frame of the answer below
	h.record(10)
	speaking()
	h.record(12)
	l := h.get("/r/harbour/live.mp4?from=300")
	h.play(20)
	h.say(room.StageEvent{Kind: room.KindStage})
	h.play(3)
	h.endRoom()
	told, events := l.tell()
	want := []string{"room@0", "seat@300", "speaking@300", "speaking@310", "stage@342", "room@345"}
	if !slices.Equal(told, want) {
		t.Fatalf("told %v, want %v", told, want)
	}
	var seat room.SeatEvent
	err := json.Unmarshal(events[slices.Index(told, "seat@300")].Data, &seat)
	if err != nil || seat != (room.SeatEvent{Kind: room.KindSeat, DepthMS: 4000, CadenceMS: 240}) {
		t.Errorf("seat event %+v, %v", seat, err)
	}
}
