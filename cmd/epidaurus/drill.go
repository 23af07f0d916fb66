package main

type drillCommand struct {
	Run   drillRunCommand   `cmd:"" default:"withargs" help:"Drill a server."`
	Agent drillAgentCommand `cmd:"" help:"Play a share of drills that others run."`
}
