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
	"github.com/epidaurus-live/epidaurus/tape"
)

// joinRate is how many per second take their seats where they are so many that the machine has no core to spare.
const joinRate = 2000

// plan is one measurement.
type plan struct {
	Servers int // processes
	Seats   int // altogether
	Rooms   int
	Windows int // of each kind
	Window  time.Duration
	Cadence time.Duration
	Variant int
	TLS     bool
	InOrder bool // the bare loop knows no rooms
	Intake  bool // measure what frames cost that nobody hears, too
}

// result is what it came to. Times are of the server processes alone, those of an idle window taken off.
type result struct {
	Seats   int       `json:"seats"`
	Rooms   int       `json:"rooms"`
	Servers int       `json:"servers"`
	Cadence string    `json:"cadence"`
	Ratio   float64   `json:"ratio"`  // median of Ratios
	Ratios  []float64 `json:"ratios"` // of each pair of windows
	Edge    float64   `json:"edge_us_per_write"`
	Bare    float64   `json:"bare_us_per_write"`
	Bytes   int       `json:"bytes_per_write"`
	Writes  uint64    `json:"writes_per_window"`
	Short   uint64    `json:"short_writes"`
	Idle    float64   `json:"idle_cpu"`   // cores, seats there, nothing written
	Intake  float64   `json:"intake_cpu"` // cores, frames of all rooms coming in, nobody seated
	NoTake  float64   `json:"ratio_without_intake"`
	Heap    float64   `json:"heap_bytes_per_seat"`
	Alloc   float64   `json:"heap_alloc_per_seat"`
	Joins   float64   `json:"joins_per_s"`
	Parsing int64     `json:"parsing"`
	Frames  int64     `json:"frames_parsed"`
	Gaps    int64     `json:"gaps"`
	Lost    int       `json:"seats_lost"`
}

// bench is what a measurement runs on.
type bench struct {
	plan    plan
	servers child.Group
	crowds  crowd.Crowds
	result  result
	idle    float64 // CPU seconds per second
}

func measure(p plan) (result, error) {
	b := &bench{plan: p, result: result{Seats: p.Seats, Rooms: p.Rooms, Servers: p.Servers, Cadence: p.Cadence.String()}}
	defer func() {
		b.crowds.Stop()
		b.servers.Stop()
	}()
	err := b.start()
	if err == nil {
		err = b.sit()
	}
	if err == nil {
		err = b.compare()
	}
	if err != nil {
		return b.result, err
	}
	r, err := b.crowds.Report()
	b.result.Parsing, b.result.Frames, b.result.Gaps, b.result.Lost = r.Parsing, r.Frames, r.Gaps, r.Lost
	return b.result, err
}

func (b *bench) start() (err error) {
	p := b.plan
	b.servers, err = child.StartAll(house.Role, p.Servers, func(int) any {
		return house.Config{Rooms: p.Rooms, Cadence: p.Cadence, TLS: p.TLS}
	})
	if err != nil {
		return err
	}
	places, err := child.Tell[house.Place](b.servers, "where", nil)
	if err != nil {
		return err
	}
	c := crowd.Config{ParseEvery: 50, Content: true, Mark: "mdat"}
	for i := range p.Rooms {
		c.Paths = append(c.Paths, fmt.Sprintf("/r/%s/live.mp4?variant=%s", frames.Room(i), tape.Variants[p.Variant]))
	}
	if p.TLS {
		c.TLS = "full"
	}
	// A crowd for each server: the seats of one process stay within its open files.
	b.crowds, err = crowd.Start(p.Servers, c, func(i int, c *crowd.Config) {
		at := places[i].Plain
		if p.TLS {
			at = places[i].TLS
		}
		c.Targets = []string{at}
	})
	return err
}

// minute is what an edge keeps of each room, and some more. Until that is full every frame lies in memory that the process never touched
// before: that is of a room's first minute, and not of the hours behind it.
const minute = 65 * time.Second

// sit seats the listeners and weighs them.
func (b *bench) sit() error {
	if b.plan.Rooms > 1 {
		_, err := b.windows("run", minute)
		if err != nil {
			return err
		}
	}
	err := b.play(false)
	if err != nil {
		return err
	}
	if b.plan.Intake {
		err = b.intake()
		if err != nil {
			return err
		}
	}
	before, err := b.heap()
	if err != nil {
		return err
	}
	err = b.play(true) // a seat's phase is the tick at which it came
	if err != nil {
		return err
	}
	join, patience := crowd.Join{Count: b.plan.Seats, Connectors: 256}, 5*time.Minute
	if b.plan.Servers > 1 {
		join.Rate, patience = joinRate, 2*time.Duration(b.plan.Seats)*time.Second/joinRate
	}
	r, took, err := b.crowds.Join(join, patience)
	if err == nil && r.Failed > 0 {
		err = fmt.Errorf("%d of %d found no seat: %v", r.Failed, r.Asked, r.Errors)
	}
	if err != nil {
		return err
	}
	b.result.Joins = figure.Round(float64(b.plan.Seats) / took.Seconds())
	time.Sleep(300 * time.Millisecond) // what the joins left behind is over
	err = b.play(false)
	if err != nil {
		return err
	}
	after, err := b.heap()
	b.result.Heap = figure.Round(float64(int64(after.Inuse)-int64(before.Inuse)) / float64(b.plan.Seats))
	b.result.Alloc = figure.Round(float64(int64(after.Alloc)-int64(before.Alloc)) / float64(b.plan.Seats))
	return err
}

// intake measures what the frames of all rooms cost while nobody is seated.
func (b *bench) intake() error {
	takes, err := b.windows("run", b.plan.Window)
	if err != nil {
		return err
	}
	still, err := b.windows("idle", b.plan.Window)
	b.result.Intake = figure.Round(takes.CPU.Total()/takes.Seconds - still.CPU.Total()/still.Seconds)
	return err
}

// idleWindow is how long the process is looked at between two pairs of windows while nobody writes.
const idleWindow = 500 * time.Millisecond

// pair is what edge and bare loop spent, one right after the other.
type pair struct{ edge, bare house.Window }

// compare lets edge and bare loop write in turns; who begins changes from pair to pair. What the process does besides is looked at after
// each pair, and its median taken off: one look may fall on the collector.
func (b *bench) compare() error {
	_, err := b.windows("run", b.plan.Cadence) // settles the rows after the joins
	if err != nil {
		return err
	}
	var pairs []pair
	var idles []float64
	for i := range b.plan.Windows {
		var ours, bare house.Window
		if i%2 == 0 {
			ours, err = b.windows("run", b.plan.Window)
			bare, err = b.bareAfter(err)
		} else {
			bare, err = b.bareAfter(nil)
			if err == nil {
				ours, err = b.windows("run", b.plan.Window)
			}
		}
		if err != nil {
			return err
		}
		idle, err := b.windows("idle", idleWindow)
		if err != nil {
			return err
		}
		pairs = append(pairs, pair{ours, bare})
		idles = append(idles, idle.CPU.Total()/idle.Seconds)
	}
	b.idle = figure.Median(idles)
	b.result.Idle = figure.Round(b.idle)
	b.judge(pairs)
	return nil
}

// judge takes pairs of windows apart.
func (b *bench) judge(pairs []pair) {
	var edges, bares, without []float64
	for _, p := range pairs {
		edge, floor := b.perWrite(p.edge), b.perWrite(p.bare)
		edges, bares = append(edges, edge), append(bares, floor)
		intake := b.result.Intake * b.plan.Window.Seconds() / float64(p.edge.Writes) * 1e6
		without = append(without, (edge-intake)/floor)
		b.result.Ratios = append(b.result.Ratios, figure.Round(edge/floor))
		b.result.Short += p.edge.Short + p.bare.Short
		b.result.Writes, b.result.Bytes = p.edge.Writes, int(p.edge.Bytes/max(p.edge.Writes, 1))
	}
	b.result.Ratio, b.result.NoTake = figure.Median(b.result.Ratios), figure.Round(figure.Median(without))
	b.result.Edge, b.result.Bare = figure.Round(figure.Median(edges)), figure.Round(figure.Median(bares))
}

// perWrite is microseconds of CPU.
func (b *bench) perWrite(w house.Window) float64 {
	return (w.CPU.Total() - b.idle*w.Seconds) / float64(max(w.Writes, 1)) * 1e6
}

func (b *bench) windows(order string, d time.Duration) (house.Window, error) {
	all, err := child.Tell[house.Window](b.servers, order, func(int) any { return d })
	return house.Sum(all), err
}

func (b *bench) bareAfter(err error) (house.Window, error) {
	if err != nil {
		return house.Window{}, err
	}
	all, err := child.Tell[house.Window](b.servers, "bare", func(int) any {
		return house.Bare{For: b.plan.Window, Interval: b.plan.Cadence, Variant: b.plan.Variant, TLS: b.plan.TLS, InOrder: b.plan.InOrder}
	})
	sum := house.Sum(all)
	if err == nil && sum.Failed > 0 {
		err = errors.New("a seat was closed while the bare loop wrote to it")
	}
	return sum, err
}

func (b *bench) play(on bool) error {
	_, err := child.Tell[bool](b.servers, "play", func(int) any { return on })
	return err
}

func (b *bench) heap() (sum house.Heap, err error) {
	all, err := child.Tell[house.Heap](b.servers, "heap", nil)
	for _, h := range all {
		sum.Inuse += h.Inuse
		sum.Alloc += h.Alloc
	}
	return sum, err
}
