package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/epidaurus-live/epidaurus/node"
)

// closeTimeout is how long an orderly end may take before what is left is cut.
const closeTimeout = 10 * time.Second

type serveCommand struct {
	node.Config `embed:""`
}

// Help is shown by serve --help.
func (serveCommand) Help() string {
	return `Everything in one process: the stage, the mix, the listeners' port, the database, all under one data folder.

Examples:
  epidaurus serve
  epidaurus serve --data /var/lib/epidaurus --public-url https://live.example.org --stage-url https://stage.example.org:8081
  EPIDAURUS_ADVERTISE=203.0.113.7 epidaurus serve --config /etc/epidaurus.toml`
}

// Validate is called by the parser: what is wrong is told before anything is opened.
func (c *serveCommand) Validate() error { return c.Config.Validate() }

// Run serves until it is told to stop.
func (c *serveCommand) Run(p *program) error {
	n, err := node.Open(p.ctx, c.Config, p.log)
	if err != nil {
		return err
	}
	err = c.greet(p, n)
	if err == nil {
		select {
		case <-p.ctx.Done():
			p.log.Info("stopping")
		case err = <-n.Failed():
		}
	}
	return errors.Join(err, closeNode(n))
}

func (c *serveCommand) greet(p *program, n *node.Node) error {
	_, err := fmt.Fprintf(p.stdout, "Epidaurus\n  listeners  %s\n  stage      %s/desk/\n  private    %s/metrics\n",
		n.ListenersURL(), n.StageURL(), n.PrivateURL())
	if err != nil {
		return err
	}
	link, err := n.FirstHostLink(p.ctx)
	if err != nil {
		return err
	}
	if link != "" {
		_, err = fmt.Fprintf(p.stdout, "\nYou are the first. Open this link once, in the browser of the host:\n  %s\n", link)
	}
	if err == nil {
		_, err = fmt.Fprint(p.stdout, "\nReady. Ctrl-C ends it.\n")
	}
	return err
}

func closeNode(n *node.Node) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return n.Close(ctx)
}
