package main

import (
	"errors"

	"github.com/epidaurus-live/epidaurus/drill/fleet"
)

type drillAgentCommand struct {
	NATS           string `name:"nats" help:"Where work comes from: nats://user:password@host:4222." placeholder:"URL"`
	Name           string `env:"-" help:"How the result calls this agent. Default: host and process." placeholder:"NAME"`
	Once           bool   `env:"-" help:"End after one drill, or when NATS is gone."`
	IOwnThisServer bool   `name:"i-own-this-server" env:"-" help:"Load servers that are not on this machine. Whoever can write to NATS then decides which."`
}

// Help is shown by drill agent --help.
func (drillAgentCommand) Help() string {
	return `Waits on NATS for drills that epidaurus drill run --nats URL --agents N runs, and plays its share of them: on several machines, or in several processes
where one may not open files enough. Whoever can write to that NATS can make this agent open connections: keep it as private as this machine.

Examples:
  epidaurus drill agent --nats nats://drill:secret@10.0.0.5:4222 --i-own-this-server`
}

// Run waits and plays.
func (c *drillAgentCommand) Run(p *program) error {
	if c.NATS == "" {
		return errors.New("say where work comes from: --nats nats://user:password@host:4222, or EPIDAURUS_NATS")
	}
	tell := func(what string) { p.log.Info(what) }
	if c.Once {
		tell = func(what string) { p.log.Debug(what) }
	}
	return fleet.Serve(p.ctx, fleet.AgentConfig{URL: c.NATS, Name: c.Name, Abroad: c.IOwnThisServer, Once: c.Once, Tell: tell})
}
