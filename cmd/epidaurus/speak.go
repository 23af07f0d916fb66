package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/stage/whip"
)

// requestTimeout is how long one request to a stage may take: a voice is missed meanwhile.
const requestTimeout = 3 * time.Second

type speakCommand struct {
	Link  string `arg:"" help:"The desk's link of an invitation, or a WHIP address with the token behind # or in --token."`
	File  string `arg:"" help:"WAV or Ogg Opus."`
	Token string `help:"Stage token, where the link has none." placeholder:"TOKEN"`
	Loop  bool   `help:"Begin again at the end."`
	Agree bool   `help:"Agree that the conversation is recorded and may be heard again, and this voice on a track of its own, where it is."`
	trust `embed:""`
}

// Help is shown by speak --help.
func (speakCommand) Help() string {
	return `Speaks until the file ends, then leaves the stage. A connection that breaks comes back by itself.

Examples:
  epidaurus speak 'http://localhost:8081/desk/harbour-k3f9x2#e1.eyJ…' intro.wav
  epidaurus speak http://localhost:8081/r/harbour-k3f9x2/whip --token e1.eyJ… talk.opus --loop --agree
  epidaurus speak 'https://192.0.2.7:8081/desk/harbour-k3f9x2#e1.eyJ…' intro.wav --ca stage-cert.pem

A room that is recorded takes a voice whose owner has agreed to that: --agree says so. The last one speaks from another machine to a stage that made its own certificate: copy that file from the server's data folder.`
}

// consent is the version of the question that --agree answers.
func (c speakCommand) consent() int {
	if c.Agree {
		return room.TracksText
	}
	return 0
}

// Run puts the file on stage.
func (c speakCommand) Run(p *program) error {
	target, err := whip.ParseTarget(c.Link, c.Token)
	if err != nil {
		return err
	}
	sound, err := readSound(c.File, c.Loop)
	if err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	if client != nil {
		client.Timeout = requestTimeout
	}
	voice, err := whip.New(target, sound, whip.Config{
		HTTP: client, Log: p.log, Agree: c.consent(),
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
