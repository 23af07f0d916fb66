package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/epidaurus-live/epidaurus/drill/crowd"
	"github.com/epidaurus-live/epidaurus/drill/fleet"
	"github.com/epidaurus-live/epidaurus/drill/goal"
	"github.com/epidaurus-live/epidaurus/drill/plan"
	"github.com/epidaurus-live/epidaurus/drill/plans"
	"github.com/epidaurus-live/epidaurus/drill/report"
	"github.com/epidaurus-live/epidaurus/drill/result"
	"github.com/epidaurus-live/epidaurus/internal/liveline"
)

// exitInvalid: the figures are the generator's, and not the server's.
const exitInvalid = 3

type drillRunCommand struct {
	Target string `arg:"" optional:"" help:"The room's link, the address of other endless sound, or a plan file (.toml)."`

	Plan      string        `help:"A plan file, or the name of a plan that comes with the program: steady, ramp, storm, leave, reconnect." placeholder:"FILE"`
	Kind      string        `help:"What is there: epidaurus, http (endless sound, such as Icecast's) or hls. Default: epidaurus." placeholder:"KIND"`
	Listeners int           `help:"How many come, without a plan. Default: 100." placeholder:"N"`
	Ramp      time.Duration `help:"Within which time they come, without a plan. Default: 5s." placeholder:"10s"`
	Hold      time.Duration `help:"How long they stay then, without a plan. Default: 15s." placeholder:"30s"`
	Sample    *float64      `help:"Share of the listeners that looks into every packet, 0 to 1. Default: 0.01." placeholder:"SHARE"`
	Rest      string        `help:"How the others look: packets, frames, chunks or bytes. Default: frames." placeholder:"LEVEL"`
	Variant   string        `help:"opus-48, opus-24 or opus-12." placeholder:"NAME"`
	TLS       string        `name:"tls" help:"With https: full, or resumed (sessions are resumed). Default: full." placeholder:"MODE"`
	Insecure  bool          `help:"Do not verify certificates."`
	CA        string        `name:"ca" help:"Trust this certificate too (PEM)." placeholder:"FILE"`

	Agents  int    `help:"How many processes play the listeners. Default: 1, in this one." placeholder:"N"`
	NATS    string `name:"nats" help:"Where agents of this or other machines wait. Without it they are started here." placeholder:"URL"`
	Watch   []int  `help:"Processes of the server on this machine, whose CPU and memory are kept." placeholder:"PID"`
	Private string `help:"The server's private port, or several with commas between: what its process uses, what it is and what its edge counts each second is in the result." placeholder:"URL"`

	Goal []string `sep:"," env:"-" help:"What must be: gaps=0,first_sound_p99<1s. Exit 1 when it is not." placeholder:"GOALS"`
	Out  string   `env:"-" help:"Write the result (JSON) here, and a summary to stdout. Default: the result goes to stdout." placeholder:"FILE"`
	HTML string   `name:"html" env:"-" help:"Write the report, one page with plots, here." placeholder:"FILE"`

	Data string `help:"The result and the report are kept in drills/ of this folder, without it in drills/ here, named by time and plan. Default: ${default}." default:"data" placeholder:"DIR"`
	Keep bool   `env:"-" help:"Keep them there." default:"true" negatable:""`

	IOwnThisServer bool `name:"i-own-this-server" env:"-" help:"Load a server that is not on this machine. A drill is an attack where that is not true."`
}

// Help is shown by drill --help.
func (drillRunCommand) Help() string {
	return `Takes many seats, as the public would, by the clock and not by the server's answers, and checks what arrives. docs/DRILL.md says what is measured, and
how to read it. Exit codes: 0 done, 1 a goal was missed or something failed, 2 the command line or the plan is wrong, 3 the run is invalid:
the generator was the bottleneck.

Examples:
  epidaurus drill http://localhost:8080/r/harbour-k3f9x2 --listeners 2000 --ramp 10s --hold 30s
  epidaurus drill http://localhost:8080/r/harbour-k3f9x2 --plan storm --agents 4 --goal 'gaps=0,first_sound_p99<1s' --html storm.html
  epidaurus drill run plan.toml --out result.json
  epidaurus drill http://localhost:8000/stream.ogg --kind http --listeners 500`
}

// Run drills.
func (c *drillRunCommand) Run(p *program) error {
	todo, err := c.plan()
	if err == nil {
		err = todo.Validate()
	}
	goals, bad := goal.Parse(strings.Join(c.Goal, ","))
	if bad != nil {
		err = errors.Join(err, fmt.Errorf("goal: %w", bad))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "epidaurus:", err)
		return exitError(exitUsage)
	}
	err = c.permit(p, &todo)
	if err != nil {
		return err
	}
	r, err := c.drill(p, todo)
	if err != nil {
		return err
	}
	return c.finish(p, r, goals)
}

// plan makes one plan of file and flags; flags are stronger.
func (c *drillRunCommand) plan() (plan.Plan, error) {
	todo, file := plan.Default(), c.Plan
	if strings.HasSuffix(c.Target, ".toml") && file == "" {
		c.Target, file = "", c.Target
	}
	if file != "" {
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) && filepath.Base(file) == file {
			text, err = plans.Read(strings.TrimSuffix(file, ".toml"))
		}
		if err != nil {
			return todo, err
		}
		todo, err = plan.Parse(text)
		if err != nil {
			return todo, fmt.Errorf("%s: %w", file, err)
		}
	}
	if c.Target != "" {
		todo.Target = c.Target
		if strings.HasPrefix(c.Target, "https:") && todo.TLS.Mode == plan.TLSNone {
			todo.TLS.Mode = plan.TLSFull
		}
	}
	c.override(&todo)
	if c.Listeners > 0 || c.Ramp > 0 || c.Hold > 0 {
		if file != "" {
			return todo, errors.New("listeners, ramp and hold are for a drill without a plan; the plan's phases say it")
		}
	}
	if file == "" {
		todo.Phases = []plan.Phase{
			{Shape: plan.Ramp, Listeners: or(c.Listeners, 100), Over: plan.Duration(or(c.Ramp, 5*time.Second))},
			{Shape: plan.Hold, Over: plan.Duration(or(c.Hold, 15*time.Second))},
		}
	}
	return todo, nil
}

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// override puts what the flags say into a plan.
func (c *drillRunCommand) override(todo *plan.Plan) {
	todo.Kind = or(plan.Kind(c.Kind), todo.Kind)
	todo.Rest = or(plan.Check(c.Rest), todo.Rest)
	todo.Variant = or(c.Variant, todo.Variant)
	todo.TLS.Mode = or(plan.TLSMode(c.TLS), todo.TLS.Mode)
	todo.TLS.CA = or(c.CA, todo.TLS.CA)
	todo.TLS.Insecure = todo.TLS.Insecure || c.Insecure
	todo.Private = or(c.Private, todo.Private)
	if c.Sample != nil {
		todo.Sample = *c.Sample
	}
}

// permit says what a drill of another machine will do, and refuses it without leave.
func (c *drillRunCommand) permit(p *program, todo *plan.Plan) error {
	here, err := crowd.Loopback(p.ctx, todo)
	if err != nil || here {
		return err
	}
	s := todo.Script()
	fmt.Fprintf(os.Stderr, "This drill opens up to %d connections to %s, which is not on this machine, within %s.\n", s.Peak, todo.Target, s.Duration)
	if !c.IOwnThisServer {
		return errors.New("say --i-own-this-server if it is yours: a load that nobody asked for is an attack")
	}
	return nil
}

// drill plays the plan, and watches the server meanwhile.
func (c *drillRunCommand) drill(p *program, todo plan.Plan) (r result.Result, err error) {
	processes, err := fleet.Find(p.ctx, c.Watch, todo.Privates())
	if err != nil {
		return r, err
	}
	var counters *fleet.Counters
	if todo.Kind == plan.Epidaurus && todo.Private != "" {
		counters = fleet.OpenCounters(todo.Privates())
	}
	watching, stop := context.WithCancel(context.Background())
	watched := make(chan struct{})
	var servers []result.Server
	var missed []string
	go func() {
		defer close(watched)
		servers, missed = fleet.Watch(watching, processes)
	}()
	line := liveline.New(os.Stderr)
	show := func(at fleet.Progress) { line.Show(progress(at)) }
	if c.Agents > 1 || c.NATS != "" {
		r, err = c.together(p, todo, show)
	} else {
		r, err = c.alone(p, todo, show)
	}
	line.Close()
	stop()
	if counters != nil {
		edges, notes := counters.Close(time.Now())
		r.Edges, r.Notes = edges, append(r.Notes, notes...)
	}
	<-watched
	r.Servers, r.Notes = append(r.Servers, servers...), append(r.Notes, missed...)
	if r.Started.Unix() > 0 {
		fleet.Describe(&r, processes)
	}
	r.Commands = []string{strings.Join(os.Args, " ")}
	return r, err
}

// alone plays in this process.
func (c *drillRunCommand) alone(p *program, todo plan.Plan, show func(fleet.Progress)) (result.Result, error) {
	played, err := crowd.New(p.ctx, crowd.Config{Plan: todo, Name: "agent-1", Abroad: c.IOwnThisServer})
	if err != nil {
		return result.Result{}, err
	}
	ctx, stop := context.WithCancel(context.Background())
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				show(fleet.NewProgress(played.Snapshot()))
			case <-ctx.Done():
				return
			}
		}
	}()
	r, err := played.Run(p.ctx)
	stop()
	<-shown
	return r, err
}

// together lets agents play.
func (c *drillRunCommand) together(p *program, todo plan.Plan, show func(fleet.Progress)) (result.Result, error) {
	cfg := fleet.RunConfig{URL: c.NATS, Plan: todo, Agents: max(c.Agents, 1), Show: show}
	if c.NATS != "" {
		return fleet.Run(p.ctx, cfg)
	}
	home, err := fleet.OpenHome()
	if err != nil {
		return result.Result{}, err
	}
	defer home.Close()
	arguments := []string{"drill", "agent", "--once"}
	if c.IOwnThisServer {
		arguments = append(arguments, "--i-own-this-server")
	}
	// They are not of p.ctx: whoever stops early still wants what was found, and the run tells them.
	started, err := fleet.Start(context.WithoutCancel(p.ctx), home.URL(), cfg.Agents, arguments...)
	if err != nil {
		return result.Result{}, err
	}
	cfg.URL = home.URL()
	r, err := fleet.Run(p.ctx, cfg)
	if err != nil {
		started.Kill()
	}
	ended := started.Wait()
	if err == nil && ended != nil {
		fmt.Fprintln(os.Stderr, "epidaurus:", ended)
	}
	return r, err
}

// progress is a running drill in one line.
func progress(p fleet.Progress) string {
	all := result.Result{Seconds: []result.Second{p.All}}.Total()
	text := fmt.Sprintf("%s  %d listening  %d/s joined  first sound p50 %.0f ms p99 %.0f ms  %d gaps  %d stalls  %d refused  %d failed  %d cut  %.1f Mbit/s",
		time.Duration(p.Took).Round(time.Second), p.Now.Seats, p.Now.Seated,
		result.Millis(p.FirstSound.Quantile(0.5)), result.Millis(p.FirstSound.Quantile(0.99)),
		all.Gaps, all.Stalls, all.AllRefused, all.AllFailed, all.Cuts, float64(p.Now.Bytes)*8/1e6)
	if p.Saturated {
		text += "  SATURATED"
	}
	return text
}

// finish judges, and writes what was found.
func (c *drillRunCommand) finish(p *program, r result.Result, goals []goal.Goal) error {
	r.Goals = goal.Judge(r, goals)
	if c.Keep {
		file, err := keepResult(drillFolder(c.Data), r)
		if err != nil { // the run is done, and its result goes where it was asked to
			fmt.Fprintf(os.Stderr, "epidaurus: the result is not kept: %v; --data names another folder, --no-keep keeps none\n", err)
		} else {
			fmt.Fprintf(os.Stderr, "kept as %s, and beside it the report\n", file)
		}
	}
	var err error
	if c.Out == "" {
		err = r.Write(p.stdout)
	} else {
		err = errors.Join(writeFile(c.Out, r.Write), report.Text(p.stdout, r))
	}
	if err == nil && c.HTML != "" {
		err = writeFile(c.HTML, func(w io.Writer) error { return report.Write(w, r) })
	}
	if err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	if !r.Valid {
		for _, why := range r.Invalid {
			fmt.Fprintln(os.Stderr, "invalid:", why)
		}
		return exitError(exitInvalid)
	}
	if goal.Missed(r.Goals) {
		for _, v := range r.Goals {
			if !v.Met {
				fmt.Fprintln(os.Stderr, "missed:", v.Goal, v.Why)
			}
		}
		return exitError(exitFailure)
	}
	return nil
}

func writeFile(name string, write func(io.Writer) error) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}
