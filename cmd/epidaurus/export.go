package main

import (
	"cmp"
	"fmt"

	"github.com/epidaurus-live/epidaurus/node"
	"github.com/epidaurus-live/epidaurus/room"
)

type exportCommand struct {
	Room string `arg:"" help:"The room's name, which stands in its link behind /r/."`
	Data string `help:"Folder of the server. Default: ${default}." default:"data" placeholder:"DIR"`
	To   string `help:"Folder to make, or file that ends with .zip; default: the room's name." placeholder:"PATH"`
}

// Help is shown by export --help.
func (exportCommand) Help() string {
	return `Writes the replay of a room that has ended, as its host has cut and named it: page, sound (Ogg Opus), waveform, chapters, captions, who spoke when. The page plays when it is opened from the folder and from any web server, and asks nobody for anything. The server may be running.

Examples:
  epidaurus export harbour-talk-k3f9x2
  epidaurus export harbour-talk-k3f9x2 --data /var/lib/epidaurus --to harbour.zip`
}

// Run exports the replay.
func (c exportCommand) Run(p *program) error {
	to := cmp.Or(c.To, c.Room)
	if !room.ID(c.Room).Valid() {
		return fmt.Errorf("%q is no room's name: it is what stands in its link behind /r/", c.Room)
	}
	size, err := node.Export(p.ctx, c.Data, room.ID(c.Room), to)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s: %.1f MB. Open index.html in it, or put it on any web server.\n", to, float64(size)/1e6)
	return err
}
