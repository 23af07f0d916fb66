//go:build linux

// Command million seats as many listeners as the machine holds with both ends on it, on the edges of one cluster. It prints one JSON line.
//
//	go run ./bench/million -prepare -apart -seats 300000 -cadence 3.84s -variant opus-12 -congestion cubic -rate 2000
//	go run ./bench/million -prepare -apart -seats 870000 -cadence 15.36s -variant opus-12 -congestion cubic -rate 2400 -taper 1000000 -bare-seats 1000000
//	go run ./bench/million -serve 'epidaurus serve --roles edge … :{port}' -path /r/harbour/live.mp4 -seats 300000
//
// Without -serve the edges are processes of the bench, fed by the machine's clock with packets that are a function of their number:
// all serve the same bytes. With it, -serve is started once for each process, with {port} and {i} filled in. One of -parse-every
// listeners takes everything apart; the others count bytes. Afterwards bare loops do the same with as many bytes, for the ratio;
// -bare=false leaves that out.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"runtime"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/bare"
	"github.com/epidaurus-live/epidaurus/bench/internal/child"
	"github.com/epidaurus-live/epidaurus/bench/internal/crowd"
	"github.com/epidaurus-live/epidaurus/bench/internal/figure"
	"github.com/epidaurus-live/epidaurus/bench/internal/frames"
	"github.com/epidaurus-live/epidaurus/bench/internal/house"
	"github.com/epidaurus-live/epidaurus/bench/internal/machine"
	"github.com/epidaurus-live/epidaurus/tape"
)

// longestFill is when joins that are still on their way are given up.
const longestFill = 20 * time.Minute

type plan struct {
	seats, perProcess, parseEvery int
	cadence, long, bareFor        time.Duration
	rate, taper                   float64
	bareSeats                     int
	connectors, port              int
	variant, tls, serve, path     string
	congestion                    string
	bare                          bool
}

func main() {
	roles := bare.Roles()
	roles[house.Role] = house.Made
	child.Main(roles)
	p := plan{}
	flag.IntVar(&p.seats, "seats", 300_000, "how many")
	flag.IntVar(&p.perProcess, "per-process", min(18_300, machine.OpenFiles()-1700), "seats of one edge process, at most")
	flag.IntVar(&p.parseEvery, "parse-every", 500, "one of so many takes everything apart")
	flag.DurationVar(&p.cadence, "cadence", 3840*time.Millisecond, "between two writes to a seat; with -serve: what that was told")
	flag.DurationVar(&p.long, "for", 10*time.Minute, "how long to hold them")
	flag.DurationVar(&p.bareFor, "bare-for", 2*time.Minute, "how long the bare loops write")
	flag.Float64Var(&p.rate, "rate", 0, "joins per second by the clock; 0: -connectors at once")
	flag.Float64Var(&p.taper, "taper", 0, "with -rate: it falls evenly with those who came, to nothing at this count; default: it stays")
	flag.IntVar(&p.connectors, "connectors", 512, "joins at once")
	flag.StringVar(&p.variant, "variant", string(tape.Opus24), "what they hear")
	flag.StringVar(&p.tls, "tls", "", "full or resumed; default: plain")
	flag.StringVar(&p.serve, "serve", "", "command that serves a room on {port}")
	flag.IntVar(&p.port, "port", 18000, "with -serve: the first port")
	flag.StringVar(&p.path, "path", fmt.Sprintf("/r/%s/live.mp4", frames.Room(0)), "of the room's sound")
	flag.StringVar(&p.congestion, "congestion", "", "congestion control of the servers' sockets; default: the system's; not with -serve")
	flag.BoolVar(&p.bare, "bare", true, "let bare loops do the same afterwards")
	flag.IntVar(&p.bareSeats, "bare-seats", 0, "how many the bare loops try to hold; default: -seats")
	prepare := flag.Bool("prepare", false, "set what the kernel needs for very many connections (root)")
	apart := flag.Bool("apart", false, "in a network namespace of its own, whose table of connections is as large as this needs (root)")
	flag.Parse()
	if p.taper > 0 && p.taper <= float64(p.seats) {
		figure.Fail(fmt.Errorf("-taper %.0f: has to be more than -seats", p.taper))
	}
	if *prepare {
		figure.Fail(machine.Prepare(flag.CommandLine.Output()))
	}
	if *apart {
		figure.Fail(machine.Apart(max(p.seats, p.bareSeats)))
	}
	for _, line := range machine.Commands() {
		figure.Say("for very many connections: %s", line)
	}
	r, err := run(p)
	figure.Fail(err)
	if p.bare {
		figure.Fail(r.compare(p))
	}
	figure.Fail(figure.Print(r))
}

// result is what the machine held.
type result struct {
	Asked     int            `json:"asked"`
	Held      int            `json:"held"` // at the end
	Lost      int            `json:"seats_lost"`
	Failed    int            `json:"joins_failed"`
	Errors    map[string]int `json:"errors,omitempty"`
	Processes int            `json:"processes_each_side"`
	Cadence   string         `json:"cadence"`
	Variant   string         `json:"variant"`
	TLS       string         `json:"tls"`
	Joining   float64        `json:"joining_s"`
	Joins     float64        `json:"joins_per_s"`
	Seconds   float64        `json:"held_s"`
	Parsing   int64          `json:"parsing"` // of these everything was taken apart
	Frames    int64          `json:"frames_parsed"`
	Gaps      int64          `json:"gaps"`      // that those saw
	Silences  uint64         `json:"edge_gaps"` // times that an edge gave a late seat silence
	Bytes     int            `json:"bytes_per_write"`
	PerSeat   float64        `json:"bytes_per_listener_s"`
	Servers   machine.CPU    `json:"servers_cpu"` // while held
	Clients   machine.CPU    `json:"clients_cpu"`
	Cores     float64        `json:"cores_of_all"`
	PerWrite  float64        `json:"server_us_per_write"`
	Memory    int64          `json:"memory_bytes"` // by which MemAvailable fell
	RSS       int64          `json:"rss_bytes"`
	ServerRSS int64          `json:"server_rss_bytes"`
	Worst     float64        `json:"worst_tick_s"`
	Stopped   []string       `json:"stopped_by"`
	Bare      *bare.Result   `json:"bare,omitempty"`
	OfBare    float64        `json:"held_of_bare,omitempty"`
	Machine   machine.Facts  `json:"machine"`
}

func run(p plan) (*result, error) {
	n := (p.seats + p.perProcess - 1) / p.perProcess
	r := &result{
		Asked: p.seats, Processes: n, Cadence: p.cadence.String(), Variant: p.variant, TLS: p.tls, Machine: machine.About(),
	}
	free := machine.Available()
	s, err := startServers(n, p)
	if err != nil {
		return r, err
	}
	defer s.stop()
	path := p.path + "?variant=" + p.variant
	crowds, err := crowd.Start(n, crowd.Config{
		Paths: []string{path}, TLS: p.tls, ParseEvery: p.parseEvery, Content: p.serve == "", Mark: "mdat", Nap: crowd.Gather(p.cadence),
	}, func(i int, c *crowd.Config) { c.Targets = []string{s.addresses()[i]} })
	defer func() { crowds.Stop() }()
	if err != nil {
		return r, err
	}
	err = r.fill(p, crowds)
	if err == nil {
		err = r.hold(p, s, crowds)
	}
	r.Memory = free - machine.Available()
	return r, err
}

// fill seats all who find a seat.
func (r *result) fill(p plan, crowds crowd.Crowds) error {
	begin := time.Now()
	err := crowds.Ask(crowd.Join{Count: p.seats, Rate: p.rate, Taper: p.taper, Connectors: p.connectors})
	if err != nil {
		return err
	}
	for said := begin; ; time.Sleep(200 * time.Millisecond) {
		c, err := crowds.Report()
		if err != nil {
			return err
		}
		r.Joining = time.Since(begin).Seconds()
		r.Joins = figure.Round(float64(c.Seated) / r.Joining)
		if c.Settled() {
			figure.Say("%d seated, %d failed in %.1f s", c.Seated, c.Failed, r.Joining)
			return nil
		}
		if time.Since(begin) > longestFill {
			r.Stopped = append(r.Stopped, fmt.Sprintf("%d joins never settled", c.Asked-c.Seated-c.Failed))
			return nil
		}
		if time.Since(said) > 5*time.Second {
			said = time.Now()
			figure.Say("%d of %d seated, %d failed, %d lost, %d MB free", c.Seated, c.Asked, c.Failed, c.Lost, machine.Available()>>20)
		}
	}
}

// hold lets them listen, and says how it goes.
func (r *result) hold(p plan, s servers, crowds crowd.Crowds) error {
	time.Sleep(2 * p.cadence) // the rows settle after the joins
	first, c0, err := both(s, crowds)
	if err != nil {
		return err
	}
	begin := time.Now()
	for last, stats, c := begin, first, c0; ; {
		time.Sleep(min(15*time.Second, p.long-time.Since(begin)))
		was := last
		now, r2, err := both(s, crowds)
		if err != nil {
			return err
		}
		last = time.Now()
		span := last.Sub(was).Seconds()
		r.Worst = max(r.Worst, now.Worst)
		figure.Say("held %d, lost %d, gaps %d; servers %.2f + clients %.2f cores; worst tick %.0f ms; %d MB free",
			r2.Seated-r2.Lost, r2.Lost, r2.Gaps, now.CPU.Less(stats.CPU).Total()/span, r2.CPU.Less(c.CPU).Total()/span,
			now.Worst*1000, machine.Available()>>20)
		stats, c = now, r2
		if time.Since(begin) >= p.long {
			break
		}
	}
	end, c1, err := both(s, crowds)
	if err != nil {
		return err
	}
	r.Seconds = time.Since(begin).Seconds()
	r.judge(p, first, end, c0, c1)
	return nil
}

func both(s servers, crowds crowd.Crowds) (house.Stats, crowd.Report, error) {
	stats, err := s.stats()
	if err != nil {
		return stats, crowd.Report{}, err
	}
	c, err := crowds.Report()
	return stats, c, err
}

// judge makes the figures of the time between two moments, and says what the limit was.
func (r *result) judge(p plan, first, end house.Stats, c0, c1 crowd.Report) {
	r.Held, r.Lost, r.Failed, r.Errors = c1.Seated-c1.Lost, c1.Lost, c1.Failed, c1.Errors
	r.Parsing, r.Frames, r.Gaps, r.Silences = c1.Parsing, c1.Frames, c1.Gaps, end.Gaps
	r.Servers, r.Clients = end.CPU.Less(first.CPU), c1.CPU.Less(c0.CPU)
	r.Cores = figure.Round((r.Servers.Total() + r.Clients.Total()) / r.Seconds)
	r.RSS, r.ServerRSS = end.RSS+c1.RSS, end.RSS
	r.PerSeat = figure.Round(float64(c1.Bytes-c0.Bytes) / float64(max(r.Held, 1)) / r.Seconds)
	r.Bytes = int(r.PerSeat * p.cadence.Seconds())
	if writes := end.Writes - first.Writes; writes > 0 {
		r.Bytes = int((end.BytesOut - first.BytesOut) / writes)
		r.PerWrite = figure.Round(r.Servers.Total() / float64(writes) * 1e6)
	}
	if r.Failed > 0 {
		r.Stopped = append(r.Stopped, fmt.Sprintf("%d found no seat: %v", r.Failed, r.Errors))
	}
	if r.Lost > 0 {
		r.Stopped = append(r.Stopped, fmt.Sprintf("%d seats were lost", r.Lost))
	}
	if r.Gaps > 0 {
		r.Stopped = append(r.Stopped, fmt.Sprintf("%d gaps", r.Gaps))
	}
	if r.Cores > 0.95*float64(runtime.NumCPU()) {
		r.Stopped = append(r.Stopped, "the CPU is full")
	}
}

// compare lets bare loops hold as many with as many bytes.
func (r *result) compare(p plan) error {
	b, err := bare.Run(bare.Config{
		Connections: cmp.Or(p.bareSeats, p.seats), PerProcess: bare.DefaultPerProcess(), Bytes: max(r.Bytes, 1), Every: p.cadence,
		For: max(p.bareFor, 2*p.cadence), Connectors: 1024, Congestion: p.congestion,
	})
	if err != nil {
		return err
	}
	r.Bare = &b
	if b.Held > 0 {
		r.OfBare = figure.Round(float64(r.Held) / float64(b.Held))
	}
	return nil
}
