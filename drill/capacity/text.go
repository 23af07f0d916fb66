package capacity

import (
	"fmt"
	"io"
	"strings"
)

// Text writes the arithmetic as a table.
func (n Need) Text(w io.Writer, a Ask) error {
	var b strings.Builder
	tls := "plain"
	if a.TLS {
		tls = "TLS"
	}
	fmt.Fprintf(&b, "%s listeners, %s kbit/s, %v h, cadence %v, %s\n", digits(float64(a.Listeners)), digits(a.Bitrate/1000), a.Hours,
		a.Cadence, tls)
	fmt.Fprintf(&b, "one machine: %d cores, %s, %s; %s %% of each stays free\n", a.Cores, scaled(a.Memory, "B"), scaled(a.Line, "bit/s"),
		digits(a.Headroom*100))
	fmt.Fprintf(&b, "costs: %s\n\n", n.Source)
	for _, l := range n.Lines {
		fmt.Fprintf(&b, "  %-42s %14s  %-12s  %s\n", l.Name, scaled(l.Value, l.Unit), l.Kind, l.Formula)
	}
	fmt.Fprintf(&b, "\n%d machines, one of them to spare; %s decides.\n", n.Machines, n.Limit)
	for _, note := range n.Notes {
		fmt.Fprintf(&b, "%s\n", note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// scaled writes bytes and bits in the unit that fits, and everything else as it is.
func scaled(v float64, unit string) string {
	if unit == "B" || unit == "bit/s" {
		for _, step := range []struct {
			size float64
			name string
		}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
			if v >= step.size {
				return significant(v/step.size) + " " + step.name + unit
			}
		}
	}
	return significant(v) + " " + unit
}

func significant(v float64) string {
	if v >= 100 {
		return digits(v)
	}
	text := fmt.Sprintf("%.2f", v)
	if v >= 10 {
		text = fmt.Sprintf("%.1f", v)
	}
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
