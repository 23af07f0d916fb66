package node

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/epidaurus-live/epidaurus/codec"
	"github.com/epidaurus-live/epidaurus/room"
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
		Log:        n.log.With("part", "tape"), OnState: n.refreshStage,
	})
	if n.rooms != nil {
		n.rooms.tapes = n.tapes
	}
	return err
}

// taped is how the taping of a room goes here, for the people on its stage.
func (n *Node) taped(id room.ID) string {
	if n.tapes == nil {
		return ""
	}
	return string(n.tapes.State(id))
}

func (n *Node) refreshStage(id room.ID) {
	if n.stage != nil {
		n.stage.Refresh(id)
	}
}
