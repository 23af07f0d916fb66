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
	if err != nil || seat != (room.SeatEvent{Kind: room.KindSeat, DepthMS: 4000, CadenceMS: 240, Variant: "opus-48"}) {
		t.Errorf("seat event %+v, %v", seat, err)
	}
}

// An edge that begins to hear in the middle learns the state when the maker repeats it. Who is seated by then is told too.
func TestEventsThatComeLate(t *testing.T) {
	h := open(t, nil)
	h.record(300)
	seated := h.get("/r/harbour/live.mp4")
	h.play(20)
	to := h.feed.to(harbour)
	stage := tape.Event{At: 7, Term: 1, Kind: room.KindStage, Data: []byte(`{"t":"stage","people":[]}`)}
	for range 2 { // repeated, but told once
		to.Event(stage)
		to.Event(tape.Event{At: 310, Term: 1, Kind: room.KindSpeaking, Data: []byte(`{"t":"speaking","ids":["p1"]}`)})
		to.Event(tape.Event{At: 305, Term: 1, Kind: room.KindSpeaking, Data: []byte(`{"t":"speaking","ids":[]}`)}) // not true any more
	}
	h.play(100)
	later := h.get("/r/harbour/live.mp4?from=400")
	h.endRoom()
	told, _ := seated.tell()
	if want := []string{"seat@100", "stage@7", "speaking@310", "room@420"}; !slices.Equal(told, want) {
		t.Errorf("the seated were told %v, want %v", told, want)
	}
	told, _ = later.tell()
	if want := []string{"stage@7", "speaking@310", "seat@400", "room@420"}; !slices.Equal(told, want) {
		t.Errorf("the newcomer was told %v, want %v", told, want)
	}
}

// The end that an older maker announced does not count when a newer one took over before it.
func TestTakeoverTakesTheEndBack(t *testing.T) {
	h := open(t, nil)
	h.record(300)
	l := h.get("/r/harbour/live.mp4")
	first := l.frame()
	h.head += 20
	h.say(room.RoomEvent{Kind: room.KindRoom, ID: harbour, State: room.Ended})
	h.head -= 20
	h.term = 2
	h.feed.to(harbour).Takeover(tape.Takeover{Term: 2, First: 310})
	h.term = 1
	h.play(10)
	h.term = 2
	h.play(100)
	checkSound(t, tape.Opus48, first, l.hear(first, 396))
	h.endRoom()
	l.hear(396, 410)
	l.end()
}

// An end that is told when later frames were sent already ends the answer where it is.
func TestEndThatComesLate(t *testing.T) {
	h := open(t, nil)
	h.record(300)
	l := h.get("/r/harbour/live.mp4")
	h.play(100)
	h.head -= 50
	h.say(room.RoomEvent{Kind: room.KindRoom, ID: harbour, State: room.Ended})
	h.step()
	told, _ := l.tell()
	if want := []string{"seat@100", "room@350"}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

func TestEndsRoom(t *testing.T) {
	for data, want := range map[string]bool{
		`{"t":"room","state":"ended"}`: true,
		`{"t":"room","state":"live"}`:  false,
		`{"t":"room"}`:                 false,
		`{`:                            false,
		``:                             false,
	} {
		if got := endsRoom(tape.Event{Kind: room.KindRoom, Data: []byte(data)}); got != want {
			t.Errorf("%s: %v", data, got)
		}
	}
	if endsRoom(tape.Event{Kind: room.KindStage, Data: []byte(`{"state":"ended"}`)}) {
		t.Error("another kind ends the room")
	}
}
