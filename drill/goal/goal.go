// Package goal reads what a drill has to show, such as "gaps=0,first_sound_p99<1s,refused<1%", and judges a result by it.
package goal

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/epidaurus-live/epidaurus/drill/result"
)

// maxGoals bounds what [Parse] accepts: more than anybody can mean.
const maxGoals = 64

// Goal is one bar.
type Goal struct {
	Text string // as written
	Name string
	Op   string // one of = < <= > >=
	Bar  float64
	Unit string // of the bar, and of the value in a verdict; "" for a count
}

// operators, longest first, so that <= is not read as <.
var operators = []string{"<=", ">=", "=", "<", ">"}

// Parse reads goals separated by commas. No goals are no error.
func Parse(text string) ([]Goal, error) {
	var goals []Goal
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		if word == "" {
			continue
		}
		if len(goals) == maxGoals {
			return nil, fmt.Errorf("more than %d goals", maxGoals)
		}
		g, err := parse(word)
		if err != nil {
			return nil, fmt.Errorf("goal %q: %w", word, err)
		}
		goals = append(goals, g)
	}
	return goals, nil
}

func parse(word string) (Goal, error) {
	at := strings.IndexAny(word, "<>=")
	if at < 0 {
		return Goal{}, fmt.Errorf("write a name, one of = < <= > >=, and a bar, such as gaps=0")
	}
	g := Goal{Text: word, Name: strings.TrimSpace(word[:at])}
	rest := word[at:]
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			g.Op, rest = op, strings.TrimSpace(rest[len(op):])
			break
		}
	}
	m, ok := find(g.Name)
	if !ok {
		return Goal{}, fmt.Errorf("there is no figure %q; there are %s", g.Name, strings.Join(Names(), ", "))
	}
	number := strings.TrimRight(rest, "%abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZµ")
	g.Unit = strings.Replace(rest[len(number):], "µ", "u", 1)
	bar, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || bar < 0 || math.IsInf(bar, 0) || math.IsNaN(bar) {
		return Goal{}, fmt.Errorf("%q is no bar: write a number of at least 0%s", rest, m.example())
	}
	g.Bar = bar
	if g.Unit == "" && bar == 0 && m.kind != count {
		g.Unit = units[m.kind][0].name
	}
	if !m.accepts(g.Unit) {
		return Goal{}, fmt.Errorf("%q is no unit of %s%s", g.Unit, g.Name, m.example())
	}
	return g, nil
}

// Names lists every figure that a goal can be about.
func Names() []string {
	var names []string
	for _, m := range metrics() {
		names = append(names, m.name)
	}
	slices.Sort(names)
	return names
}

// Judge compares a result with goals. What the result does not know is not met, and the verdict says why.
func Judge(r result.Result, goals []Goal) []result.Verdict {
	total := r.Total()
	verdicts := make([]result.Verdict, 0, len(goals))
	for _, g := range goals {
		v := result.Verdict{Goal: g.Text, Name: g.Name, Unit: g.Unit, Bar: g.Bar}
		m, ok := find(g.Name)
		if !ok {
			v.Why = "there is no such figure"
			verdicts = append(verdicts, v)
			continue
		}
		value, why := m.in(g.Unit, r, total)
		v.Value, v.Why = value, why
		v.Met = why == "" && holds(value, g.Op, g.Bar)
		verdicts = append(verdicts, v)
	}
	return verdicts
}

func holds(value float64, op string, bar float64) bool {
	switch op {
	case "=":
		return value == bar
	case "<":
		return value < bar
	case "<=":
		return value <= bar
	case ">":
		return value > bar
	case ">=":
		return value >= bar
	}
	return false
}

// Missed reports whether any goal was.
func Missed(verdicts []result.Verdict) bool {
	return slices.ContainsFunc(verdicts, func(v result.Verdict) bool { return !v.Met })
}
