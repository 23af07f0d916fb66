package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/epidaurus-live/epidaurus/internal/logs"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // something went wrong; for listen: there was a gap
	exitUsage   = 2 // the command line or the configuration is wrong
)

// cli is the whole command line. One file per subcommand.
type cli struct {
	Config   kong.ConfigFlag `help:"Configuration file (TOML); the environment and flags are stronger." placeholder:"FILE"`
	Log      string          `help:"text, json, or auto: text on a terminal." enum:"auto,text,json" default:"auto"`
	LogLevel slog.Level      `help:"debug, info, warn or error." default:"info" placeholder:"LEVEL"`

	Demo     demoCommand     `cmd:"" help:"Hear it at once: a room where two voices talk, and a stage to walk on."`
	Serve    serveCommand    `cmd:"" help:"Serve rooms: stage, mix and listeners, in one process or on several machines."`
	Speak    speakCommand    `cmd:"" help:"Put a sound file on stage, as any WHIP client would."`
	Listen   listenCommand   `cmd:"" help:"Take a seat, check every fragment, exit 1 when there was a gap."`
	Drill    drillCommand    `cmd:"" help:"Take very many seats by a plan, and tell how it went."`
	Doctor   doctorCommand   `cmd:"" help:"Look at this machine: how many seats it can hold, and what to change."`
	Plan     planCommand     `cmd:"" help:"Say what an audience needs: machines, cores, lines, traffic, from the last drill."`
	Drain    drainCommand    `cmd:"" help:"Send a node's listeners to other edges, so that it can be stopped."`
	Export   exportCommand   `cmd:"" help:"Write a replay as a site of its own: a folder or a zip file that needs no server."`
	HostLink hostLinkCommand `cmd:"" help:"Make a one-time link for a host, beside a running server."`
	Version  versionCommand  `cmd:"" help:"Say which build this is."`
}

// program is what commands are given.
type program struct {
	ctx    context.Context // ends at the first SIGINT or SIGTERM; a second one ends the process at once
	stdout io.Writer
	stderr *os.File
	log    *slog.Logger
}

// exitError carries an exit code; what it says was already said.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit %d", int(e)) }

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	var c cli
	parser, err := newParser(&c, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "epidaurus:", err)
		return exitFailure
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "epidaurus: %v\nSee: epidaurus --help\n", err)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the default action is back: a second signal does not wait
	p := &program{ctx: ctx, stdout: os.Stdout, stderr: os.Stderr}
	people := c.Log == "text" || c.Log == "auto" && term.IsTerminal(int(os.Stderr.Fd()))
	p.log = logs.New(os.Stderr, c.LogLevel, people)
	err = parsed.Run(p)
	var code exitError
	switch {
	case errors.As(err, &code):
		return int(code)
	case err != nil:
		fmt.Fprintln(os.Stderr, "epidaurus:", err)
		return exitFailure
	}
	return exitOK
}

func newParser(c *cli, stdout io.Writer) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("epidaurus"),
		kong.Description(strings.TrimSpace(`
One live conversation for an audience of any size.

Every flag of serve can stand in the configuration file under its own name, or in the environment as EPIDAURUS_ and its name in
capitals with underscores. Exit codes: 0 done, 1 failed (listen: there was a gap), 2 the command line or configuration is wrong,
3 a drill is invalid.`)),
		kong.Configuration(tomlFile),
		kong.DefaultEnvars("EPIDAURUS"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 120}),
		kong.Writers(stdout, os.Stderr),
	)
}
