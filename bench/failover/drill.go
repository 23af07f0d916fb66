//go:build linux

package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/cluster"
	"github.com/epidaurus-live/epidaurus/bench/internal/figure"
)

// longest is how long listeners stay if nobody ends the drill.
const longest = time.Hour

func startDrill(program, target string, n int, p plan, out string) (*cluster.Drill, error) {
	// One event loop: there are as many processes as edges.
	return cluster.StartDrill(program, out, []string{"GOMAXPROCS=1"}, target, "--listeners", strconv.Itoa(n), "--ramp", p.ramp.String(),
		"--hold", longest.String(), "--sample", strconv.FormatFloat(p.sample, 'f', -1, 64))
}

// findings is a drill's result, as far as it is read here (docs/DRILL.md).
type findings struct {
	Seconds []second `json:"seconds"`
	Away    away     `json:"away"`
	Depth   string   `json:"depth"`
	Invalid []string `json:"invalid"`
	Notes   []string `json:"notes"`
}

type second struct {
	At      int64            `json:"at"`
	Seated  int64            `json:"seated"`
	Refused map[string]int64 `json:"refused"`
	Failed  map[string]int64 `json:"failed"`
	Frames  int64            `json:"frames"`
	Gaps    int64            `json:"gaps"`
	Silent  int64            `json:"silent"`
	Stalls  int64            `json:"stalls"`
	Wrong   int64            `json:"wrong"`
	Cuts    int64            `json:"cuts"`
	Resumed int64            `json:"resumed"`
	Away    int64            `json:"away_us"`
}

// away is a distribution; of several drills it is the worst of each quantile.
type away struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

// add takes in what one drill found.
func (r *result) add(f findings) {
	depth, _ := time.ParseDuration(f.Depth) // nothing heard is no depth
	if r.Depth == 0 || depth.Seconds() < r.Depth {
		r.Depth = depth.Seconds()
	}
	r.Away = away{
		r.Away.Count + f.Away.Count, max(r.Away.P50, f.Away.P50), max(r.Away.P99, f.Away.P99), max(r.Away.Max, f.Away.Max),
	}
	r.Invalid = append(r.Invalid, f.Invalid...)
	for _, note := range f.Notes {
		if !slices.Contains(r.Notes, note) {
			r.Notes = append(r.Notes, note)
		}
	}
	for _, s := range f.Seconds {
		r.Seated += s.Seated
		r.Gaps, r.Stalls, r.Silent, r.Wrong = r.Gaps+s.Gaps, r.Stalls+s.Stalls, r.Silent+s.Silent, r.Wrong+s.Wrong
		r.Frames += s.Frames
		switch {
		case s.At >= r.Drained.At.Unix():
			r.Drained.add(s)
		case s.At >= r.Killed.At.Unix():
			r.Killed.add(s)
		}
	}
}

func (m *move) add(s second) {
	m.Cuts, m.Resumed, m.Gaps, m.Stalls = m.Cuts+s.Cuts, m.Resumed+s.Resumed, m.Gaps+s.Gaps, m.Stalls+s.Stalls
	m.Silent, m.Wrong = m.Silent+s.Silent, m.Wrong+s.Wrong
	m.Away = max(m.Away, figure.Round(float64(s.Away)/1e6))
	if m.Refused == nil {
		m.Refused, m.Failed = map[string]int64{}, map[string]int64{}
	}
	for code, n := range s.Refused {
		m.Refused[code] += n
	}
	for why, n := range s.Failed {
		m.Failed[why] += n
	}
}

// back is how long after a kill those who lost their edge were seated again. It is read every 50 ms.
type back struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_s"`
	P99   float64 `json:"p99_s"`
	Max   float64 `json:"max_s"`
}

// comeBack waits until as many more are seated as were cut off.
func (s *show) comeBack(since time.Time, stayed, cut int) (*back, error) {
	b := &back{}
	marks := map[int]*float64{cut / 2: &b.P50, int(math.Ceil(0.99 * float64(cut))): &b.P99, cut: &b.Max}
	order := slices.Sorted(maps.Keys(marks))
	for late := since.Add(time.Minute); len(order) > 0; time.Sleep(50 * time.Millisecond) {
		n, err := s.Seated()
		if err != nil {
			return b, err
		}
		for b.Count = n - stayed; len(order) > 0 && b.Count >= order[0]; order = order[1:] {
			*marks[order[0]] = figure.Round(time.Since(since).Seconds())
		}
		if time.Now().After(late) {
			figure.Say("only %d of %d listeners are back after a minute", b.Count, cut)
			break
		}
	}
	return b, nil
}

// all waits until every listener has a seat.
func (s *show) all(what string, limit time.Duration) error {
	return cluster.Wait(limit, fmt.Sprintf("%d %s", s.listeners, what), func() (bool, error) {
		n, err := s.Seated()
		return n == s.listeners, err
	})
}
