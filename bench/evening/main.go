//go:build linux

// Command evening moves a room under very many listeners. It prints one JSON line, and exits with 1 when a bar is missed: every listener is in the
// new room, without a gap in what he heard of either, and with at most a second of silence between the two.
//
//	go run ./bench/evening                          5,000 listeners
//	go run ./bench/evening -listeners 200 -ramp 3s -settle 5s
//
// It builds the program, runs it as one process on this machine, makes two rooms as a host would, and lets a process of epidaurus drill listen
// to one of them. Then it orders what the desk's button orders, and ends the old room when it is empty.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/cluster"
	"github.com/epidaurus-live/epidaurus/bench/internal/figure"
	"github.com/epidaurus-live/epidaurus/bench/internal/machine"
)

// patience is how long anything may take that is no part of the test.
const patience = time.Minute

// asking is for the public page.
var asking = &http.Client{Timeout: patience}

type plan struct {
	listeners    int
	ramp, settle time.Duration
	sample       float64
}

func main() {
	p := plan{}
	flag.IntVar(&p.listeners, "listeners", 5000, "how many")
	flag.DurationVar(&p.ramp, "ramp", 10*time.Second, "within which time they come")
	flag.DurationVar(&p.settle, "settle", 15*time.Second, "before and after the move: longer than depths and cadences")
	flag.Float64Var(&p.sample, "sample", 0.05, "share of the listeners that looks into every packet; all check frame numbers")
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
	Listeners int           `json:"listeners"`
	Seated    int64         `json:"seated"`
	Moved     int64         `json:"moved"`
	Silence   spread        `json:"silence"`  // between the two rooms, at an ideal player's ear
	Within    float64       `json:"within_s"` // of the order's moment, until the last one had left the old room
	Left      int           `json:"left"`     // in the old room after that
	Gaps      int64         `json:"gaps"`
	Stalls    int64         `json:"stalls"`
	Stalled   int64         `json:"stalls_since_the_move"` // of these; before it the machine was too slow for the listeners, or the listeners' process was
	Wrong     int64         `json:"wrong"`
	Cuts      int64         `json:"cuts"`
	Refused   int64         `json:"refused"`
	Invalid   []string      `json:"invalid,omitempty"`
	Notes     []string      `json:"notes,omitempty"`
	Missed    []string      `json:"missed,omitempty"`
	Machine   machine.Facts `json:"machine"`
}

// spread is a distribution, in ms.
type spread struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

// judge says which bars were missed.
func (r *result) judge() {
	bar := func(met bool, format string, args ...any) {
		if !met {
			r.Missed = append(r.Missed, fmt.Sprintf(format, args...))
		}
	}
	bar(r.Seated == int64(r.Listeners), "%d of %d were seated", r.Seated, r.Listeners)
	bar(r.Moved == int64(r.Listeners), "%d of %d were moved", r.Moved, r.Listeners)
	bar(r.Left == 0, "%d are still in the old room", r.Left)
	bar(r.Silence.Max <= 1000, "somebody heard nothing for %.0f ms", r.Silence.Max)
	bar(r.Gaps == 0, "%d frames were missing", r.Gaps)
	bar(r.Stalled == 0, "players stalled %d times", r.Stalled)
	bar(r.Wrong == 0, "%d times something was wrong", r.Wrong)
	bar(r.Cuts == 0, "%d were cut off", r.Cuts)
	bar(len(r.Invalid) == 0, "the generator was the bottleneck")
}

// findings is a drill's result, as far as it is read here (docs/DRILL.md).
type findings struct {
	Seconds []struct {
		At      int64            `json:"at"` // Unix
		Seated  int64            `json:"seated"`
		Refused map[string]int64 `json:"refused"`
		Gaps    int64            `json:"gaps"`
		Stalls  int64            `json:"stalls"`
		Wrong   int64            `json:"wrong"`
		Cuts    int64            `json:"cuts"`
	} `json:"seconds"`
	Crossed spread   `json:"crossed"`
	Invalid []string `json:"invalid"`
	Notes   []string `json:"notes"`
}

// add takes in what the drill found; the order was given at a moment.
func (r *result) add(f findings, moved time.Time) {
	r.Silence, r.Moved, r.Invalid, r.Notes = f.Crossed, f.Crossed.Count, f.Invalid, f.Notes
	for _, s := range f.Seconds {
		r.Seated, r.Gaps, r.Stalls, r.Wrong, r.Cuts = r.Seated+s.Seated, r.Gaps+s.Gaps, r.Stalls+s.Stalls, r.Wrong+s.Wrong, r.Cuts+s.Cuts
		if s.At >= moved.Unix() {
			r.Stalled += s.Stalls
		}
		for _, n := range s.Refused {
			r.Refused += n
		}
	}
}

func run(p plan) (_ *result, err error) {
	r := &result{Listeners: p.listeners, Machine: machine.About()}
	dir, err := os.MkdirTemp("", "epidaurus-evening-")
	if err != nil {
		return r, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // it is the system's to clean
	program, err := build(dir)
	if err != nil {
		return r, err
	}
	s, err := startServer(program, dir)
	if err != nil {
		return r, err
	}
	defer s.end()
	claimed, err := cluster.Claim(s.link)
	if err != nil {
		return r, err
	}
	h := host{claimed}
	from, err := h.room("The room that is left")
	if err != nil {
		return r, err
	}
	to, err := h.room("The room that is gone to")
	if err != nil {
		return r, err
	}
	time.Sleep(p.settle) // both have more than a depth of sound by then: who comes to a room that has just begun gets what there is
	out := filepath.Join(dir, "drill.json")
	d, err := startDrill(program, s.listeners+"/r/"+from, out, p)
	if err != nil {
		return r, err
	}
	defer d.Kill()
	err = h.wait(from, p.ramp+patience, func(n int) bool { return n >= p.listeners })
	if err != nil {
		return r, err
	}
	time.Sleep(p.settle)
	began, err := r.move(h, from, to, p)
	if err != nil {
		return r, err
	}
	var f findings
	err = d.End(&f)
	if err != nil {
		return r, err
	}
	r.add(f, began)
	r.judge()
	return r, nil
}

// build makes the program that is measured.
func build(dir string) (program string, err error) {
	program = filepath.Join(dir, "epidaurus")
	build := exec.Command("go", "build", "-o", program, "github.com/epidaurus-live/epidaurus/cmd/epidaurus")
	build.Env, build.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	err = build.Run()
	if err != nil {
		return "", fmt.Errorf("build the program: %w", err)
	}
	return program, nil
}

// move moves the listeners from one room to the other, ends the first, and says when it began.
func (r *result) move(h host, from, to string, p plan) (began time.Time, err error) {
	figure.Say("%d listeners are seated, and moved now", p.listeners)
	began = time.Now()
	err = h.Ask(http.MethodPut, "/api/rooms/"+from+"/move", map[string]any{"to": to}, nil)
	if err != nil {
		return began, err
	}
	err = h.wait(from, 2*patience, func(n int) bool { return n == 0 })
	r.Within = figure.Round(time.Since(began).Seconds())
	if err != nil {
		figure.Say("%v", err)
	}
	time.Sleep(p.settle) // whoever has a gap or nothing to play notices it by then
	r.Left, err = h.seats(from)
	if err != nil {
		return began, err
	}
	err = h.Ask(http.MethodPost, "/api/rooms/"+from+"/end", nil, nil)
	if err != nil {
		return began, err
	}
	time.Sleep(2 * time.Second) // and nobody is there to notice
	return began, nil
}

func startDrill(program, target, out string, p plan) (*cluster.Drill, error) {
	return cluster.StartDrill(program, out, nil, target, "--listeners", strconv.Itoa(p.listeners), "--ramp", p.ramp.String(),
		"--hold", "1h", "--sample", strconv.FormatFloat(p.sample, 'f', -1, 64))
}

// server is the program as one process.
type server struct {
	cmd             *exec.Cmd
	listeners, link string
	done            chan struct{}
}

func startServer(program, dir string) (*server, error) {
	ports := make([]string, 3)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		ports[i] = l.Addr().String()
		_ = l.Close() // for the server to open
	}
	s := &server{listeners: "http://" + ports[0], done: make(chan struct{})}
	s.cmd = exec.Command(program, "serve", "--data", filepath.Join(dir, "data"), "--listen", ports[0], "--stage", ports[1], "--private", ports[2], "--per-address", "0")
	s.cmd.Env, s.cmd.Stderr = append(os.Environ(), "EPIDAURUS_LOG=text", "EPIDAURUS_LOG_LEVEL=warn"), os.Stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	links := make(chan string, 1)
	go func() { // ends with the server's output
		defer close(s.done)
		defer close(links)
		for text := bufio.NewScanner(out); text.Scan(); {
			if line := strings.TrimSpace(text.Text()); strings.Contains(line, "#claim=") {
				select {
				case links <- line[strings.Index(line, "http"):]:
				default:
				}
			}
		}
	}()
	select {
	case link, ok := <-links:
		s.link = link
		if ok {
			return s, nil
		}
	case <-time.After(patience):
	}
	s.end()
	return nil, errors.New("the server gives no host's link")
}

func (s *server) end() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(15*time.Second, func() { _ = s.cmd.Process.Kill() })
	<-s.done
	_ = s.cmd.Wait() // how it ended does not matter any more
	late.Stop()
}

// host is who makes the rooms, and counts who is in them.
type host struct{ *cluster.Host }

// room makes one that is not taped: only who listens is looked at.
func (h host) room(title string) (id string, err error) {
	var r struct{ ID string }
	err = h.Ask(http.MethodPost, "/api/rooms", map[string]any{"title": title, "lang": "en", "low_delay": false, "tape": false}, &r)
	return r.ID, err
}

// seats is how many a room has, as its public page is told.
func (h host) seats(id string) (int, error) {
	var room struct {
		URL string `json:"listen_url"`
	}
	err := h.Ask(http.MethodGet, "/api/rooms/"+id, nil, &room)
	if err != nil {
		return 0, err
	}
	resp, err := asking.Get(room.URL + "/status.json")
	if err != nil {
		return 0, fmt.Errorf("ask how it goes: %w", err)
	}
	var said struct{ Seated int }
	err = errors.Join(json.NewDecoder(resp.Body).Decode(&said), resp.Body.Close())
	return said.Seated, err
}

func (h host) wait(id string, limit time.Duration, come func(seats int) bool) error {
	for late := time.Now().Add(limit); ; time.Sleep(100 * time.Millisecond) {
		n, err := h.seats(id)
		switch {
		case err != nil:
			return err
		case come(n):
			return nil
		case time.Now().After(late):
			return fmt.Errorf("after %s the room %s has %d seats", limit, id, n)
		}
	}
}
