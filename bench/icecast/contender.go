//go:build linux

package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/child"
	"github.com/epidaurus-live/epidaurus/bench/internal/crowd"
	"github.com/epidaurus-live/epidaurus/bench/internal/figure"
	"github.com/epidaurus-live/epidaurus/bench/internal/frames"
	"github.com/epidaurus-live/epidaurus/bench/internal/house"
	"github.com/epidaurus-live/epidaurus/bench/internal/machine"
)

// target is a server to be filled.
type target struct {
	at, path string
	cpu      func() (machine.CPU, error)
	rss      func() int64
	stop     func()
}

// contender is a server and its listeners.
type contender struct {
	target
	crowd crowd.Crowds
	side  side
}

func newSide(p plan, t target, index int) (*contender, error) {
	c, err := crowd.Start(1, crowd.Config{
		Index: index, Targets: []string{t.at}, Paths: []string{t.path}, Content: true, ParseEvery: 50, Sizes: p.sizes,
	}, nil)
	if err != nil {
		c.Stop()
		return nil, err
	}
	stop := t.stop
	t.stop = func() {
		c.Stop()
		if stop != nil {
			stop()
		}
	}
	return &contender{target: t, crowd: c}, nil
}

func newEdge(p plan, cadence time.Duration, index int) (*contender, error) {
	h, err := house.Start(1, house.Config{Cadence: cadence, Sizes: p.sizes})
	if err != nil {
		h.Stop()
		return nil, err
	}
	pid := h.Places[0].PID
	c, err := newSide(p, target{
		at: h.Places[0].Plain, path: fmt.Sprintf("/r/%s/live.ogg", frames.Room(0)),
		cpu: func() (machine.CPU, error) { s, err := h.Stats(); return s.CPU, err }, rss: func() int64 { return machine.RSS(pid) },
		stop: h.Stop,
	}, index)
	if err != nil {
		h.Stop()
	}
	return c, err
}

// sit seats the few, then all, and weighs the server both times.
func (c *contender) sit(p plan) error {
	_, err := c.fill(p, p.few)
	if err != nil {
		return err
	}
	time.Sleep(5 * time.Second) // what the joins used is used again, or given back
	few, err := c.crowd.Report()
	if err != nil {
		return err
	}
	c.side.Few = c.rss()
	c.side.Joins, err = c.fill(p, p.all)
	if err != nil {
		return err
	}
	time.Sleep(5 * time.Second)
	r, err := c.crowd.Report()
	c.side.All = c.rss()
	c.side.Slope = figure.Round(float64(c.side.All-c.side.Few) / float64(max(1, r.Seated-r.Lost-few.Seated+few.Lost)))
	figure.Say("%s: %d seated, %d failed %v, %.0f joins/s", c.path, r.Seated, r.Failed, r.Errors, c.side.Joins)
	return err
}

// fill seats listeners until there are so many, and returns how many joined a second: of nine tenths of those who got in at the first try,
// since a few wait long where the accept queue is short. Who is not let in tries again, fewer at once.
func (c *contender) fill(p plan, to int) (joins float64, err error) {
	type point struct {
		at     time.Duration
		seated int
	}
	var way []point
	before, err := c.crowd.Report()
	if err != nil {
		return 0, err
	}
	join := crowd.Join{Count: to - before.Seated, Connectors: p.connectors}
	r, _, err := c.crowd.Watch(join, 5*time.Minute, func(at time.Duration, r crowd.Report) {
		way = append(way, point{at, r.Seated - before.Seated})
	})
	if err != nil {
		return 0, err
	}
	most := way[len(way)-1].seated * 9 / 10
	for _, w := range way {
		if w.seated >= most && joins == 0 {
			joins = figure.Round(float64(w.seated) / w.at.Seconds())
		}
	}
	for try := 0; try < 10 && err == nil && r.Seated < to; try++ {
		r, _, err = c.crowd.Join(crowd.Join{Count: to - r.Seated, Connectors: 8}, 5*time.Minute)
	}
	return joins, err
}

// moment is what a contender has used and its listeners have got.
type moment struct {
	at     time.Time
	cpu    machine.CPU
	report crowd.Report
}

func (c *contender) look() (m moment, err error) {
	m.report, err = c.crowd.Report()
	if err != nil {
		return m, err
	}
	m.at = time.Now()
	m.cpu, err = c.cpu()
	return m, err
}

// together measures two contenders in the same windows.
func together(p plan, both ...*contender) error {
	for _, c := range both {
		c.side.cores, c.side.perWrites, c.side.rates = nil, nil, nil
	}
	for range p.windows {
		var before [2]moment
		for i, c := range both {
			m, err := c.look()
			if err != nil {
				return err
			}
			before[i] = m
		}
		time.Sleep(p.window)
		for i, c := range both {
			m, err := c.look()
			if err != nil {
				return err
			}
			c.count(before[i], m)
		}
	}
	for _, c := range both {
		s := &c.side
		s.Cores, s.Writes = figure.Round(figure.Median(s.cores)), figure.Round(figure.Median(s.rates))
		s.PerWrite = figure.Round(figure.Median(s.perWrites))
		s.Listener = figure.Round(s.Cores / float64(max(s.Held, 1)) * 1e6)
	}
	return nil
}

func (c *contender) count(a, b moment) {
	s, seconds := &c.side, b.at.Sub(a.at).Seconds()
	s.Held, s.Failed, s.Lost = b.report.Seated-b.report.Lost, b.report.Failed, b.report.Lost
	s.Parsing, s.Gaps = b.report.Parsing, b.report.Gaps
	cpu := b.cpu.Less(a.cpu).Total()
	// Those who parse do not count their reads; they are as many as of any other.
	silent := max(1, s.Held-int(s.Parsing))
	rate := float64(b.report.Reads-a.report.Reads) / seconds / float64(silent)
	s.cores, s.rates = append(s.cores, cpu/seconds), append(s.rates, rate)
	s.perWrites = append(s.perWrites, cpu/seconds/max(rate*float64(s.Held), 1)*1e6)
}

// sections compares two sections on two cores with one on one, in turns, each with all listeners.
func sections(p plan) (r sectionsCompare, err error) {
	var houses [2]house.Houses
	var crowds [2]crowd.Crowds
	defer func() {
		for i := range houses {
			crowds[i].Stop()
			houses[i].Stop()
		}
	}()
	for i := range houses {
		houses[i], err = house.Start(1, house.Config{Cadence: p.short, Sizes: p.sizes, Sections: i + 1, Procs: i + 1})
		if err != nil {
			return r, err
		}
		crowds[i], err = crowd.Start(1, crowd.Config{
			Index: 3 + i, Targets: houses[i].Addresses(false), Paths: []string{fmt.Sprintf("/r/%s/live.ogg", frames.Room(0))},
		}, nil)
		if err != nil {
			return r, err
		}
		_, _, err = crowds[i].Join(crowd.Join{Count: p.all, Connectors: p.connectors}, time.Minute)
		if err != nil {
			return r, err
		}
		_, err = child.Tell[bool](houses[i].Group, "play", func(int) any { return false })
		if err != nil {
			return r, err
		}
	}
	var costs [2][]float64
	for range p.windows {
		for i, h := range houses {
			w, err := child.Tell[house.Window](h.Group, "run", func(int) any { return p.window / 2 })
			if err != nil {
				return r, err
			}
			if w[0].Writes == 0 {
				return r, errors.New("the edge wrote nothing in a window")
			}
			costs[i] = append(costs[i], w[0].CPU.Total()/float64(w[0].Writes)*1e6)
		}
	}
	r = sectionsCompare{figure.Round(figure.Median(costs[0])), figure.Round(figure.Median(costs[1])), ratio(costs[1], costs[0])}
	return r, nil
}
