//go:build linux

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/bench/internal/figure"
	"github.com/epidaurus-live/epidaurus/bench/internal/machine"
	"github.com/epidaurus-live/epidaurus/tape"
)

// perServer is how many seats a process takes when there are several.
const perServer = 17_000

// steps are the counts at which the cost is measured. Cadences are those that the machine can keep at that count.
func steps(p plan) (all []plan) {
	add := func(seats, rooms int, cadence time.Duration, v tape.Variant) {
		q := p
		q.Seats, q.Rooms, q.Cadence, q.Variant = seats, rooms, cadence, slices.Index(tape.Variants, v)
		q.Servers = 1
		if seats > 15_000 {
			q.Servers = (seats + perServer - 1) / perServer
		}
		q.Windows, q.Window = 5, max(p.Window, cadence)
		all = append(all, q)
	}
	const short, middle, long = 960 * time.Millisecond, 3840 * time.Millisecond, 15360 * time.Millisecond
	add(1_000, 1, short, tape.Opus24)
	add(5_000, 1, short, tape.Opus24)
	add(15_000, 1, short, tape.Opus24)
	add(50_000, 1, middle, tape.Opus24)
	add(150_000, 1, middle, tape.Opus24)
	add(500_000, 1, long, tape.Opus12)
	add(15_000, 100, short, tape.Opus24)
	add(15_000, 1_000, short, tape.Opus24)
	return all
}

// growth measures all steps up to a number of seats, prints them and draws them.
func growth(p plan, most int, svg string) error {
	var results []result
	for _, q := range steps(p) {
		if q.Seats > most {
			continue
		}
		figure.Say("%d seats, %d rooms, %d servers, every %v", q.Seats, q.Rooms, q.Servers, q.Cadence)
		r, err := measure(q)
		if err != nil {
			return fmt.Errorf("%d seats, %d rooms: %w", q.Seats, q.Rooms, err)
		}
		figure.Say("ratio %.3f, %.1f against %.1f µs a write, %d gaps", r.Ratio, r.Edge, r.Bare, r.Gaps)
		results = append(results, r)
	}
	if svg != "" {
		err := os.WriteFile(svg, []byte(plot(results)), 0o644)
		if err != nil {
			return err
		}
	}
	return figure.Print(struct {
		Steps   []result      `json:"steps"`
		Machine machine.Facts `json:"machine"`
	}{results, machine.About()})
}

// plot draws the ratio of each step as a bar against the floor, which is 1.
func plot(results []result) string {
	const wide, high, left, top, most = 64, 220.0, 48, 40, 2.0
	var b strings.Builder
	y := func(ratio float64) float64 { return top + high*(1-min(ratio, most)/most) }
	width := left + wide*len(results) + 16
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d 320" font-family="sans-serif" font-size="11">`+"\n", width)
	fmt.Fprintf(&b, `<rect width="%d" height="320" fill="#fff"/>`+"\n", width)
	fmt.Fprintf(&b, `<text x="%d" y="20" font-size="13">Server CPU per seat-write, bare send loop = 1 (measured, loopback, no NIC)</text>`+"\n", left)
	for _, mark := range []float64{0, 0.5, 1, 1.5, 2} {
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#ccc"/><text x="%d" y="%.1f" text-anchor="end">%.1f</text>`+"\n",
			left, y(mark), width-16, left-6, y(mark)+4, mark)
	}
	for i, r := range results {
		x := left + wide*i + 10
		fmt.Fprintf(&b, `<rect x="%d" y="%.1f" width="%d" height="%.1f" fill="#246"/>`+"\n", x, y(r.Ratio), wide-20, y(0)-y(r.Ratio))
		lines := []string{fmt.Sprintf("%dk seats", r.Seats/1000), fmt.Sprintf("%d rooms", r.Rooms), r.Cadence}
		for j, line := range lines {
			fmt.Fprintf(&b, `<text x="%d" y="%.1f" text-anchor="middle">%s</text>`+"\n", x+wide/2-10, y(0)+16+14*float64(j), line)
		}
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" text-anchor="middle">%.2f</text>`+"\n", x+wide/2-10, y(r.Ratio)-4, r.Ratio)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
