//go:build linux

// Command hostile lets honest listeners hear and join among others who mean harm. It prints one JSON line.
//
//	go run ./bench/hostile
//
// 10,000 good listeners, one in ten of whom takes everything apart; 200 who never read, 500 who read too slowly, 5,000 who never finish
// their request, 2,000 who never finish the handshake of TLS (whom the server closes come again), and 2,000 who ask for the largest burst
// and go. Meanwhile honest listeners join by the clock.
package main

import (
	"flag"
	"fmt"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/child"
	"github.com/epidaurus-live/epidaurus/bench/internal/crowd"
	"github.com/epidaurus-live/epidaurus/bench/internal/figure"
	"github.com/epidaurus-live/epidaurus/bench/internal/frames"
	"github.com/epidaurus-live/epidaurus/bench/internal/house"
	"github.com/epidaurus-live/epidaurus/bench/internal/machine"
)

type plan struct {
	good, parseEvery, servers int
	mob                       mob
	joins                     float64
	long                      time.Duration
}

func main() {
	child.Main(map[string]child.Role{house.Role: house.Made, crowd.Role: crowd.Made, nuisanceRole: child.Make(newNuisance)})
	p := plan{}
	flag.IntVar(&p.good, "good", 10_000, "honest listeners")
	flag.IntVar(&p.parseEvery, "parse-every", 10, "one of so many takes everything apart")
	flag.IntVar(&p.servers, "servers", 2, "edge processes")
	flag.IntVar(&p.mob.Stuck, "stuck", 200, "listeners who never read")
	flag.IntVar(&p.mob.Slow, "slow", 500, "listeners who read 2,000 bytes a second")
	flag.IntVar(&p.mob.Headers, "headers", 5000, "connections with half a request")
	flag.IntVar(&p.mob.Hellos, "hellos", 2000, "connections with half a TLS handshake")
	flag.IntVar(&p.mob.Grabs, "grabs", 2000, "requests for the largest burst, given up at once, spread over the time")
	flag.Float64Var(&p.joins, "joins", 50, "honest joins per second meanwhile")
	flag.DurationVar(&p.long, "for", 45*time.Second, "how long")
	flag.Parse()
	r, err := run(p)
	figure.Fail(err)
	figure.Fail(figure.Print(r))
}

type result struct {
	Good     int            `json:"good"`
	Parsing  int64          `json:"parsing"`
	Frames   int64          `json:"frames_parsed"`
	Gaps     int64          `json:"gaps_of_good"`
	Lost     int            `json:"lost_of_good"`
	Honest   int            `json:"honest_joins"`
	Failed   int            `json:"honest_joins_failed"`
	Errors   map[string]int `json:"errors,omitempty"`
	First    figure.Latency `json:"honest_first_sound"`
	Mob      mobReport      `json:"mob"`
	Servers  house.Stats    `json:"servers"`
	Machine  machine.Facts  `json:"machine"`
	Duration string         `json:"for"`
}

func run(p plan) (r result, err error) {
	r = result{Good: p.good, Machine: machine.About(), Duration: p.long.String()}
	servers, err := house.Start(p.servers, house.Config{TLS: true})
	defer func() { servers.Stop() }()
	if err != nil {
		return r, err
	}
	path := fmt.Sprintf("/r/%s/live.mp4", frames.Room(0))
	c := crowd.Config{Targets: servers.Addresses(false), Paths: []string{path}, Mark: "mdat", ParseEvery: p.parseEvery, Content: true}
	good, err := crowd.Start(1, c, nil)
	defer func() { good.Stop() }()
	if err != nil {
		return r, err
	}
	_, _, err = good.Join(crowd.Join{Count: p.good, Connectors: 128}, 2*time.Minute)
	if err != nil {
		return r, err
	}
	p.mob.Plain, p.mob.TLS, p.mob.Path, p.mob.For = servers.Addresses(false), servers.Addresses(true), path, p.long
	nuisance, err := child.Start(nuisanceRole, p.mob)
	if err != nil {
		return r, err
	}
	defer nuisance.Stop()
	c.Index, c.ParseEvery = 1, 0
	honest, err := crowd.Start(1, c, nil)
	defer func() { honest.Stop() }()
	if err != nil {
		return r, err
	}
	return r, r.endure(p, servers, good, honest, nuisance)
}

// endure lets honest listeners join for the whole time, and looks what became of all.
func (r *result) endure(p plan, servers house.Houses, good, honest crowd.Crowds, nuisance *child.Child) error {
	joins := crowd.Join{Count: int(p.joins * p.long.Seconds()), Rate: p.joins}
	h, _, err := honest.Join(joins, p.long+time.Minute)
	if err != nil {
		return err
	}
	r.Honest, r.Failed, r.Errors = h.Seated, h.Failed, h.Errors
	firsts, err := honest.Firsts()
	if err != nil {
		return err
	}
	r.First = figure.Latencies(firsts)
	g, err := good.Report()
	if err != nil {
		return err
	}
	r.Parsing, r.Frames, r.Gaps, r.Lost = g.Parsing, g.Frames, g.Gaps, g.Lost+h.Lost
	r.Servers, err = servers.Stats()
	if err != nil {
		return err
	}
	return nuisance.Ask("report", nil, &r.Mob)
}
