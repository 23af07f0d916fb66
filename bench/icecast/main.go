//go:build linux

// Command icecast compares the edge with Icecast as Debian packs it: the same 32 kbit/s of Ogg Opus, in the same run, with as many
// listeners at the same time. It prints one JSON line.
//
//	apt-get install icecast2        (and keep its service stopped)
//	go run ./bench/icecast
//
// Icecast is started on a port of its own with its files in a temporary folder, as nobody when this runs as root. Its source makes a page
// every 0.96 s, so that it writes as often as the edge at that cadence; how often both write is counted by the listeners' reads.
package main

import (
	"flag"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/child"
	"github.com/epidaurus-live/epidaurus/bench/internal/crowd"
	"github.com/epidaurus-live/epidaurus/bench/internal/figure"
	"github.com/epidaurus-live/epidaurus/bench/internal/frames"
	"github.com/epidaurus-live/epidaurus/bench/internal/house"
	"github.com/epidaurus-live/epidaurus/bench/internal/machine"
)

type plan struct {
	program     string
	port        int
	few, all    int
	windows     int
	window      time.Duration
	connectors  int
	sizes       frames.Sizes
	short, long time.Duration
}

func main() {
	child.Main(map[string]child.Role{house.Role: house.Made, crowd.Role: crowd.Made})
	p := plan{sizes: frames.Sizes{80, 80, 80}, short: 960 * time.Millisecond, long: 3840 * time.Millisecond} // 80 bytes: 32 kbit/s
	flag.StringVar(&p.program, "icecast", "icecast2", "the program")
	flag.IntVar(&p.port, "port", 18900, "of Icecast")
	flag.IntVar(&p.few, "few", 3000, "listeners from which the slope of memory is taken")
	flag.IntVar(&p.all, "listeners", 9000, "of each server")
	flag.IntVar(&p.windows, "windows", 5, "of each kind")
	flag.DurationVar(&p.window, "window", 7680*time.Millisecond, "length of one")
	flag.IntVar(&p.connectors, "connectors", 256, "joins at once")
	flag.Parse()
	r, err := run(p)
	figure.Fail(err)
	figure.Fail(figure.Print(r))
}

// side is what one server came to.
type side struct {
	Cores     float64 `json:"cores"`
	Listener  float64 `json:"us_per_listener_s"`
	Writes    float64 `json:"writes_per_listener_s"`
	PerWrite  float64 `json:"us_per_write"`
	Few       int64   `json:"rss_few"`
	All       int64   `json:"rss_all"`
	Slope     float64 `json:"rss_bytes_per_listener"`
	Joins     float64 `json:"joins_per_s"`
	Held      int     `json:"held"`
	Failed    int     `json:"failed"`
	Lost      int     `json:"lost"`
	Parsing   int64   `json:"parsing"`
	Gaps      int64   `json:"gaps"`
	perWrites []float64
	cores     []float64
	rates     []float64
}

type result struct {
	Listeners int             `json:"listeners"`
	Icecast   side            `json:"icecast"`
	Edge      side            `json:"edge"`      // at 0.96 s
	EdgeLong  side            `json:"edge_3_84"` // and at 3.84 s
	Listener  float64         `json:"cpu_per_listener_ratio"`
	Write     float64         `json:"cpu_per_write_ratio"`
	Long      float64         `json:"cpu_per_listener_ratio_3_84"`
	Joins     float64         `json:"joins_ratio"`
	Sections  sectionsCompare `json:"sections"`
	Machine   machine.Facts   `json:"machine"`
}

type sectionsCompare struct {
	One   float64 `json:"us_per_write_one_section_one_core"`
	Two   float64 `json:"us_per_write_two_sections_two_cores"`
	Ratio float64 `json:"ratio"`
}

func run(p plan) (r result, err error) {
	r = result{Listeners: p.all, Machine: machine.About()}
	ice, err := startIcecast(p.program, p.port, frames.NewBook(p.sizes), p.short)
	if err != nil {
		return r, err
	}
	defer ice.stop()
	theirs, err := newSide(p, target{
		at: ice.at, path: mount,
		cpu: func() (machine.CPU, error) { return machine.Of(ice.pid()) },
		rss: func() int64 { return machine.RSS(ice.pid()) },
	}, 0)
	if err != nil {
		return r, err
	}
	defer theirs.stop()
	ours, err := newEdge(p, p.short, 1)
	if err != nil {
		return r, err
	}
	defer ours.stop()
	for _, s := range []*contender{theirs, ours} {
		err = s.sit(p)
		if err != nil {
			return r, err
		}
	}
	err = together(p, theirs, ours)
	if err != nil {
		return r, err
	}
	r.Icecast, r.Edge = theirs.side, ours.side
	r.Listener, r.Write = ratio(ours.side.cores, theirs.side.cores), ratio(ours.side.perWrites, theirs.side.perWrites)
	r.Joins = figure.Round(ours.side.Joins / theirs.side.Joins)
	ours.stop()
	err = r.slow(p, theirs)
	theirs.stop()
	if err == nil {
		r.Sections, err = sections(p)
	}
	return r, err
}

// slow compares the edge at its longer cadence.
func (r *result) slow(p plan, theirs *contender) error {
	long, err := newEdge(p, p.long, 2)
	if err != nil {
		return err
	}
	defer long.stop()
	err = long.sit(p)
	if err != nil {
		return err
	}
	err = together(p, theirs, long)
	r.EdgeLong, r.Long = long.side, ratio(long.side.cores, theirs.side.cores)
	return err
}

// ratio is the median of the ratios of windows that lay at the same time.
func ratio(a, b []float64) float64 {
	var all []float64
	for i := range a {
		all = append(all, a[i]/b[i])
	}
	return figure.Round(figure.Median(all))
}
