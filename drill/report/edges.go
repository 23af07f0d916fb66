package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/result"
)

// edgeFigures are what the server's edges counted themselves, beside what the crowd saw.
func (p *page) edgeFigures(r result.Result, t result.Total) {
	add := func(name, value, more string, bad bool) {
		p.Figures = append(p.Figures, figureView{name, value, more, result.Measured, bad})
	}
	if e := r.EdgeTotal(); e.Known {
		add("Edges: joins/s", count(e.MostSeated), fmt.Sprintf(
			"seated in the best second, of at most %s offered; in all %s seated of %s offered (the crowd: %s of %s), %s", count(e.MostOffered),
			count(e.Seated), count(e.Offered), count(t.Seated), count(t.Due), reasons(e)), false)
		add("Edges: ticks late", span(e.WorstLate), fmt.Sprintf("at most; %s given silence, %s cut, %s handed to the kernel",
			plural(e.Gaps, "seat was", "seats were"), count(e.Cut), size(float64(e.BytesOut))), false)
	}
	for _, m := range []struct {
		name, what string
		counted    result.Misbehaved
	}{{"Slow on purpose", "read", r.Slow}, {"Stuck on purpose", "read before they stopped", r.Stuck}} {
		c := m.counted
		if c.Due == 0 {
			continue
		}
		add(m.name, count(c.Seated), fmt.Sprintf(
			"seated of %s; %s refused, %s failed, %s closed by the server; %s %s. In no other figure", count(c.Due), count(c.Refused),
			count(c.Failed), count(c.Closed), size(float64(c.Bytes)), m.what), false)
	}
}

// reasons are the refusals, by reason.
func reasons(e result.EdgeTotal) string {
	if e.Refused == 0 {
		return "none refused"
	}
	var words []string
	for _, code := range slices.Sorted(maps.Keys(e.Reasons)) {
		words = append(words, fmt.Sprintf("%s %s", count(e.Reasons[code]), code))
	}
	return "refused: " + strings.Join(words, ", ")
}

// edgePlots are joins and lateness as the edges counted them. Without their counters there are none.
func edgePlots(r result.Result, t times) []plot {
	counted := r.EdgeSeconds()
	if len(counted) == 0 || t.columns == 0 {
		return nil
	}
	means := func(of func(result.EdgeSecond) int64) []float64 {
		out := make([]float64, t.columns)
		for _, s := range counted {
			c := t.column(s.At())
			if c >= 0 {
				out[c] += float64(of(s)) / float64(t.width)
			}
		}
		return out
	}
	offered := means(func(s result.EdgeSecond) int64 { return s.Offered })
	seated := means(func(s result.EdgeSecond) int64 { return s.Seated })
	begun := t.means(r.Seconds, func(s result.Second) int64 { return s.Begun })
	end, ticks := scale(most(offered, seated, begun), short)
	joins := plot{
		ID: "edgejoins", Title: "Joins per second, by the edges", Kind: result.Measured, X: t.ticks(), Y: ticks,
		Sub: t.sub("requests for a seat in each second, as the edges' own counters say"),
		Layers: []layer{{"fill s1", area(nil, seated, end)}, {"line s1", steps(seated, end)}, {"line s2", steps(offered, end)},
			{"line dash ink", steps(begun, end)}},
		Legend: []legend{
			{"dash ink", "begun by the generator", ""}, {"s2", "offered", "at most " + count(int64(most(offered))) + " / s"},
			{"s1 box", "seated", "at most " + count(int64(most(seated))) + " / s"},
		},
		Alt: fmt.Sprintf("at most %s offered and %s seated a second", count(int64(most(offered))), count(int64(most(seated)))),
	}
	late := make([]float64, t.columns)
	for _, s := range counted {
		if c := t.column(s.At()); c >= 0 {
			late[c] = max(late[c], s.WorstLate.Seconds())
		}
	}
	end, ticks = scale(most(late), func(v float64) string { return span(time.Duration(v * float64(time.Second))) })
	return []plot{joins, {
		ID: "edgelate", Title: "Ticks late, by the edges", Sub: "the latest tick of any section of any edge", Kind: result.Measured,
		X: t.ticks(), Y: ticks, Layers: []layer{{"fill s2", area(nil, late, end)}, {"line s2", steps(late, end)}},
		Alt: "at most " + span(r.EdgeTotal().WorstLate),
	}}
}
