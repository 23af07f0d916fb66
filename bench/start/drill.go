//go:build linux

package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/cluster"
	"github.com/epidaurus-live/epidaurus/internal/wav"
)

const (
	// longest is how long listeners stay if nobody ends the drill.
	longest = 10 * time.Minute
	// drillStart is how long a drill takes until its plan begins.
	drillStart = 300 * time.Millisecond
)

// phase is a part of a plan (docs/DRILL.md).
type phase struct {
	Shape     string
	Over      time.Duration
	Listeners int
	Rate      float64
}

// ends makes a process end with this one.
func ends() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
}

func startDrill(program, dir, name, target string, phases []phase) (*cluster.Drill, error) {
	var plan strings.Builder
	fmt.Fprintf(&plan, "name = %q\ntarget = %q\nsample = 0.02\n", name, target)
	for _, p := range phases {
		fmt.Fprintf(&plan, "\n[[phase]]\nshape = %q\nover = %q\n", p.Shape, p.Over)
		if p.Listeners > 0 {
			fmt.Fprintf(&plan, "listeners = %d\n", p.Listeners)
		}
		if p.Rate > 0 {
			fmt.Fprintf(&plan, "rate = %f\n", p.Rate)
		}
	}
	file := filepath.Join(dir, name+".toml")
	err := os.WriteFile(file, []byte(plan.String()), 0o600)
	if err != nil {
		return nil, err
	}
	// One event loop: there are as many processes as edges.
	return cluster.StartDrill(program, filepath.Join(dir, name+".json"), []string{"GOMAXPROCS=1"}, file)
}

// findings is a drill's result, as far as it is read here (docs/DRILL.md).
type findings struct {
	Seconds []struct {
		At      int64            `json:"at"`
		Due     int64            `json:"due"`
		Seated  int64            `json:"seated"`
		Refused map[string]int64 `json:"refused"`
		Failed  map[string]int64 `json:"failed"`
		Frames  int64            `json:"frames"`
		Gaps    int64            `json:"gaps"`
		Silent  int64            `json:"silent"`
		Stalls  int64            `json:"stalls"`
		Wrong   int64            `json:"wrong"`
		Cuts    int64            `json:"cuts"`
	} `json:"seconds"`
	FirstSound times    `json:"first_sound"`
	Invalid    []string `json:"invalid"`
}

// times is a distribution; of several drills it is the worst of each quantile.
type times struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

// listeners is what became of those of several drills.
type listeners struct {
	Due     int64            `json:"due"`
	Seated  int64            `json:"seated"`
	Refused map[string]int64 `json:"refused"`
	Failed  map[string]int64 `json:"failed"`
	Frames  int64            `json:"frames"`
	Gaps    int64            `json:"gaps"`
	Silent  int64            `json:"silent_frames"` // known of those who look into every packet
	Stalls  int64            `json:"stalls"`
	Wrong   int64            `json:"wrong"`
	Cuts    int64            `json:"cuts"`
	First   times            `json:"first_sound"`
	Invalid []string         `json:"invalid,omitempty"`
}

// add takes in what one drill found.
func (l *listeners) add(f findings) {
	if l.Refused == nil {
		l.Refused, l.Failed = map[string]int64{}, map[string]int64{}
	}
	for _, s := range f.Seconds {
		l.Due, l.Seated, l.Frames, l.Gaps, l.Silent = l.Due+s.Due, l.Seated+s.Seated, l.Frames+s.Frames, l.Gaps+s.Gaps, l.Silent+s.Silent
		l.Stalls, l.Wrong, l.Cuts = l.Stalls+s.Stalls, l.Wrong+s.Wrong, l.Cuts+s.Cuts
		for code, n := range s.Refused {
			l.Refused[code] += n
		}
		for why, n := range s.Failed {
			l.Failed[why] += n
		}
	}
	t := f.FirstSound
	l.First = times{l.First.Count + t.Count, max(l.First.P50, t.P50), max(l.First.P99, t.P99), max(l.First.Max, t.Max)}
	l.Invalid = append(l.Invalid, f.Invalid...)
}

// writeTone writes ten seconds of 440 Hz, of whole periods.
func writeTone(name string) error {
	pcm := make([]float32, 10*wav.Rate)
	for i := range pcm {
		pcm[i] = float32(0.2 * math.Sin(2*math.Pi*440*float64(i)/wav.Rate))
	}
	return wav.WriteFile(name, pcm)
}
