//go:build linux

// Command bare holds connections and writes to them by bare loops: what the machine can do when nothing but the kernel works. It prints
// one JSON line.
//
//	go run ./bench/bare -connections 304000 -bytes 7000 -every 4s -for 60s
//
// As many server processes as client processes, at most 19,000 connections each. It changes nothing of the machine, but says what has to
// be changed; -prepare, as root, does it and says how to undo it.
package main

import (
	"flag"
	"os"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/bare"
	"github.com/epidaurus-live/epidaurus/bench/internal/child"
	"github.com/epidaurus-live/epidaurus/bench/internal/figure"
	"github.com/epidaurus-live/epidaurus/bench/internal/machine"
)

func main() {
	child.Main(bare.Roles())
	c := bare.Config{}
	flag.IntVar(&c.Connections, "connections", 19_000, "how many")
	flag.IntVar(&c.PerProcess, "per-process", bare.DefaultPerProcess(), "at most so many in one process")
	flag.IntVar(&c.Bytes, "bytes", 7000, "of one write")
	flag.DurationVar(&c.Every, "every", 4*time.Second, "between two writes to a connection")
	flag.DurationVar(&c.For, "for", time.Minute, "how long to write")
	flag.IntVar(&c.Connectors, "connectors", 1024, "connections that are made at once")
	flag.StringVar(&c.Congestion, "congestion", "", "congestion control of the servers' sockets; default: the system's")
	prepare := flag.Bool("prepare", false, "set what the kernel needs for very many connections (root)")
	flag.Parse()
	if *prepare {
		figure.Fail(machine.Prepare(os.Stderr))
	}
	for _, line := range machine.Commands() {
		figure.Say("for very many connections: %s", line)
	}
	r, err := bare.Run(c)
	figure.Fail(err)
	figure.Fail(figure.Print(r))
}
