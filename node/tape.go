package node

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/cast"
	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/internal/problem"
	"github.com/epidaurus-live/epidaurus/replay"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/tape"
	"github.com/epidaurus-live/epidaurus/tape/disk"
)

// tapes reports whether this node tapes.
func (c *Config) tapes() bool { return c.Tape == "on" || c.Tape != "off" && c.has(roleStage) }

// tapeMax is TapeMax in bytes; 0: no limit.
func (c *Config) tapeMax() (int64, error) {
	text := strings.ToLower(c.TapeMax)
	if text == "" {
		return 0, nil
	}
	for _, unit := range []struct {
		name  string
		bytes float64
	}{{"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12}} {
		number, ok := strings.CutSuffix(text, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err == nil && n > 0 && n*unit.bytes < 1e18 {
			return int64(n * unit.bytes), nil
		}
	}
	return 0, fmt.Errorf("%q is no size: write one such as 500MB, 100GB or 2TB", c.TapeMax)
}

// openTapes makes what tapes rooms, and finds what was taped.
func (n *Node) openTapes() (err error) {
	if !n.cfg.tapes() {
		return nil
	}
	most, err := n.cfg.tapeMax()
	if err != nil {
		return err
	}
	n.tapes, err = disk.Open(disk.Config{
		Dir: n.data.file("tape"), Bus: n.bus, PreSkip: codec.OpusPreSkip, Keep: n.cfg.TapeKeep, Max: most,
		NewDecoder: func() (disk.Decoder, error) { return codec.NewOpusDecoder() },
		Log:        n.log.With("part", "tape"), OnState: n.refreshStage, OnDelete: n.forgetTape,
		NewTranscoder: transcoder(), OnUnits: n.publishUnits,
	})
	if n.rooms != nil {
		n.rooms.tapes = n.tapes
	}
	return err
}

// tapeState is how the taping of a room goes here, for the people on its stage: they know that it will be taped before they speak.
func (n *Node) tapeState(id room.ID) string {
	if n.tapes != nil {
		if state := n.tapes.State(id); state != disk.Off {
			return string(state)
		}
	}
	f, _ := n.bus.Facts(id)
	if f.Tape == room.TapeOn && f.State != room.Ended {
		return "planned"
	}
	return ""
}

func (n *Node) refreshStage(id room.ID) {
	if n.stage != nil {
		n.stage.Refresh(id)
	}
	if n.rooms != nil {
		n.rooms.posted(id, n.hasReplay)
	}
}

// forgetTape removes what was made of a tape that is gone, and published. It does not wait for the latter.
func (n *Node) forgetTape(id room.ID) {
	n.replay.Forget(id)
	n.cast.Forget(id)
	n.unpublish(id)
}

// newReplay makes what serves tapes to listeners.
func (n *Node) newReplay() *replay.Handler {
	return replay.New(replay.Config{
		Facts: n.bus.Facts, PreSkip: codec.OpusPreSkip, M4A: codec.HasAAC, Log: n.log.With("part", "replay"),
		Tape: func(id room.ID, ch tape.Channel) (replay.Tape, error) {
			t, err := n.tapeOf(id, ch)
			return n.tapedOf(id, t), err
		},
	})
}

// castConfig is how rooms are given as HLS.
func (n *Node) castConfig() cast.Config {
	cfg := cast.Config{
		Facts: n.bus.Facts, Live: n.edge, Epoch: n.bus.Epoch, PreSkip: codec.OpusPreSkip, Log: n.log.With("part", "hls"),
		Tape: func(id room.ID, ch tape.Channel) (cast.Tape, error) { return n.tapeOf(id, ch) },
	}
	if codec.HasAAC {
		cfg.NewTranscoder = func() (cast.Transcoder, error) { return codec.NewSegmentEncoder() }
	}
	return cfg
}

// tapeOf finds what may be heard of a tape. The error wraps room.ErrNotFound where this node has none.
func (n *Node) tapeOf(id room.ID, ch tape.Channel) (*disk.View, error) {
	f, known := n.bus.Facts(id)
	if n.tapes == nil || known && f.State == room.Ended && !f.ShowsReplay() {
		return nil, room.ErrNotFound
	}
	t, err := n.tapes.Tape(id, ch)
	if errors.Is(err, disk.ErrNoTape) {
		err = room.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	view := t.Cut(tape.Number(f.Life.Edit.From), tape.Number(f.Life.Edit.To))
	if len(view.Spans()) == 0 {
		return nil, room.ErrNotFound // the bounds leave nothing
	}
	return view, nil
}

// Taped is which frames of a room are on tape here, whatever of it may be heard.
func (r *rooms) Taped(id room.ID) (first, last int64, ok bool) {
	if r.tapes == nil {
		return 0, 0, false
	}
	t, err := r.tapes.Tape(id, tape.Floor)
	if err != nil {
		return 0, 0, false
	}
	spans := t.Spans()
	return int64(spans[0].From), int64(spans[len(spans)-1].To), true
}

// hasReplay reports whether a room is over, and can be heard again here.
func (n *Node) hasReplay(id room.ID) bool {
	f, ok := n.bus.Facts(id)
	if !ok || !f.ShowsReplay() {
		return false
	}
	_, err := n.tapeOf(id, tape.Floor)
	return err == nil
}

// taped gives a tape's files under the names of who serves them.
type taped struct {
	*disk.View
	press func() disk.Pressing // asks for AAC that is not there yet
}

// tapedOf is a tape of this node.
func (n *Node) tapedOf(id room.ID, v *disk.View) taped {
	return taped{v, func() disk.Pressing { return n.tapes.Press(id) }}
}

func (t taped) Ogg(v tape.Variant) (replay.File, error)   { return t.View.Ogg(v) }
func (t taped) Movie(v tape.Variant) (replay.File, error) { return t.View.Movie(v) }
func (t taped) Clip(v tape.Variant, at tape.Stretch) (replay.File, error) {
	f, err := t.View.Clip(v, at)
	if errors.Is(err, disk.ErrNoTape) {
		err = room.ErrNotFound
	}
	return f, err
}

// HasUnits implements replay.Tape.
func (t taped) HasUnits() bool { return codec.HasAAC && t.View.HasUnits() }

// Units implements replay.Tape.
func (t taped) Units() (replay.Units, error) {
	if !codec.HasAAC {
		return replay.Units{}, errNoAAC
	}
	u, err := t.View.Units(newTranscoder)
	if errors.Is(err, disk.ErrUnmade) {
		return replay.Units{}, unmade(t.press())
	}
	return unitsOf(u, err)
}

// ClipUnits implements replay.Tape.
func (t taped) ClipUnits(at tape.Stretch) (replay.Units, error) {
	if !codec.HasAAC {
		return replay.Units{}, errNoAAC
	}
	return unitsOf(t.View.ClipUnits(at, newTranscoder))
}

func unitsOf(u *disk.Units, err error) (replay.Units, error) {
	switch {
	case errors.Is(err, disk.ErrNoTape):
		return replay.Units{}, room.ErrNotFound
	case err != nil:
		return replay.Units{}, err
	}
	return replay.Units{Sizes: u.Sizes, Skip: u.Skip, Samples: u.Samples, Sound: u.Sound}, nil
}

func newTranscoder() (disk.Transcoder, error) { return codec.NewSegmentEncoder() }

// transcoder is what makes AAC of tapes; nil where this program has none.
func transcoder() func() (disk.Transcoder, error) {
	if !codec.HasAAC {
		return nil
	}
	return newTranscoder
}

var errNoAAC = problem.New(problem.NotOffered, "This server was built without AAC: it has no M4A. Take Ogg Opus.")

// How long who asks for an M4A that is being made is told to wait: by how much is to be done, at this speed.
const (
	pressFrames  = 1600 // a second; measured on one core, docs/TAPE.md
	pressWait    = 5 * time.Second
	pressWaitMax = 10 * time.Minute
)

// unmade says how the making of an M4A goes.
func unmade(p disk.Pressing) error {
	q := problem.New(problem.Busy, "The M4A of this replay is being made. Until it is there, take Ogg Opus.")
	q.RetryAfter = min(pressWaitMax, pressWait+time.Duration(p.Of-p.Done)*time.Second/pressFrames)
	switch {
	case !p.Waiting:
		return problem.New(problem.NotFound, "There is no M4A of this replay. Take Ogg Opus.")
	case p.Err != nil:
		q.Detail, q.RetryAfter = "The M4A of this replay cannot be made now: the server's disk does not take it. It is tried again; until then, take Ogg Opus.", pressWaitMax/2
	case p.Of > 0:
		q.Detail = fmt.Sprintf("The M4A of this replay is being made: %d %% of it is there. Until then, take Ogg Opus.", 100*p.Done/p.Of)
	}
	return q
}
