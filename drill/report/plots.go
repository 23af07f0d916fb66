package report

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/result"
)

// maxProcesses is how many processes have a colour of their own; the rest are one band.
const maxProcesses = 5

func (p *page) plots(r result.Result, total result.Total) {
	t := newTimes(r.Seconds)
	marks := p.marks(r.Events, t)
	p.Plots = append(p.Plots, joins(r, t), firstSound(r), seats(r, t), holes(r, total, t), refusals(r, total, t))
	cpu, memory := processes(r, t)
	p.Plots = append(p.Plots, cpu, memory, bytesPlot(r, t))
	p.Plots = append(p.Plots, edgePlots(r, t)...)
	for i := range p.Plots {
		if p.Plots[i].ID != "sound" {
			p.Plots[i].Marks = append(p.Plots[i].Marks, marks...)
		}
	}
}

// marks numbers what happened; the words are in a list of their own.
func (p *page) marks(events []result.Event, t times) []mark {
	var marks []mark
	total := float64(int64(t.columns) * t.width)
	for i, e := range events[:min(len(events), 20)] {
		since := float64(e.At - t.first)
		if t.columns == 0 || since < 0 || since > total {
			continue
		}
		n := fmt.Sprint(i + 1)
		marks = append(marks, mark{At: 100 * since / total, Label: n, Class: "event"})
		p.Events = append(p.Events, event{Number: n, At: clock(since), What: e.What})
	}
	return marks
}

func joins(r result.Result, t times) plot {
	due := t.means(r.Seconds, func(s result.Second) int64 { return s.Due })
	begun := t.means(r.Seconds, func(s result.Second) int64 { return s.Begun })
	seated := t.means(r.Seconds, func(s result.Second) int64 { return s.Seated })
	end, ticks := scale(most(due, begun, seated), short)
	return plot{
		ID: "joins", Title: "Joins per second", Sub: t.sub("listeners in each second"), Kind: result.Measured, X: t.ticks(), Y: ticks,
		Layers: []layer{{"fill s1", area(nil, seated, end)}, {"line s1", steps(seated, end)}, {"line s2", steps(begun, end)},
			{"line dash ink", steps(due, end)}},
		Legend: []legend{
			{"dash ink", "due by the plan", ""}, {"s2", "begun by the generator", ""}, {"s1 box", "heard their first sound",
				"at most " + count(int64(most(seated))) + " / s"},
		},
		Empty: noSeconds(t), Alt: fmt.Sprintf("at most %s listeners a second heard their first sound", count(int64(most(seated)))),
	}
}

func noSeconds(t times) string {
	if t.columns == 0 {
		return "Not one second was counted."
	}
	return ""
}

func seats(r result.Result, t times) plot {
	held := t.means(r.Seconds, func(s result.Second) int64 { return s.Seats })
	end, ticks := scale(most(held), short)
	return plot{
		ID: "seats", Title: "Seats held", Sub: t.sub("at the end of each second"), Kind: result.Measured, X: t.ticks(), Y: ticks,
		Layers: []layer{{"fill s1", area(nil, held, end)}, {"line s1", steps(held, end)}},
		Empty:  noSeconds(t), Alt: fmt.Sprintf("at most %s seats", count(int64(most(held)))),
	}
}

func holes(r result.Result, total result.Total, t times) plot {
	pl := plot{ID: "gaps", Title: "Gaps and stalls", Sub: "frames missing and players run dry, among those who parsed",
		Kind: result.Measured}
	switch {
	case r.Listeners.Parsed == 0:
		pl.Empty = "Not known: no listener parsed what he got."
		return pl
	case total.Gaps+total.Stalls+total.Silent+total.Wrong == 0:
		pl.Empty = fmt.Sprintf("None. %s checked by %s: no frame missing, none silent, no stall, no wrong byte.",
			plural(total.Frames, "frame", "frames"), plural(r.Listeners.Parsed, "listener", "listeners"))
		return pl
	}
	gaps := t.sums(r.Seconds, func(s result.Second) int64 { return s.Gaps })
	stalls := t.sums(r.Seconds, func(s result.Second) int64 { return s.Stalls })
	silent := t.sums(r.Seconds, func(s result.Second) int64 { return s.Silent })
	end, ticks := scale(most(gaps, stalls, silent), short)
	pl.X, pl.Y = t.ticks(), ticks
	pl.Layers = []layer{{"fill s2", area(nil, silent, end)}, {"fill bad", area(nil, gaps, end)}, {"line s1", steps(stalls, end)}}
	pl.Legend = []legend{
		{"bad box", "frames missing", count(total.Gaps)}, {"s1", "stalls", count(total.Stalls)}, {"s2 box", "silent frames",
			count(total.Silent)},
		{"", "wrong bytes", count(total.Wrong)},
	}
	pl.Alt = fmt.Sprintf("%d frames missing, %d stalls", total.Gaps, total.Stalls)
	return pl
}

// refusals stacks what was refused by code, and what failed by cause.
func refusals(r result.Result, total result.Total, t times) plot {
	pl := plot{ID: "refused", Title: "Refused and failed", Sub: "by the code of the answer, or by what went wrong without one",
		Kind: result.Measured}
	if total.AllRefused+total.AllFailed == 0 {
		pl.Empty = "Nobody. " + plural(total.Begun, "join was", "joins were") + " begun."
		return pl
	}
	var bands []band
	for _, code := range slices.Sorted(maps.Keys(total.Refused)) {
		bands = append(bands, band{
			"refused: " + code, count(total.Refused[code]), t.means(r.Seconds, func(s result.Second) int64 { return s.Refused[code] }),
		})
	}
	for _, cause := range slices.Sorted(maps.Keys(total.Failed)) {
		bands = append(bands, band{
			"failed: " + cause, count(total.Failed[cause]), t.means(r.Seconds, func(s result.Second) int64 { return s.Failed[cause] }),
		})
	}
	pl.stack(bands, t, short)
	pl.Alt = fmt.Sprintf("%d refused, %d failed", total.AllRefused, total.AllFailed)
	return pl
}

type band struct {
	name, value string
	values      []float64
}

// stack lays the largest bands on each other, and the rest as one on top.
func (pl *plot) stack(bands []band, t times, label func(float64) string) {
	slices.SortStableFunc(bands, func(a, b band) int {
		sa, sb := sumOf(a.values), sumOf(b.values)
		switch {
		case sa > sb:
			return -1
		case sa < sb:
			return 1
		}
		return 0
	})
	if len(bands) > maxProcesses+1 {
		rest := band{name: fmt.Sprintf("%d more", len(bands)-maxProcesses), values: make([]float64, t.columns)}
		for _, b := range bands[maxProcesses:] {
			for i, v := range b.values {
				rest.values[i] += v
			}
		}
		bands = append(slices.Clone(bands[:maxProcesses]), rest)
	}
	low := make([]float64, t.columns)
	sums := make([][]float64, 0, len(bands))
	for _, b := range bands {
		high := slices.Clone(low)
		for i, v := range b.values {
			high[i] += v
		}
		sums, low = append(sums, high), high
	}
	end, ticks := scale(most(low), label)
	pl.X, pl.Y = t.ticks(), ticks
	var under []float64
	for i, b := range bands {
		class := fmt.Sprintf("s%d", i+1)
		pl.Layers = append(pl.Layers, layer{"band " + class, area(under, sums[i], end)})
		pl.Legend = append(pl.Legend, legend{class + " box", b.name, b.value})
		under = sums[i]
	}
}

func sumOf(values []float64) float64 {
	s := 0.0
	for _, v := range values {
		s += v
	}
	return s
}

// processes plots what each server process used.
func processes(r result.Result, t times) (cpu, memory plot) {
	cpu = plot{ID: "cpu", Title: "CPU of the server", Sub: t.sub("cores in use, by process"), Kind: result.Measured}
	memory = plot{ID: "memory", Title: "Memory of the server", Sub: t.sub("resident, by process"), Kind: result.Measured}
	if len(r.Servers) == 0 || t.columns == 0 {
		cpu.Empty = "Not known: no process of the server was watched."
		memory.Empty = cpu.Empty
		return cpu, memory
	}
	var used, held []band
	for _, s := range r.Servers {
		name := fmt.Sprintf("%s %d", s.Name, s.PID)
		var micros, rss int64
		for _, u := range s.Seconds {
			micros += u.CPU
			rss = max(rss, u.RSS)
		}
		used = append(used, band{name, trim(float64(micros)/1e6) + " s", t.usage(s.Seconds,
			func(u result.Usage) float64 { return float64(u.CPU) / 1e6 })})
		held = append(held, band{name, size(float64(rss)), t.usage(s.Seconds, func(u result.Usage) float64 { return float64(u.RSS) })})
	}
	cpu.stack(used, t, trim)
	memory.stack(held, t, size)
	cpu.Alt = plural(int64(len(used)), "process", "processes")
	memory.Alt = cpu.Alt
	return cpu, memory
}

func bytesPlot(r result.Result, t times) plot {
	each := t.sums(r.Seconds, func(s result.Second) int64 { return s.Bytes })
	held := t.sums(r.Seconds, func(s result.Second) int64 { return s.Seats })
	for i := range each {
		each[i] /= max(held[i], 1)
	}
	end, ticks := scale(most(each), size)
	all, sound := r.Wire.PerSecond()
	pl := plot{
		ID: "bytes", Title: "Bytes per listener-second",
		Sub:  "over TCP, what came in a second over the seats held in it; bursts at the join included",
		Kind: result.Measured, X: t.ticks(), Y: ticks, Layers: []layer{{"fill s2", area(nil, each, end)},
			{"line s2", steps(each, end)}}, Empty: noSeconds(t),
	}
	if r.Wire.SeatMillis > 0 {
		s := float64(r.Wire.SeatMillis) / 1000
		pl.Legend = []legend{
			{"", "whole run, everything", size(all)},
			{"", "without events", size(sound)},
			{"", "events", size(float64(r.Wire.Events) / s)},
			{"", "heads", size(float64(r.Wire.Heads) / s)},
			{"", "bursts", size(float64(r.Wire.Bursts) / s)},
		}
		pl.Alt = size(all) + " per listener-second over the whole run"
	}
	return pl
}

// firstSound plots how many waited how long, both on logarithmic axes: the few who wait longest are what it is about.
func firstSound(r result.Result) plot {
	pl := plot{
		ID: "sound", Title: "Time to first sound",
		Sub:  "from the moment the plan wanted the listener to his first whole frame; both axes logarithmic",
		Kind: result.Measured,
	}
	h := r.FirstSound
	if h.Count() == 0 {
		pl.Empty = "Nobody heard a sound."
		return pl
	}
	bars := h.Bars()
	const perDecade = 24
	place := func(d time.Duration) float64 { return math.Log10(max(result.Millis(d), 1e-3)) }
	from := math.Floor(place(bars[0].From)*3) / 3
	to := math.Ceil(place(h.Max())*3+0.1) / 3
	columns := make([]float64, max(int((to-from)*perDecade), 1))
	for _, b := range bars {
		i := int((place(b.To) - from) * perDecade)
		columns[min(max(i, 0), len(columns)-1)] += float64(b.Count)
	}
	top := math.Ceil(math.Log10(most(columns)) + 0.15)
	for i, v := range columns {
		if v > 0 {
			columns[i] = math.Log10(v) + 0.12 // one listener is seen
		}
	}
	end := top + 0.12
	for e := 0.0; e <= top; e++ {
		pl.Y = append(pl.Y, tick{At: 100 * (1 - (e+0.12)/end), Label: short(math.Pow(10, e))})
	}
	pl.X = logTicks(from, to)
	pl.Layers = []layer{{"fill s1", area(nil, columns, end)}, {"line s1", steps(columns, end)}}
	for i, q := range []struct {
		name string
		d    time.Duration
	}{{"p50", h.Quantile(0.5)}, {"p99", h.Quantile(0.99)}, {"p99.9", h.Quantile(0.999)}, {"max", h.Max()}} {
		at := min(max(100*(place(q.d)-from)/(to-from), 0), 100)
		class := "quantile"
		if at > 85 {
			class = "quantile left" // its label
		}
		pl.Marks = append(pl.Marks, mark{At: at, Label: q.name, Row: i, Class: class})
		pl.Legend = append(pl.Legend, legend{"", q.name, span(q.d)})
	}
	pl.Alt = fmt.Sprintf("p50 %s, p99 %s, p99.9 %s, longest %s", span(h.Quantile(0.5)), span(h.Quantile(0.99)), span(h.Quantile(0.999)),
		span(h.Max()))
	return pl
}

// logTicks are at the decades of milliseconds, and at 2 and 5 of each where there is room.
func logTicks(from, to float64) []tick {
	var out []tick
	for _, f := range []float64{1, 2, 5} {
		for e := math.Floor(from); e <= to; e++ {
			at := 100 * (e + math.Log10(f) - from) / (to - from)
			crowded := slices.ContainsFunc(out, func(t tick) bool { return math.Abs(t.At-at) < 10 })
			if at < 0 || at > 97 || crowded {
				continue
			}
			d := time.Duration(f * math.Pow(10, e) * float64(time.Millisecond))
			out = append(out, tick{At: at, Label: span(d), Minor: f != 1 && to-from > 1})
		}
	}
	return out
}
