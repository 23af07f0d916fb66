package node

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/api"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
	"github.com/epidaurus-live/epidaurus/tape/disk"
)

// tracksSettle is how long after its channel's end a track may still be written.
const tracksSettle = 10 * time.Second

// Recording is what is on tape of a room here for its editors. The error wraps room.ErrNotFound where that is nothing, and room.ErrStep while it
// is still taped.
func (r *rooms) Recording(id room.ID) (api.Recording, error) {
	if r.tapes == nil {
		return api.Recording{}, room.ErrNotFound
	}
	floor, err := r.tapes.Tape(id, tape.Floor)
	var tracks []disk.Track
	if err == nil {
		tracks, err = r.tapes.Tracks(id)
	}
	if errors.Is(err, disk.ErrNoTape) {
		err = room.ErrNotFound
	}
	if err != nil {
		return api.Recording{}, err
	}
	open := slices.ContainsFunc(tracks, func(t disk.Track) bool { return !t.Closed() })
	if !floor.Closed() || open && r.now().Sub(floor.Meta().Ended) < tracksSettle {
		return api.Recording{}, room.ErrStep
	}
	return recordingOf(floor, tracks), nil
}

func recordingOf(floor *disk.Tape, tracks []disk.Track) api.Recording {
	spans, whole := floor.Spans(), floor.Cut(0, 0)
	rec := api.Recording{
		From: int64(spans[0].From), To: int64(spans[len(spans)-1].To),
		Mix: api.Track{Open: func() (api.TrackFile, error) { return whole.Ogg(tape.Opus48) }},
	}
	for _, s := range spans {
		rec.Frames += int64(s.Len())
	}
	people := onStage(floor.Events(0, tape.Number(rec.To)), rec.To)
	for _, t := range tracks {
		track := api.Track{Person: t.Person, Open: func() (api.TrackFile, error) { return whole.TrackOgg(t) }}
		if p := people[t.Person]; p != nil {
			track.Name, track.Stage = p.name, p.at
		}
		for _, s := range t.Spans() {
			track.Heard += int64(s.Len())
		}
		rec.Tracks = append(rec.Tracks, track)
	}
	return rec
}

// presence is when somebody was on stage, and by what name last.
type presence struct {
	name string
	at   [][2]int64
}

// onStage reads from the events of a tape who was on stage when. Who is there at its end leaves at frame end.
func onStage(events []tape.Event, end int64) map[room.PersonID]*presence {
	all := map[room.PersonID]*presence{}
	there := map[room.PersonID]bool{}
	for _, e := range events {
		var said room.StageEvent
		if e.Kind != room.KindStage || json.Unmarshal(e.Data, &said) != nil {
			continue
		}
		now := map[room.PersonID]bool{}
		for _, p := range said.People {
			now[p.ID] = true
			if all[p.ID] == nil {
				all[p.ID] = &presence{}
			}
			who := all[p.ID]
			who.name = p.Name
			if !there[p.ID] {
				who.at = append(who.at, [2]int64{int64(e.At), end})
			}
		}
		for id := range there {
			if !now[id] {
				all[id].at[len(all[id].at)-1][1] = int64(e.At)
			}
		}
		there = now
	}
	return all
}
