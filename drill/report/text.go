package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/epidaurus-live/epidaurus/drill/result"
)

// Text writes the result in the width of a terminal. What came from outside cannot move the cursor.
func Text(w io.Writer, r result.Result) error {
	p := newPage(r)
	var b bytes.Buffer
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-18s %s\n", printable(name), printable(fmt.Sprintf(format, args...)))
	}
	fmt.Fprintf(&b, "%s\n", printable(p.Name))
	line("network", "%s", p.Network)
	line("target", "%s at %s", p.Target, p.URL)
	line("began", "%s, took %s", p.When, p.Took)
	line("", "%s", p.Summary)
	fmt.Fprintf(&b, "\nMeasured\n")
	line("seats at most", "%s", p.Peak)
	for _, f := range p.Figures {
		line(strings.ToLower(f.Name), "%-9s %s", f.Value, f.More)
	}
	if p.Sample != "" {
		line("", "%s", p.Sample)
	}
	for i, x := range p.Projections {
		if i == 0 {
			fmt.Fprintf(&b, "\nNot measured\n")
		}
		line(string(x.Kind), "%s %s for %s, from %s with %s", x.Figure, x.Value, x.To, x.Measured, x.From)
		for _, a := range x.Assumptions {
			line("", "· %s", a)
		}
	}
	if len(p.Goals) > 0 {
		fmt.Fprintf(&b, "\nGoals\n")
	}
	for _, g := range p.Goals {
		word := "missed"
		if g.Met {
			word = "met"
		}
		line(word, "%s: %s", g.Goal, strings.TrimSpace(g.Value+" "+g.Why))
	}
	b.WriteString("\n")
	for _, s := range p.Stopped {
		line("stopped", "%s", s)
	}
	if p.Valid {
		line("valid run", "until build or configuration changes: %s", p.Build)
	} else {
		line("INVALID RUN", "these figures say nothing about the server:")
		for _, reason := range p.Invalid {
			line("", "· %s", reason)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// printable leaves out what a terminal would act on.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) {
			return -1
		}
		return c
	}, s)
}
