package node

import (
	"errors"

	"github.com/epidaurus-live/epidaurus/api"
	"github.com/epidaurus-live/epidaurus/pack/vtt"
	"github.com/epidaurus-live/epidaurus/replay"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
	"github.com/epidaurus-live/epidaurus/tape/disk"
)

// Caption takes a line of what is said.
func (r *rooms) Caption(id room.ID, c room.Caption, at, until *int64) (api.Captioned, error) {
	running := r.making(id)
	if running == nil {
		return api.Captioned{}, room.ErrNotFound
	}
	taken, err := running.maker.Caption(c, at, until)
	return api.Captioned{Held: taken.Held, Same: taken.Same}, err
}

// SetCaptions corrects the captions of a tape.
func (r *rooms) SetCaptions(id room.ID, language string, cues []vtt.Cue) (int, error) {
	if r.tapes == nil {
		return 0, room.ErrNotFound
	}
	t, err := r.tapes.Tape(id, tape.Floor)
	if err != nil {
		return 0, notFound(err)
	}
	var lines []tape.Caption
	if cues != nil {
		f, _ := r.bus.Facts(id)
		view := t.Cut(tape.Number(f.Life.Edit.From), tape.Number(f.Life.Edit.To))
		if len(view.Spans()) == 0 {
			return 0, room.ErrNotFound
		}
		lines = append([]tape.Caption{}, replay.Placed(taped{View: view}, cues)...)
	}
	return len(lines), notFound(r.tapes.SetCaptions(id, language, lines))
}

func notFound(err error) error {
	if errors.Is(err, disk.ErrNoTape) {
		return room.ErrNotFound
	}
	return err
}
