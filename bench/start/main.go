//go:build linux

// Command start plays the minute at which a room begins: very many listeners are seated and hear the hold sound, more come each second, somebody
// speaks behind the curtain, and the clock opens it. It prints one table, and exits with 1 when a bar is missed.
//
//	go run ./bench/start                        15,000 seated, 2,000 a second for two seconds around the start, at two edges
//	go run ./bench/start -seats 500 -rate 50    small
//	go run ./bench/start -json                  one JSON line instead of the table
//
// It builds the program, runs a stage and edges as processes of one cluster on loopback, and lets processes of epidaurus drill listen. When the
// first word left the mixer the stage itself says (first_word_ms of the room's life); when it was at a seat, listeners of this bench say, who look
// for the event by which the room is live.
package main

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/cluster"
	"github.com/epidaurus-live/epidaurus/bench/internal/figure"
	"github.com/epidaurus-live/epidaurus/bench/internal/machine"
)

type plan struct {
	seats, edges, probes, port   int
	rate                         float64
	around, ramp, settle, longer time.Duration
}

const (
	// mostOfAnEdge is how many seats an edge is asked for: a process may open 20,000 files.
	mostOfAnEdge = 12_000
	// firstWordBar is how long after the start the first word may leave the mixer.
	firstWordBar = 100 * time.Millisecond
)

func main() {
	p := plan{}
	flag.IntVar(&p.seats, "seats", 15_000, "listeners who are seated before the start")
	flag.Float64Var(&p.rate, "rate", 2_000, "listeners who come each second around the start")
	flag.DurationVar(&p.around, "around", 2*time.Second, "for how long they come, half of it before the start")
	flag.IntVar(&p.edges, "edges", 0, "edge processes; default: two, and as many more as the seats need")
	flag.IntVar(&p.probes, "probes", 20, "listeners at each edge who look for the first word")
	flag.DurationVar(&p.ramp, "ramp", 15*time.Second, "within which time the seated come")
	flag.DurationVar(&p.settle, "settle", 15*time.Second, "between the last of them and the start: longer than depths and cadences")
	flag.DurationVar(&p.longer, "longer", 15*time.Second, "how long all stay after the start")
	flag.IntVar(&p.port, "port", 19_100, "where to look for free ports, from there on")
	line := flag.Bool("json", false, "print one JSON line instead of a table")
	flag.Parse()
	if p.edges == 0 {
		p.edges = max(2, (p.seats+p.arrivals()+mostOfAnEdge-1)/mostOfAnEdge)
	}
	r, err := run(p)
	figure.Fail(err)
	if *line {
		figure.Fail(figure.Print(r))
	} else {
		r.print(os.Stdout)
	}
	if len(r.Missed) > 0 {
		os.Exit(1)
	}
}

// arrivals is how many come around the start.
func (p plan) arrivals() int { return int(p.rate * p.around.Seconds()) }

// evening is a run.
type evening struct {
	plan
	cluster.Cluster
	result  *result
	dir     string
	program string
	host    *cluster.Host
	start   time.Time
	seated  []*cluster.Drill
	comers  []*cluster.Drill
	voice   *exec.Cmd
}

func run(p plan) (_ *result, err error) {
	e := &evening{plan: p, result: &result{Seats: p.seats, Rate: p.rate, Around: p.around.Seconds(), Edges: p.edges, Machine: machine.About()}}
	e.dir, err = os.MkdirTemp("", "epidaurus-start-")
	if err != nil {
		return e.result, err
	}
	defer func() { _ = os.RemoveAll(e.dir) }() // it is the system's to clean
	defer e.stop()
	for _, act := range []func() error{e.build, e.open, e.announce, e.speak, e.seat, e.begin, e.end} {
		err = act()
		if err != nil {
			return e.result, err
		}
	}
	e.result.judge()
	return e.result, nil
}

// stop ends all that is left.
func (e *evening) stop() {
	for _, d := range append(e.seated, e.comers...) {
		d.Kill()
	}
	if e.voice != nil {
		_ = e.voice.Process.Kill()
		_ = e.voice.Wait() // it was killed
	}
	e.Cluster.Stop()
}

func (e *evening) build() error {
	e.program = filepath.Join(e.dir, "epidaurus")
	build := exec.Command("go", "build", "-buildvcs=auto", "-o", e.program, "github.com/epidaurus-live/epidaurus/cmd/epidaurus")
	build.Env, build.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	err := build.Run()
	if err != nil {
		return fmt.Errorf("build the program: %w", err)
	}
	out, err := exec.Command(e.program, "version").Output()
	e.result.Version = string(out)
	return err
}

func (e *evening) open() (err error) {
	e.Cluster, err = cluster.Start(e.program, e.dir, e.port, e.edges, []string{"--max-seats", "0"})
	if err != nil {
		return err
	}
	e.host, err = cluster.Claim(e.HostLink)
	return err
}

// announce makes a room that begins by the clock. Its doors are open at once.
func (e *evening) announce() error {
	e.start = time.Now().Add(e.ramp + e.settle + 20*time.Second).Truncate(time.Second)
	var room struct{ ID string }
	err := e.host.Ask(http.MethodPost, "/api/rooms", map[string]any{
		"title": "Evening", "lang": "en", "start": e.start.UTC().Format(time.RFC3339), "zone": "UTC", "lead_s": 3600, "by_clock": true, "tape": false,
		"expect": e.seats + e.arrivals(),
	}, &room)
	if err != nil {
		return err
	}
	e.Room = room.ID
	err = cluster.Wait(10*time.Second, "the doors are open", func() (bool, error) {
		l, err := e.life()
		return l.State == "doors", err
	})
	if err != nil {
		return err
	}
	var all []int
	for i := range e.edges {
		all = append(all, i)
	}
	return e.Listed("edge", all...)
}

// life is what the stage says of the room.
type life struct {
	State       string `json:"state"`
	FirstWordMS *int64 `json:"first_word_ms"`
}

func (e *evening) life() (l life, err error) {
	err = e.host.Ask(http.MethodGet, "/api/rooms/"+e.Room+"/life", struct{}{}, &l)
	return l, err
}

// seat lets those come who are there before the start.
func (e *evening) seat() error {
	for i, at := range e.Edges {
		d, err := startDrill(e.program, e.dir, fmt.Sprintf("seated-%d", i), at.Origin+"/r/"+e.Room, []phase{
			{Shape: "ramp", Over: e.ramp, Listeners: share(e.seats, e.edges, i)}, {Shape: "hold", Over: longest},
		})
		if err != nil {
			return err
		}
		e.seated = append(e.seated, d)
	}
	return cluster.Wait(e.ramp+30*time.Second, fmt.Sprintf("%d are seated", e.seats), func() (bool, error) {
		n, err := e.Seated()
		return n == e.seats, err
	})
}

// share is the i-th of n equal parts.
func share(all, n, i int) int {
	if i < all%n {
		return all/n + 1
	}
	return all / n
}

// begin waits for the start, around which more come, and looks for the first word.
func (e *evening) begin() error {
	left := time.Until(e.start)
	if left < e.around/2+5*time.Second {
		return fmt.Errorf("to seat %d took so long that only %s are left to the start: say a longer -ramp or -settle", e.seats, left)
	}
	var probes []*probe
	for _, at := range e.Edges {
		for range e.probes {
			probes = append(probes, startProbe(at.Origin+"/r/"+e.Room+"/live.mp4"))
		}
	}
	defer func() {
		for _, p := range probes {
			p.stop()
		}
	}()
	for i, at := range e.Edges {
		d, err := startDrill(e.program, e.dir, fmt.Sprintf("comers-%d", i), at.Origin+"/r/"+e.Room, []phase{
			{Shape: "hold", Over: time.Until(e.start) - e.around/2 - drillStart}, {Shape: "steady", Over: e.around, Rate: e.rate / float64(e.edges)},
			{Shape: "hold", Over: longest},
		})
		if err != nil {
			return err
		}
		e.comers = append(e.comers, d)
	}
	figure.Say("it begins in %s", time.Until(e.start).Round(time.Millisecond))
	time.Sleep(time.Until(e.start) + e.around/2 + e.longer)
	for _, p := range probes {
		e.result.Word.take(p.stop(), e.start)
	}
	l, err := e.life()
	if err != nil {
		return err
	}
	if l.State != "live" || l.FirstWordMS == nil {
		return fmt.Errorf("the room is %q, and no word has left the mixer %s after the start", l.State, time.Since(e.start).Round(time.Second))
	}
	e.result.FirstWord = float64(*l.FirstWordMS) / 1000
	return nil
}

// end reads what the listeners saw.
func (e *evening) end() error {
	there, err := e.Seated()
	if err != nil {
		return err
	}
	e.result.There = there
	for _, d := range e.seated {
		var f findings
		err := d.End(&f)
		if err != nil {
			return err
		}
		e.result.Before.add(f)
	}
	for _, d := range e.comers {
		var f findings
		err := d.End(&f)
		if err != nil {
			return err
		}
		e.result.Comers.add(f)
	}
	return nil
}

// speak puts a tone on stage, which is a voice without a pause: the first word is there when the curtain opens.
func (e *evening) speak() error {
	file := filepath.Join(e.dir, "voice.wav")
	err := writeTone(file)
	if err != nil {
		return err
	}
	var guest struct {
		Token string `json:"token"`
		WHIP  string `json:"whip_url"`
	}
	err = e.host.Ask(http.MethodPost, "/api/rooms/"+e.Room+"/invites", map[string]string{"name": "Ada", "role": "speaker"}, &guest)
	if err != nil {
		return err
	}
	e.voice = exec.Command(e.program, "speak", guest.WHIP, file, "--token", guest.Token, "--loop")
	e.voice.Stderr = os.Stderr
	e.voice.SysProcAttr = ends()
	err = e.voice.Start()
	if err != nil {
		e.voice = nil
		return fmt.Errorf("put a voice on stage: %w", err)
	}
	return cluster.Wait(20*time.Second, "the voice is heard on stage", func() (bool, error) {
		var l struct {
			Lights []struct{ Name, State string }
		}
		err := e.host.Ask(http.MethodGet, "/api/rooms/"+e.Room+"/lights", struct{}{}, &l)
		for _, one := range l.Lights {
			if one.Name == "speakers" {
				return one.State == "green", err
			}
		}
		return false, err
	})
}

// result is what the start came to.
type result struct {
	Seats     int           `json:"seats"`
	Rate      float64       `json:"arrivals_per_s"`
	Around    float64       `json:"around_s"`
	Edges     int           `json:"edges"`
	Version   string        `json:"version"`
	FirstWord float64       `json:"first_word_s"` // after the start, when it left the mixer
	Word      word          `json:"word_at_seats"`
	Before    listeners     `json:"seated_before"`
	Comers    listeners     `json:"comers"`
	There     int           `json:"seats_at_the_end"`
	Missed    []string      `json:"missed,omitempty"`
	Machine   machine.Facts `json:"machine"`
}

func (r *result) judge() {
	bar := func(met bool, format string, args ...any) {
		if !met {
			r.Missed = append(r.Missed, fmt.Sprintf(format, args...))
		}
	}
	bar(r.FirstWord >= 0 && r.FirstWord <= firstWordBar.Seconds(), "the first word left the mixer %.3f s after the start", r.FirstWord)
	bar(r.Word.Heard == r.Word.Probes, "%d of %d listeners of the bench found the first word", r.Word.Heard, r.Word.Probes)
	bar(r.Word.Late == 0, "at %d of %d seats the first word came later than the delay that is shown there", r.Word.Late, r.Word.Probes)
	bar(r.Before.Seated == int64(r.Seats), "%d of %d were seated before", r.Before.Seated, r.Seats)
	bar(r.Before.Gaps == 0 && r.Before.Silent == 0, "the seated lack %d frames, and %d are silent", r.Before.Gaps, r.Before.Silent)
	bar(r.Before.Stalls == 0 && r.Before.Cuts == 0, "of the seated %d stalled, and %d were cut off", r.Before.Stalls, r.Before.Cuts)
	bar(len(r.Before.Invalid)+len(r.Comers.Invalid) == 0, "the generator was the bottleneck")
}

func (r *result) print(w *os.File) {
	fmt.Fprintf(w, "A room that begins by the clock: %d seated, %.0f a second come for %.1f s around the start; %d edges and a stage on loopback (%d cores)\n\n",
		r.Seats, r.Rate, r.Around, r.Edges, r.Machine.CPUs)
	fmt.Fprintf(w, "| figure | measured | bar |\n|---|---|---|\n")
	row := func(name, bar, format string, args ...any) {
		fmt.Fprintf(w, "| %s | %s | %s |\n", name, fmt.Sprintf(format, args...), bar)
	}
	row("first word leaves the mixer after the start", "100 ms", "%.0f ms", r.FirstWord*1000)
	row("it is at a seat after the start, of "+fmt.Sprint(r.Word.Probes), "the shown delay", "p50 %.2f s, max %.2f s; shown: %.2f s at least", r.Word.P50, r.Word.Max, r.Word.Shown)
	row("frames missing for the seated", "0", "%d of %d", r.Before.Gaps, r.Before.Frames)
	row("stalls, silent frames, cuts of the seated", "0", "%d, %d, %d", r.Before.Stalls, r.Before.Silent, r.Before.Cuts)
	row("who come: seated", "", "%d of %d", r.Comers.Seated, r.Comers.Due)
	row("who come: first sound", "", "p50 %.0f ms, p99 %.0f ms, max %.0f ms", r.Comers.First.P50, r.Comers.First.P99, r.Comers.First.Max)
	row("who come: refused, failed; gaps, stalls", "", "%s, %s; %d, %d", counted(r.Comers.Refused), counted(r.Comers.Failed), r.Comers.Gaps, r.Comers.Stalls)
	for _, m := range r.Missed {
		fmt.Fprintf(w, "\nmissed: %s\n", m)
	}
}

// counted is what was counted, by name.
func counted(all map[string]int64) string {
	if len(all) == 0 {
		return "none"
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		parts = append(parts, fmt.Sprintf("%d %s", all[name], name))
	}
	return strings.Join(parts, " and ")
}
