package goal

import (
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/result"
)

type kind int

const (
	count kind = iota
	duration
	bytes
)

type unit struct {
	name string
	size float64
}

// units of each kind, the smallest first. A count has none, or % where there is something to be a part of.
var units = map[kind][]unit{
	duration: {{"us", 1e-6}, {"ms", 1e-3}, {"s", 1}},
	bytes:    {{"B", 1}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}},
}

// metric is a figure of a result: in seconds, bytes, or a count.
type metric struct {
	name  string
	kind  kind
	value func(result.Result, result.Total) (float64, string) // the text says why it is not known
	whole func(result.Total) int64                            // what % is of; nil: % is no unit
}

func (m metric) accepts(u string) bool {
	if m.kind == count {
		return u == "" || u == "%" && m.whole != nil
	}
	for _, known := range units[m.kind] {
		if known.name == u {
			return true
		}
	}
	return false
}

func (m metric) example() string {
	switch {
	case m.kind == duration:
		return ", with us, ms or s behind it, such as " + m.name + "<1s"
	case m.kind == bytes:
		return ", with B, kB, MB or GB behind it, such as " + m.name + "<4kB"
	case m.whole != nil:
		return ", with or without %, such as " + m.name + "<1%"
	}
	return ", without a unit, such as " + m.name + "=0"
}

func (m metric) in(u string, r result.Result, t result.Total) (float64, string) {
	v, why := m.value(r, t)
	if why != "" {
		return 0, why
	}
	if u == "%" {
		if m.whole == nil || m.whole(t) == 0 {
			return 0, "there is nothing that it could be a part of"
		}
		return 100 * v / float64(m.whole(t)), ""
	}
	for _, known := range units[m.kind] {
		if known.name == u {
			return v / known.size, ""
		}
	}
	return v, ""
}

func find(name string) (metric, bool) {
	for _, m := range metrics() {
		if m.name == name {
			return m, true
		}
	}
	return metric{}, false
}

func metrics() []metric {
	due := func(t result.Total) int64 { return t.Due }
	frames := func(t result.Total) int64 { return t.Frames + t.Gaps }
	all := []metric{
		{"gaps", count, parsed(func(t result.Total) int64 { return t.Gaps }), frames},
		{"silent", count, parsed(func(t result.Total) int64 { return t.Silent }), frames},
		{"stalls", count, parsed(func(t result.Total) int64 { return t.Stalls }), nil},
		{"wrong", count, parsed(func(t result.Total) int64 { return t.Wrong }), nil},
		{"cuts", count, counted(func(t result.Total) int64 { return t.Cuts }), nil},
		{"lost", count, counted(func(t result.Total) int64 { return t.Cuts - t.Resumed }), nil},
		{"refused", count, counted(func(t result.Total) int64 { return t.AllRefused }), due},
		{"failed", count, counted(func(t result.Total) int64 { return t.AllFailed }), due},
		{"seated", count, counted(func(t result.Total) int64 { return t.Seated }), due},
		{"seats", count, counted(func(t result.Total) int64 { return t.Seats }), due},
		{"moved", count, moved, due},
		{"joins_per_second", count, mostSeated, nil},
		{"cpu_per_seat", duration, cpuPerSeat, nil},
		{"server_rss", bytes, serverRSS, nil},
		{"rss_per_seat", bytes, rssPerSeat, nil},
		{"edge_joins_per_second", count, edges(func(t result.EdgeTotal) float64 { return float64(t.MostSeated) }), nil},
		{"edge_refused", count, edges(func(t result.EdgeTotal) float64 { return float64(t.Refused) }), nil},
		{"edge_gaps", count, edges(func(t result.EdgeTotal) float64 { return float64(t.Gaps) }), nil},
		{"edge_tick_late_max", duration, edges(func(t result.EdgeTotal) float64 { return t.WorstLate.Seconds() }), nil},
		{"bytes_per_second", bytes, bytesPerSecond(false), nil},
		{"sound_bytes_per_second", bytes, bytesPerSecond(true), nil},
	}
	for prefix, of := range map[string]func(result.Result) result.Histogram{
		"first_sound": func(r result.Result) result.Histogram { return r.FirstSound },
		"first_byte":  func(r result.Result) result.Histogram { return r.FirstByte },
		"move_gap":    func(r result.Result) result.Histogram { return r.Crossed },
		"handshake":   func(r result.Result) result.Histogram { return r.Handshakes.Took },
		"late":        func(r result.Result) result.Histogram { return arrivals(r) },
	} {
		for suffix, q := range map[string]float64{"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "max": 1} {
			all = append(all, metric{prefix + "_" + suffix, duration, quantile(of, q), nil})
		}
	}
	return all
}

func counted(of func(result.Total) int64) func(result.Result, result.Total) (float64, string) {
	return func(r result.Result, t result.Total) (float64, string) {
		if len(r.Seconds) == 0 {
			return 0, "nothing was counted"
		}
		return float64(of(t)), ""
	}
}

// parsed is a figure that only those know who look at every byte.
func parsed(of func(result.Total) int64) func(result.Result, result.Total) (float64, string) {
	return func(r result.Result, t result.Total) (float64, string) {
		if r.Listeners.Parsed == 0 {
			return 0, "no listener parsed what he got"
		}
		return float64(of(t)), ""
	}
}

// edges is a figure that the server's edges counted themselves.
func edges(of func(result.EdgeTotal) float64) func(result.Result, result.Total) (float64, string) {
	return func(r result.Result, _ result.Total) (float64, string) {
		t := r.EdgeTotal()
		if !t.Known {
			return 0, "the edges' own counters were not read: --private says where they are"
		}
		return of(t), ""
	}
}

// moved is how many were taken to another room.
func moved(r result.Result, _ result.Total) (float64, string) {
	if len(r.Seconds) == 0 {
		return 0, "nothing was counted"
	}
	return float64(r.Crossed.Count()), ""
}

func quantile(of func(result.Result) result.Histogram, q float64) func(result.Result, result.Total) (float64, string) {
	return func(r result.Result, _ result.Total) (float64, string) {
		h := of(r)
		if h.Count() == 0 {
			return 0, "it did not happen once"
		}
		if q == 1 {
			return h.Max().Seconds(), ""
		}
		return h.Quantile(q).Seconds(), ""
	}
}

func arrivals(r result.Result) result.Histogram {
	var all result.Histogram
	for _, a := range r.Agents {
		all.Add(a.Late)
	}
	return all
}

func mostSeated(r result.Result, _ result.Total) (float64, string) {
	if len(r.Seconds) == 0 {
		return 0, "nothing was counted"
	}
	var most int64
	for _, s := range r.Seconds {
		most = max(most, s.Seated)
	}
	return float64(most), ""
}

func cpuPerSeat(r result.Result, t result.Total) (float64, string) {
	if t.ServerCPU == 0 {
		return 0, "no server process was watched"
	}
	us := r.CPUPerSeat()
	if us == 0 {
		return 0, "nobody was seated while the server was watched"
	}
	return us * float64(time.Microsecond) / float64(time.Second), ""
}

func serverRSS(_ result.Result, t result.Total) (float64, string) {
	if t.ServerRSS == 0 {
		return 0, "no server process was watched"
	}
	return float64(t.ServerRSS), ""
}

func rssPerSeat(r result.Result, t result.Total) (float64, string) {
	rss, why := serverRSS(r, t)
	if why == "" && t.Seats == 0 {
		why = "nobody was seated"
	}
	if why != "" {
		return 0, why
	}
	return rss / float64(t.Seats), ""
}

func bytesPerSecond(withoutEvents bool) func(result.Result, result.Total) (float64, string) {
	return func(r result.Result, _ result.Total) (float64, string) {
		all, sound := r.Wire.PerSecond()
		switch {
		case r.Wire.SeatMillis == 0:
			return 0, "nobody was seated"
		case withoutEvents:
			return sound, ""
		}
		return all, ""
	}
}

// Help lists the figures and their units, for the help of a command.
func Help() string {
	byKind := map[string][]string{}
	for _, name := range Names() {
		m, _ := find(name)
		switch {
		case m.kind == duration:
			byKind["times (us, ms, s)"] = append(byKind["times (us, ms, s)"], name)
		case m.kind == bytes:
			byKind["bytes (B, kB, MB, GB)"] = append(byKind["bytes (B, kB, MB, GB)"], name)
		case m.whole != nil:
			byKind["counts, or %"] = append(byKind["counts, or %"], name)
		default:
			byKind["counts"] = append(byKind["counts"], name)
		}
	}
	var lines []string
	for _, k := range []string{"counts", "counts, or %", "times (us, ms, s)", "bytes (B, kB, MB, GB)"} {
		lines = append(lines, k+": "+strings.Join(byKind[k], ", "))
	}
	return strings.Join(lines, "\n")
}
