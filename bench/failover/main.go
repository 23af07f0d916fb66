//go:build linux

// Command failover kills one edge of three under very many listeners, and later drains another one, which is then upgraded. It prints one
// JSON line, and exits with 1 when a bar is missed: every listener resumes, without a gap and without a stall.
//
//	go run ./bench/failover                         30,000 listeners
//	go run ./bench/failover -listeners 900 -over 5s -settle 5s
//	go run ./bench/failover -from ./epidaurus-0.1   a real upgrade: stage and edges begin with an older program
//
// It builds the program, runs a stage and three edges as processes of one cluster on this machine, and lets processes of epidaurus drill
// listen. Each listener is given the address of one edge: of the others he knows only what the signed list in his sound says.
//
// When one edge of three is gone, each of the others holds half of all; when another is drained, half of that half knocks at an edge that
// holds half already. Where that is more than a process may open files, some are refused there with "full" and go to the edge that was
// started again: that is a part of the test.
package main

import (
	"flag"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/cluster"
	"github.com/epidaurus-live/epidaurus/bench/internal/figure"
	"github.com/epidaurus-live/epidaurus/bench/internal/machine"
)

const (
	edges   = 3
	killed  = 0 // edge that is killed, and started again
	drained = 1 // edge that is drained, and upgraded
)

type plan struct {
	listeners, port    int
	ramp, settle, over time.Duration
	sample             float64
	from, flags        string
}

func main() {
	p := plan{}
	flag.IntVar(&p.listeners, "listeners", 30_000, "how many, in equal parts on three edges")
	flag.DurationVar(&p.ramp, "ramp", 15*time.Second, "within which time they come")
	flag.DurationVar(&p.settle, "settle", 15*time.Second, "before, between and after what happens: longer than depths and cadences")
	flag.DurationVar(&p.over, "over", 30*time.Second, "how long the drained edge sends its listeners away")
	flag.Float64Var(&p.sample, "sample", 0.05, "share of the listeners that looks into every packet; all check frame numbers")
	flag.StringVar(&p.from, "from", "", "program that stage and edges begin with; default: the one that is built here")
	flag.StringVar(&p.flags, "edge-flags", "", "more flags of each edge")
	flag.IntVar(&p.port, "port", 19_000, "where to look for free ports, from there on")
	flag.Parse()
	r, err := run(p)
	figure.Fail(err)
	figure.Fail(figure.Print(r))
	if len(r.Missed) > 0 {
		os.Exit(1)
	}
}

// result is what became of the listeners.
type result struct {
	Listeners int              `json:"listeners"`
	Seated    int64            `json:"seated"`
	Lost      int              `json:"lost"`    // without a seat at the end
	Depth     float64          `json:"depth_s"` // the least sound that anybody began with
	Killed    move             `json:"killed"`
	Drained   move             `json:"drained"`
	Away      away             `json:"away"` // of both, as the listeners saw it: from the cut to the next sound
	Gaps      int64            `json:"gaps"` // frames missing, in all of the run
	Stalls    int64            `json:"stalls"`
	Silent    int64            `json:"silent_frames"` // known of those who look into every packet
	Wrong     int64            `json:"wrong"`
	Frames    int64            `json:"frames"`
	Edges     map[string][]int `json:"seats_of_edges"`
	Before    string           `json:"version_before"`
	After     string           `json:"version_after"` // of the edges that were started again
	Invalid   []string         `json:"invalid,omitempty"`
	Notes     []string         `json:"notes,omitempty"`
	Missed    []string         `json:"missed,omitempty"`
	Machine   machine.Facts    `json:"machine"`
}

// move is what became of the listeners of one edge.
type move struct {
	At         time.Time        `json:"at"`
	Seats      int              `json:"seats"` // on that edge before
	Cuts       int64            `json:"cuts"`
	Resumed    int64            `json:"resumed"`
	NotResumed int64            `json:"not_resumed"`
	Gaps       int64            `json:"gaps"`
	Stalls     int64            `json:"stalls"`
	Silent     int64            `json:"silent_frames"`
	Wrong      int64            `json:"wrong"`
	Refused    map[string]int64 `json:"refused"`              // tries, before they found a seat
	Failed     map[string]int64 `json:"failed"`               // tries without an answer
	Away       float64          `json:"longest_away_s"`       // of one listener
	Back       *back            `json:"back,omitempty"`       // since the kill, as the other edges' counts of seats say
	Unlisted   float64          `json:"unlisted_s,omitempty"` // since the kill, until no edge named the dead one
	Wave       float64          `json:"wave_s,omitempty"`     // from the word until the edge was empty
}

// show is a run.
type show struct {
	plan
	result *result
	dir    string
	before string // programs
	after  string
	cluster.Cluster
	drills []*cluster.Drill
}

func run(p plan) (_ *result, err error) {
	r := &result{Listeners: p.listeners, Edges: map[string][]int{}, Machine: machine.About()}
	s := &show{plan: p, result: r}
	s.dir, err = os.MkdirTemp("", "epidaurus-failover-")
	if err != nil {
		return r, err
	}
	defer func() { _ = os.RemoveAll(s.dir) }() // it is the system's to clean
	err = s.programs()
	if err != nil {
		return r, err
	}
	defer func() { s.Stop() }()
	s.Cluster, err = cluster.Start(s.before, s.dir, p.port, edges, strings.Fields(p.flags))
	if err != nil {
		return r, err
	}
	host, err := cluster.Claim(s.HostLink)
	if err == nil {
		s.Room, err = host.OpenRoom("Failover")
	}
	if err != nil {
		return r, err
	}
	defer func() {
		for _, d := range s.drills {
			d.Kill()
		}
	}()
	for _, act := range []func() error{s.seat, s.kill, s.restart, s.drain, s.upgrade, s.end} {
		err = act()
		if err != nil {
			return r, err
		}
	}
	r.judge()
	return r, nil
}

// programs builds the program, and asks which builds there are.
func (s *show) programs() (err error) {
	s.after = filepath.Join(s.dir, "epidaurus")
	build := exec.Command("go", "build", "-buildvcs=auto", "-o", s.after, "github.com/epidaurus-live/epidaurus/cmd/epidaurus")
	build.Env, build.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	err = build.Run()
	if err != nil {
		return fmt.Errorf("build the program: %w", err)
	}
	s.before = s.after
	if s.from != "" {
		s.before = s.from
	}
	s.result.Before, err = version(s.before)
	if err == nil {
		s.result.After, err = version(s.after)
	}
	return err
}

func version(program string) (string, error) {
	out, err := exec.Command(program, "version").Output()
	if err != nil {
		return "", fmt.Errorf("%s version: %w", program, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// seat lets all come, each to one edge.
func (s *show) seat() error {
	err := s.Listed("of three", 0, 1, 2)
	if err != nil {
		return err
	}
	time.Sleep(s.settle) // the room has more than a depth of sound by then
	for i, e := range s.Edges {
		n := s.listeners / edges
		if i < s.listeners%edges {
			n++
		}
		d, err := startDrill(s.after, e.Origin+"/r/"+s.Room, n, s.plan, filepath.Join(s.dir, fmt.Sprintf("drill-%d.json", i)))
		if err != nil {
			return err
		}
		s.drills = append(s.drills, d)
	}
	err = s.all("listeners are seated", s.ramp+time.Minute)
	time.Sleep(s.settle)
	return err
}

// kill ends one edge as a crash would.
func (s *show) kill() error {
	before, err := s.count("before the kill")
	if err != nil {
		return err
	}
	k := &s.result.Killed
	k.Seats = before[killed]
	k.At = time.Now()
	s.Edges[killed].Kill()
	k.Back, err = s.comeBack(k.At, s.listeners-before[killed], before[killed])
	if err != nil {
		return err
	}
	figure.Say("%d listeners of the killed edge are back: half within %.2f s, all within %.2f s", k.Back.Count, k.Back.P50, k.Back.Max)
	err = s.Listed("that is left", 1, 2)
	if err != nil {
		return err
	}
	k.Unlisted = figure.Round(time.Since(k.At).Seconds())
	time.Sleep(s.settle) // whoever has a gap or nothing to play notices it by then
	_, err = s.count("after the kill")
	return err
}

// restart starts the killed edge again, and waits until listeners know it.
func (s *show) restart() error {
	err := s.Edges[killed].Start(s.after)
	if err == nil {
		err = s.Listed("again after the restart", 0, 1, 2)
	}
	time.Sleep(s.settle) // a seat is told with its next write
	return err
}

// drain empties one edge, and waits until all have found another.
func (s *show) drain() error {
	before, err := s.count("before the drain")
	if err != nil {
		return err
	}
	d := &s.result.Drained
	d.Seats, d.At = before[drained], time.Now()
	err = s.Edges[drained].Drain(s.over)
	if err != nil {
		return err
	}
	for limit := time.Now().Add(s.over + 30*time.Second); ; time.Sleep(50 * time.Millisecond) {
		left, err := s.Edges[drained].Seats()
		if err != nil {
			return err
		}
		if left == 0 {
			break
		}
		if time.Now().After(limit) {
			return fmt.Errorf("the edge that drains over %s has %d seats 30 s after that", s.over, left)
		}
	}
	d.Wave = figure.Round(time.Since(d.At).Seconds())
	err = s.all("listeners are seated after the drain", time.Minute)
	if err != nil {
		return err
	}
	_, err = s.count("after the drain")
	return err
}

// upgrade starts the drained edge anew while the others go on.
func (s *show) upgrade() error {
	s.Edges[drained].Stop()
	err := s.Edges[drained].Start(s.after)
	if err == nil {
		err = s.Listed("again after the upgrade", 0, 1, 2)
	}
	time.Sleep(s.settle)
	return err
}

// end reads what the listeners saw.
func (s *show) end() error {
	there, err := s.count("at the end")
	if err != nil {
		return err
	}
	r := s.result
	r.Lost = r.Listeners
	for _, n := range there {
		r.Lost -= n
	}
	for _, d := range s.drills {
		var found findings
		err := d.End(&found)
		if err != nil {
			return err
		}
		r.add(found)
	}
	return nil
}

// count notes how many seats each edge has.
func (s *show) count(when string) ([]int, error) {
	all := make([]int, edges)
	for i, e := range s.Edges {
		if !e.Runs() {
			continue
		}
		n, err := e.Seats()
		if err != nil {
			return nil, err
		}
		all[i] = n
	}
	s.result.Edges[when] = all
	figure.Say("%s: %v", when, all)
	return all, nil
}

// moves are what was done, in order.
func (r *result) moves() iter.Seq2[string, *move] {
	return func(yield func(string, *move) bool) {
		_ = yield("kill", &r.Killed) && yield("drain", &r.Drained)
	}
}

// judge says which bars were missed.
func (r *result) judge() {
	bar := func(met bool, format string, args ...any) {
		if !met {
			r.Missed = append(r.Missed, fmt.Sprintf(format, args...))
		}
	}
	bar(r.Seated == int64(r.Listeners), "%d of %d were seated", r.Seated, r.Listeners)
	bar(r.Lost == 0, "%d had no seat at the end", r.Lost)
	bar(r.Depth >= 4, "somebody began with %.2f s of sound, less than 4 s", r.Depth)
	for what, m := range r.moves() {
		m.NotResumed = m.Cuts - m.Resumed
		bar(m.Seats > 0 && m.Cuts == int64(m.Seats), "at the %s %d were cut off; the edge had %d seats", what, m.Cuts, m.Seats)
		bar(m.NotResumed == 0, "after the %s %d did not resume", what, m.NotResumed)
	}
	bar(r.Gaps == 0, "%d frames were missing", r.Gaps)
	bar(r.Stalls == 0, "players stalled %d times", r.Stalls)
	bar(r.Silent == 0, "%d frames were silent", r.Silent)
	bar(r.Wrong == 0, "%d times something was wrong", r.Wrong)
	bar(len(r.Invalid) == 0, "the generator was the bottleneck")
}
