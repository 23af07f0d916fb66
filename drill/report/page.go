package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/result"
)

// page is what the template shows: words only, no arithmetic.
type page struct {
	Name, Summary  string
	Network        string
	Valid          bool
	Invalid        []string
	Target, URL    string
	When, Took     string
	Arcs           []arc
	Stands         string // for how many a mark stands
	Peak           string
	Figures        []figureView
	Goals          []goalView
	GoalsMissed    int
	Events         []event
	Plots          []plot
	Projections    []projectionView
	Stopped, Notes []string
	Agents         []agentView
	Machines       []result.Machine
	MachineLines   []string
	Commands       []string
	Plan           string
	Build, Config  string
	Validity       string
	Sample         string // who parsed and who counted
}

type figureView struct {
	Name, Value, More string
	Kind              result.Kind
	Bad               bool
}

type goalView struct {
	Goal, Value, Why string
	Met              bool
}

type event struct{ Number, At, What string }

type projectionView struct {
	result.Projection
	From, Measured, To, Value string
}

type agentView struct {
	Name, Late, Lag, Share string
	Saturated              bool
	Reasons                []string
}

func newPage(r result.Result) *page {
	r.Settle()
	if len(r.Seconds) == 0 {
		r.Valid, r.Invalid = false, append(slices.Clone(r.Invalid), "nothing was counted")
	}
	total := r.Total()
	p := &page{
		Name: r.Name, Network: r.Target.Network, Valid: r.Valid, Invalid: r.Invalid, Target: r.Target.Kind, URL: r.Target.URL,
		When: r.Started.UTC().Format("2006-01-02 15:04:05 UTC"), Took: time.Duration(r.Took).Round(time.Second).String(),
		Stopped: r.Stopped, Notes: r.Notes, Commands: r.Commands, Build: r.Server.String(), Config: r.Config, Validity: r.Validity(),
		Plan: indented(r.Plan), Peak: count(total.Seats), Summary: summary(total), Sample: sample(r.Listeners),
	}
	if p.Name == "" {
		p.Name = "Drill"
	}
	if p.Network == "" {
		p.Network = "not stated"
	}
	if r.Target.TLS != "" && r.Target.TLS != "none" {
		p.Target += ", TLS (" + r.Target.TLS + " handshakes)"
	}
	if p.Build == "" {
		p.Build = "not told by the server"
	}
	var stands float64
	p.Arcs, stands = theatre(total.Due, total.Seated, total.AllRefused+total.AllFailed)
	if total.Due > 0 {
		p.Stands = fmt.Sprintf("one mark: %s listeners", trim(stands))
	}
	p.figures(r, total)
	p.goals(r.Goals)
	p.plots(r, total)
	for _, x := range r.Projections {
		p.Projections = append(p.Projections, projectionView{
			x, count(x.From), figure(x.Measured, x.Unit), count(x.To), figure(x.Value, x.Unit),
		})
	}
	p.generator(r)
	return p
}

func indented(plan json.RawMessage) string {
	if len(plan) == 0 {
		return ""
	}
	var out bytes.Buffer
	err := json.Indent(&out, plan, "", "  ")
	if err != nil {
		return string(plan)
	}
	return out.String()
}

func summary(t result.Total) string {
	s := fmt.Sprintf("%s due, %s heard sound", plural(t.Due, "listener was", "listeners were"), count(t.Seated))
	if n := t.AllRefused + t.AllFailed; n > 0 {
		s += fmt.Sprintf("; attempts: %s refused, %s failed", count(t.AllRefused), count(t.AllFailed))
	}
	return s + "."
}

func sample(l result.Listeners) string {
	all := l.Parsed + l.Counted
	switch {
	case all == 0:
		return ""
	case l.Counted == 0:
		return fmt.Sprintf("All %s listeners parsed every byte.", count(l.Parsed))
	}
	return fmt.Sprintf("%s of %s listeners parsed every byte (%s); the others counted bytes and noticed cuts. "+
		"Gaps, stalls, silent frames and wrong bytes are those of the sample.",
		count(l.Parsed), count(all), share(l.Parsed, all))
}

func (p *page) figures(r result.Result, t result.Total) {
	add := func(name, value, more string, bad bool) {
		p.Figures = append(p.Figures, figureView{name, value, more, result.Measured, bad})
	}
	h := r.FirstSound
	if h.Count() > 0 {
		add("First sound, p99", span(h.Quantile(0.99)),
			fmt.Sprintf("p50 %s, p99.9 %s, longest %s", span(h.Quantile(0.5)), span(h.Quantile(0.999)), span(h.Max())), false)
	}
	var fastest int64
	for _, s := range r.Seconds {
		fastest = max(fastest, s.Seated)
	}
	add("Joins per second", count(fastest), "heard their first sound in the best second", false)
	if r.Listeners.Parsed > 0 {
		add("Frames missing", count(t.Gaps), fmt.Sprintf("of %s checked; %s silent, %s wrong", count(t.Frames+t.Gaps), count(t.Silent),
			count(t.Wrong)), t.Gaps > 0)
		add("Stalls", count(t.Stalls), "players that had nothing left to play", t.Stalls > 0)
	}
	add("Refused", share(t.AllRefused, t.Due), fmt.Sprintf("%s refused, %s failed", count(t.AllRefused), count(t.AllFailed)), false)
	add("Seats lost", count(t.Cuts-t.Resumed), fmt.Sprintf("%s, %s resumed", plural(t.Cuts, "cut", "cuts"), count(t.Resumed)),
		t.Cuts > t.Resumed)
	if t.ServerCPU > 0 && r.CPUPerSeat() > 0 {
		add("Server CPU", trim(r.CPUPerSeat())+" µs", "per listener-second, joins included", false)
	}
	if t.ServerRSS > 0 && t.Seats > 0 {
		add("Server memory", size(float64(t.ServerRSS)), fmt.Sprintf("at most; %s for each seat, everything included",
			size(float64(t.ServerRSS)/float64(t.Seats))), false)
	}
	if r.Wire.SeatMillis > 0 {
		all, sound := r.Wire.PerSecond()
		add("On the wire", size(all), fmt.Sprintf("per listener-second; %s without events", size(sound)), false)
	}
	if n := r.Handshakes.Full + r.Handshakes.Resumed; n > 0 {
		add("TLS handshakes", count(n), fmt.Sprintf("%s full, %s resumed; p99 %s", count(r.Handshakes.Full), count(r.Handshakes.Resumed),
			span(r.Handshakes.Took.Quantile(0.99))), false)
	}
	p.edgeFigures(r, t)
}

func (p *page) goals(verdicts []result.Verdict) {
	for _, v := range verdicts {
		g := goalView{Goal: v.Goal, Value: figure(v.Value, v.Unit), Why: v.Why, Met: v.Met}
		if v.Why != "" {
			g.Value = "not known"
		}
		if !v.Met {
			p.GoalsMissed++
		}
		p.Goals = append(p.Goals, g)
	}
}

func (p *page) generator(r result.Result) {
	for _, a := range r.Agents {
		p.Agents = append(p.Agents, agentView{
			Name: a.Name, Late: span(a.Late.Quantile(0.99)), Lag: span(a.Lag.Quantile(0.99)), Share: trim(100*a.Share) + " %",
			Saturated: a.Saturated, Reasons: a.Reasons,
		})
	}
	for _, m := range r.Machines {
		p.MachineLines = append(p.MachineLines, machineLine(m))
	}
}

func machineLine(m result.Machine) string {
	s := fmt.Sprintf("%s: %s", m.Host, plural(int64(m.Cores), "core", "cores"))
	if m.CPU != "" {
		s += " (" + m.CPU + ")"
	}
	if m.Memory > 0 {
		s += ", " + size(float64(m.Memory))
	}
	if m.Kernel != "" {
		s += ", Linux " + m.Kernel
	}
	if len(m.Roles) > 0 {
		s += "; " + strings.Join(m.Roles, " and ")
	}
	return s
}
