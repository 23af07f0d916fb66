//go:build linux

// Command storm lets very many listeners come at once while others already listen. It prints one JSON line.
//
//	go run ./bench/storm                    30,000 in 3 s by the clock, plain, into two edge processes
//	go run ./bench/storm -tls full          6,000 by TLS, 256 at once: how many handshakes a second the machine does with both ends on it
//	go run ./bench/storm -tls resumed       the same with session tickets
//	go run ./bench/storm -tls both          one and the other in turns, -pairs of them, and their medians
//
// The listeners who were there first take everything apart, before, during and after the storm.
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
	"github.com/epidaurus-live/epidaurus/tape"
)

type plan struct {
	seated, joins, servers, crowds, connectors int
	in                                         time.Duration
	tls, variant                               string
}

func main() {
	child.Main(map[string]child.Role{house.Role: house.Made, crowd.Role: crowd.Made})
	p := plan{}
	flag.IntVar(&p.seated, "seated", 1000, "listeners who are there before")
	flag.IntVar(&p.joins, "joins", 0, "listeners who come; default: 30,000, and 6,000 by TLS")
	flag.DurationVar(&p.in, "in", 3*time.Second, "in what time they come; not by TLS")
	flag.IntVar(&p.servers, "servers", 2, "edge processes")
	flag.IntVar(&p.crowds, "crowds", 2, "client processes")
	flag.IntVar(&p.connectors, "connectors", 256, "by TLS: joins at once")
	flag.StringVar(&p.tls, "tls", "", "full or resumed handshakes, or both in turns; default: plain")
	pairs := flag.Int("pairs", 5, "with -tls both: how often")
	flag.StringVar(&p.variant, "variant", string(tape.Opus48), "what they hear")
	flag.Parse()
	if p.joins == 0 {
		p.joins = 30_000
		if p.tls != "" {
			p.joins = 6_000
		}
	}
	if p.tls == "both" {
		figure.Fail(inTurns(p, *pairs))
		return
	}
	r, err := run(p)
	figure.Fail(err)
	figure.Fail(figure.Print(r))
}

// inTurns lets full and resumed handshakes alternate, since a shared machine is not the same from one minute to the next.
func inTurns(p plan, pairs int) error {
	var all struct {
		Full    float64   `json:"full_joins_per_s"` // median
		Resumed float64   `json:"resumed_joins_per_s"`
		Ratio   float64   `json:"ratio"`  // median of Ratios
		Ratios  []float64 `json:"ratios"` // resumed to full, of each pair
		Gaps    int64     `json:"gaps_of_seated_before"`
		Runs    []result  `json:"runs"`
	}
	for range pairs {
		for _, p.tls = range []string{"full", "resumed"} {
			r, err := run(p)
			if err != nil {
				return err
			}
			figure.Say("%s: %.0f joins a second, %.0f µs of the servers each", p.tls, r.PerSecond, r.PerJoin)
			all.Runs = append(all.Runs, r)
			all.Gaps += r.BeforeGaps
		}
		pair := all.Runs[len(all.Runs)-2:]
		all.Ratios = append(all.Ratios, figure.Round(pair[1].PerSecond/pair[0].PerSecond))
	}
	speed := func(of int) (speeds []float64) {
		for i := of; i < len(all.Runs); i += 2 {
			speeds = append(speeds, all.Runs[i].PerSecond)
		}
		return speeds
	}
	all.Full, all.Resumed, all.Ratio = figure.Median(speed(0)), figure.Median(speed(1)), figure.Median(all.Ratios)
	return figure.Print(all)
}

// result is what the storm came to.
type result struct {
	TLS        string             `json:"tls"`
	Joins      int                `json:"joins"`
	Seated     int                `json:"seated"`
	Failed     int                `json:"failed"`
	Errors     map[string]int     `json:"errors,omitempty"`
	Seconds    float64            `json:"seconds"`
	PerSecond  float64            `json:"joins_per_s"`
	First      figure.Latency     `json:"first_sound"`
	Resumed    int64              `json:"resumed"`
	PerJoin    float64            `json:"server_us_per_join"` // all that the servers did meanwhile
	PlainJoin  float64            `json:"server_us_per_plain_join,omitempty"`
	Before     int                `json:"seated_before"`
	BeforeGaps int64              `json:"gaps_of_seated_before"`
	BeforeLost int                `json:"lost_of_seated_before"`
	Frames     int64              `json:"frames_parsed"`
	Worst      float64            `json:"worst_tick_s"`
	Refused    map[string]uint64  `json:"refused"`
	Generator  float64            `json:"generator_late_s"` // above what is asked of the first sound, the generator was the bottleneck
	Machine    machine.Facts      `json:"machine"`
	Use        map[string]float64 `json:"cpu_s"`
}

func run(p plan) (r result, err error) {
	r = result{TLS: p.tls, Joins: p.joins, Machine: machine.About()}
	servers, err := house.Start(p.servers, house.Config{TLS: p.tls != ""})
	defer func() { servers.Stop() }()
	if err != nil {
		return r, err
	}
	path := fmt.Sprintf("/r/%s/live.mp4?variant=%s", frames.Room(0), p.variant)
	there, err := crowd.Start(1, crowd.Config{
		Targets: servers.Addresses(p.tls != ""), Paths: []string{path}, TLS: full(p.tls), ParseEvery: 1, Content: true,
	}, nil)
	defer func() { there.Stop() }()
	if err != nil {
		return r, err
	}
	_, _, err = there.Join(crowd.Join{Count: p.seated, Connectors: 32}, time.Minute)
	if err != nil {
		return r, err
	}
	time.Sleep(3 * time.Second) // those who are there have heard some rounds
	if p.tls != "" {
		r.PlainJoin, err = plainJoin(p, servers, path)
		if err != nil {
			return r, err
		}
	}
	comers, err := crowd.Start(p.crowds, crowd.Config{
		Index: 1, Targets: servers.Addresses(p.tls != ""), Paths: []string{path}, TLS: p.tls, Mark: "mdat",
	}, nil)
	defer func() { comers.Stop() }()
	if err != nil {
		return r, err
	}
	err = r.storm(p, servers, comers)
	if err != nil {
		return r, err
	}
	time.Sleep(5 * time.Second) // longer than a player's depth: what the storm broke shows by now
	old, err := there.Report()
	r.Before, r.BeforeGaps, r.BeforeLost, r.Frames = old.Seated, old.Gaps, old.Lost, old.Frames
	return r, err
}

// full is how those shake hands who are there before.
func full(how string) string {
	if how == "" {
		return ""
	}
	return "full"
}

// joining is how they come: by the clock, or by TLS as fast as they get in.
func (p plan) joining() crowd.Join {
	if p.tls != "" {
		return crowd.Join{Count: p.joins, Connectors: p.connectors}
	}
	return crowd.Join{Count: p.joins, Rate: float64(p.joins) / p.in.Seconds()}
}

func (r *result) storm(p plan, servers house.Houses, comers crowd.Crowds) error {
	if p.tls == "resumed" {
		_, _, err := comers.Join(crowd.Join{Count: p.crowds * p.servers, Connectors: p.crowds}, time.Minute) // they bring the tickets
		if err != nil {
			return err
		}
		time.Sleep(time.Second)
	}
	warm, err := comers.Report()
	if err != nil {
		return err
	}
	_, err = comers.Firsts()
	if err != nil {
		return err
	}
	before, err := servers.Stats()
	if err != nil {
		return err
	}
	c, took, err := comers.Join(p.joining(), 2*time.Minute)
	if err != nil {
		return err
	}
	after, err := servers.Stats()
	if err != nil {
		return err
	}
	firsts, err := comers.Firsts()
	r.Seated, r.Failed, r.Errors, r.Resumed = c.Seated-warm.Seated, c.Failed, c.Errors, c.Resumed-warm.Resumed
	r.Seconds, r.PerSecond = took.Seconds(), figure.Round(float64(r.Seated)/took.Seconds())
	r.First, r.Generator = figure.Latencies(firsts), c.Late
	r.PerJoin = figure.Round(after.CPU.Less(before.CPU).Total() / float64(p.joins) * 1e6)
	r.Worst, r.Refused = max(before.Worst, after.Worst), after.Refused
	r.Use = map[string]float64{"servers": after.CPU.Less(before.CPU).Total(), "clients": c.CPU.Less(warm.CPU).Total()}
	return err
}

// plainJoin is what the servers spend on as many joins without TLS: the rest is the handshakes' and the records'.
func plainJoin(p plan, servers house.Houses, path string) (float64, error) {
	plain, err := crowd.Start(p.crowds, crowd.Config{
		Index: 100, Targets: servers.Addresses(false), Paths: []string{path}, Mark: "mdat",
	}, nil)
	defer func() { plain.Stop() }()
	if err != nil {
		return 0, err
	}
	before, err := servers.Stats()
	if err != nil {
		return 0, err
	}
	_, _, err = plain.Join(crowd.Join{Count: p.joins, Connectors: p.connectors}, time.Minute)
	if err != nil {
		return 0, err
	}
	after, err := servers.Stats()
	return figure.Round(after.CPU.Less(before.CPU).Total() / float64(p.joins) * 1e6), err
}
