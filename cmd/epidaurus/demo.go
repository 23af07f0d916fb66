package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/epidaurus-live/epidaurus/api/client"
	"github.com/epidaurus-live/epidaurus/cmd/epidaurus/demo"
	"github.com/epidaurus-live/epidaurus/internal/liveline"
	"github.com/epidaurus-live/epidaurus/node"
	"github.com/epidaurus-live/epidaurus/room"
	"github.com/epidaurus-live/epidaurus/stage/whip"
)

type demoCommand struct {
	Listen  string `help:"Address of the listeners' port. Default: ${default}." default:":8080" placeholder:"ADDR"`
	Stage   string `help:"Address of the stage's port. Default: ${default}." default:":8081" placeholder:"ADDR"`
	Private string `help:"Address of health and metrics. Default: ${default}." default:"127.0.0.1:8082" placeholder:"ADDR"`
}

// Help is shown by demo --help.
func (demoCommand) Help() string {
	return `Opens a room in which two recorded voices hold a conversation, each put on stage by WebRTC as any other speaker's. Listen by the first link, walk on
stage by the second. Everything is in a temporary folder and gone afterwards; nothing is recorded.

Examples:
  epidaurus demo
  epidaurus demo --listen :9080 --stage :9081`
}

// Validate is called by the parser.
func (c *demoCommand) Validate() error {
	cfg := c.config("unused")
	return cfg.Validate()
}

func (c *demoCommand) config(dir string) node.Config {
	return node.Config{
		Data: dir, Listen: c.Listen, Stage: c.Stage, Private: c.Private,
		StageTLS: "auto", HoldAfter: 30 * time.Second, Complexity: 10,
	}
}

// Run plays until it is told to stop.
func (c *demoCommand) Run(p *program) (err error) {
	dir, err := os.MkdirTemp("", "epidaurus-demo-")
	if err != nil {
		return fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	n, err := node.Open(p.ctx, c.config(dir), p.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeNode(n)) }()
	r, voices, err := c.openRoom(p, n)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(p.ctx)
	for _, v := range voices {
		group.Go(func() error { return v.Run(ctx) })
	}
	group.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case err := <-n.Failed():
			return err
		}
	})
	line := liveline.New(os.Stderr)
	group.Go(func() error { showDemo(ctx, line, n, r); return nil })
	err = group.Wait()
	line.Close()
	return err
}

// openRoom does what a host would: claims the link, makes a room, invites two voices, and a place for whoever sits at the terminal.
func (c *demoCommand) openRoom(p *program, n *node.Node) (r client.Room, voices []*whip.Client, err error) {
	link, err := n.FirstHostLink(p.ctx)
	if err != nil {
		return r, nil, err
	}
	host, err := client.Claim(p.ctx, link)
	if err != nil {
		return r, nil, err
	}
	r, err = host.CreateRoom(p.ctx, "The last row", "en", true)
	if err != nil {
		return r, nil, err
	}
	for _, v := range []struct {
		name  string
		sound []byte
	}{{"Ada", demo.Host}, {"Nikos", demo.Guest}} {
		invite, err := host.Invite(p.ctx, r.ID, v.name, room.Speaker)
		if err != nil {
			return r, nil, err
		}
		sound, err := oggPackets(v.sound)
		if err != nil {
			return r, nil, err
		}
		voice, err := whip.New(whip.Target{URL: invite.WHIPURL, Token: invite.Token}, &packets{all: sound, loop: true}, whip.Config{Log: p.log})
		if err != nil {
			return r, nil, err
		}
		voices = append(voices, voice)
	}
	token, err := host.Token(p.ctx, r.ID)
	if err != nil {
		return r, nil, err
	}
	_, err = fmt.Fprintf(p.stdout, `
  Listen       %s
  Walk on it   %s#%s

  Two voices are talking. Open the first link and press the button; open the second one to be heard there yourself.
  Ctrl-C ends it.

`, r.ListenURL, r.DeskURL, token)
	return r, voices, err
}
