package main

import (
	"errors"
	"fmt"

	"github.com/epidaurus-live/epidaurus/stage/whip"
)

type speakCommand struct {
	Link  string `arg:"" help:"The desk's link of an invitation, or a WHIP address with the token behind # or in --token."`
	File  string `arg:"" help:"WAV or Ogg Opus."`
	Token string `help:"Stage token, where the link has none." placeholder:"TOKEN"`
	Loop  bool   `help:"Begin again at the end."`
}

// Help is shown by speak --help.
func (speakCommand) Help() string {
	return `Speaks until the file ends, then leaves the stage. A connection that breaks comes back by itself.

Examples:
  epidaurus speak 'http://localhost:8081/desk/harbour-k3f9x2#e1.eyJ…' intro.wav
  epidaurus speak http://localhost:8081/r/harbour-k3f9x2/whip --token e1.eyJ… talk.opus --loop`
}

// Run puts the file on stage.
func (c speakCommand) Run(p *program) error {
	target, err := whip.ParseTarget(c.Link, c.Token)
	if err != nil {
		return err
	}
	all, err := readSound(c.File)
	if err != nil {
		return err
	}
	voice, err := whip.New(target, &packets{all: all, loop: c.Loop}, whip.Config{
		Log: p.log,
		OnState: func(s whip.State, err error) {
			if err != nil {
				p.log.Warn(string(s), "why", err)
				return
			}
			p.log.Info(string(s))
		},
	})
	if err != nil {
		return err
	}
	err = voice.Run(p.ctx)
	s := voice.Stats()
	_, printErr := fmt.Fprintf(p.stdout, "%d packets sent (%.1f s), %d lost, %d connections\n", s.Packets, float64(s.Packets)/50, s.Lost, s.Connections)
	return errors.Join(err, printErr)
}
