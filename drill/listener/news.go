package listener

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
)

// checkEvent says what is wrong with an event that stands in front of sound up to frame end (exclusive), or nil. Kinds and members
// that are not known are right.
func checkEvent(e tape.Event, end tape.Number) error {
	if e.At >= end {
		return fmt.Errorf("a %q event of frame %d stands in front of sound that ends before frame %d", e.Kind, e.At, end)
	}
	if data := bytes.TrimLeft(e.Data, " \t\r\n"); !json.Valid(data) || data[0] != '{' {
		return fmt.Errorf("an event of frame %d is no JSON object", e.At)
	}
	if e.Kind == "" {
		return fmt.Errorf("an event of frame %d has no kind", e.At)
	}
	into, known := map[string]any{
		room.KindRoom:      &room.RoomEvent{},
		room.KindStage:     &room.StageEvent{},
		room.KindSpeaking:  &room.SpeakingEvent{},
		room.KindListening: &room.ListeningEvent{},
		room.KindSeat:      &room.SeatEvent{},
		room.KindMoved:     &room.MovedEvent{},
	}[e.Kind]
	if !known {
		return nil
	}
	if err := json.Unmarshal(e.Data, into); err != nil {
		return fmt.Errorf("a %q event of frame %d cannot be read: %w", e.Kind, e.At, err)
	}
	return nil
}

// news judges a fragment's events and passes them on.
func (l *listening) news(f fragment) {
	end := f.from + tape.Number(len(f.packets))
	if len(f.packets) == 0 {
		end = f.from + 1 // events behind the last sound: From is the last one's frame
	}
	for _, e := range f.events {
		l.report.Events++
		if err := checkEvent(e, end); err != nil {
			l.report.fault("%v", err)
			continue
		}
		e.Data = slices.Clone(e.Data)
		l.heed(e)
		l.notify(Event{Kind: News, Report: l.snapshot(), Room: e})
	}
}
