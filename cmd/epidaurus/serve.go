package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/epidaurus-live/epidaurus/edge"
	"github.com/epidaurus-live/epidaurus/node"
)

// closeTimeout is how long an orderly end may take before what is left is cut.
const closeTimeout = 10 * time.Second

type serveCommand struct {
	node.Config `embed:""`
}

// Help is shown by serve --help.
func (serveCommand) Help() string {
	return `Everything in one process: the stage, the mix, the listeners' port, the database, all under one data folder. Or a part of it, with the rest on
other machines: docs/OPERATE.md has it step by step.

Examples:
  epidaurus serve
  epidaurus serve --data /var/lib/epidaurus --public-url https://live.example.org --stage-url https://stage.example.org:8081
  epidaurus serve --bus-listen :4222 --public-url https://e1.example.org
  epidaurus serve --roles edge --nats tls://stage.example.org:4222 --nats-ca cluster-ca.pem --cluster-secret-file cluster.secret \
    --public-url https://e2.example.org
  EPIDAURUS_ADVERTISE=203.0.113.7 epidaurus serve --config /etc/epidaurus.toml`
}

// Validate is called by the parser: what is wrong is told before anything is opened.
func (c *serveCommand) Validate() error { return c.Config.Validate() }

// Run serves until it is told to stop.
func (c *serveCommand) Run(p *program) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(edge.CollectAt)
	}
	n, err := node.Open(p.ctx, c.Config, p.log)
	if err != nil {
		return err
	}
	err = c.greet(p, n)
	if err == nil {
		select {
		case <-p.ctx.Done():
			p.log.Info("stopping")
			c.drain(p, n)
		case err = <-n.Failed():
		}
	}
	return errors.Join(err, closeNode(n))
}

// drain sends the listeners elsewhere before the end, where that is asked for. A second signal ends the process at once.
func (c *serveCommand) drain(p *program, n *node.Node) {
	if c.DrainOver <= 0 {
		return
	}
	if !n.Replaceable() {
		p.log.Warn("no other edge is known that could take the listeners: they are cut now, and come back to this one when it is started again")
		return
	}
	p.log.Info("sending the listeners elsewhere first", "over", c.DrainOver)
	ctx, cancel := context.WithTimeout(context.Background(), c.DrainOver+closeTimeout)
	defer cancel()
	err := n.Drain(ctx, c.DrainOver)
	if err != nil {
		p.log.Warn("listeners are left, and will be cut", "error", err)
	}
}

func (c *serveCommand) greet(p *program, n *node.Node) error {
	text := "Epidaurus\n  listeners  " + n.ListenersURL() + "\n"
	if n.StageURL() != "" {
		text += "  stage      " + n.StageURL() + "/desk/\n"
	}
	if addr := n.BusAddr(); addr != nil {
		text += "  bus        tls://" + addr.String() + "\n"
	}
	_, err := fmt.Fprintf(p.stdout, "%s  private    %s/metrics\n", text, n.PrivateURL())
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
